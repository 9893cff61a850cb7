#!/usr/bin/env bash
# Coverage-guided fuzzing of what reads bytes from the network: libFuzzer with AddressSanitizer.
#
#   scripts/fuzz.sh [TARGET...]      worker-frames, coordinator-frames, segments; all by default
#
# CRISPYX_FUZZ_RUNS    inputs for each (default 1,000,000)
# CRISPYX_FUZZ_CORPUS  folder that inputs of interest are kept in (default .build/fuzz/corpus)
#
# Needs `swift build -c release` before, whose libraries of other projects are used as they are.
set -euo pipefail
cd "$(dirname "$0")/.."
built=$(swift build -c release --show-bin-path)
out=$PWD/.build/fuzz
corpus=${CRISPYX_FUZZ_CORPUS:-$out/corpus}
runs=${CRISPYX_FUZZ_RUNS:-1000000}
mkdir -p "$out" "$corpus"

modules=(Digests CountBlocks WireProtocol)
# Libraries that these use; everything else that was built is left alone.
libraries=(
    Atomics _AtomicsShims CNIOAtomics CNIODarwin CNIOLinux CNIOWASI CNIOWindows CNIOOpenBSD
    DequeModule InternalCollectionsUtilities ContainersPreview NIOConcurrencyHelpers NIOCore
    SwiftProtobuf _NIOBase64 _NIODataStructures
)
flags=(
    -O -swift-version 6 -package-name fuzzing -parse-as-library -sanitize=fuzzer,address
    -enable-upcoming-feature ExistentialAny -enable-upcoming-feature InternalImportsByDefault
    -enable-upcoming-feature MemberImportVisibility
    -I "$out" -I "$built/Modules" -I Sources/Shared/CXXHash
)
while read -r map; do flags+=(-Xcc "-fmodule-map-file=$map"); done < <(
    find "$built" -maxdepth 2 -name module.modulemap
    find .build/checkouts/swift-nio/Sources/CNIO*/include \
        .build/checkouts/swift-atomics/Sources/_AtomicsShims/include -name module.modulemap
)

objects=()
for module in "${modules[@]}"; do
    echo "fuzz: compiling $module" >&2
    mapfile -t sources < <(find "Sources/Shared/$module" -name '*.swift')
    swiftc "${flags[@]}" -wmo -module-name "$module" -c -o "$out/$module.o" \
        -emit-module -emit-module-path "$out/$module.swiftmodule" "${sources[@]}"
    objects+=("$out/$module.o")
done
for library in "${libraries[@]}"; do
    [ -d "$built/$library.build" ] || continue
    while read -r object; do objects+=("$object"); done < <(find "$built/$library.build" -name '*.o')
done
echo "fuzz: linking" >&2
swiftc "${flags[@]}" -module-name Fuzzing -o "$out/fuzz" Tests/Fuzzing/Fuzzing.swift \
    "${objects[@]}" -lxxhash

python3 -B Tests/Fuzzing/seeds.py "$corpus"
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(worker-frames coordinator-frames segments)
for target in "${targets[@]}"; do
    echo "fuzz: $target, $runs inputs" >&2
    ASAN_OPTIONS=quarantine_size_mb=32 CRISPYX_FUZZ_TARGET=$target "$out/fuzz" -runs="$runs" -max_len=16000 -rss_limit_mb=512 \
        -timeout=120 -print_final_stats=1 -artifact_prefix="$out/$target-" "$corpus/$target"
done
