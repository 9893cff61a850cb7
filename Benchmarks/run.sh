#!/usr/bin/env bash
# Runs the frozen-control NB-GLM of the reference and of this project on the same simulated screen,
# interleaved on the same machine, and prints wall time, CPU time, peak memory and their ratio.
#
#   Benchmarks/run.sh [--rounds N] [--perturbations N] [--genes N]
set -euo pipefail
cd "$(dirname "$0")/.."

rounds=3
perturbations=100
genes=4000
while [ $# -gt 0 ]; do
    case $1 in
    --rounds) rounds=$2 ;;
    --perturbations) perturbations=$2 ;;
    --genes) genes=$2 ;;
    *)
        echo "usage: Benchmarks/run.sh [--rounds N] [--perturbations N] [--genes N]" >&2
        exit 64
        ;;
    esac
    shift 2
done

venv=${CRISPYX_VENV:-.build/benchmark-venv}
if [ ! -x "$venv/bin/python" ]; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install -q -r Tests/ParityTests/Fixtures/requirements.lock
fi
scripts/install-dependencies.sh
swift build -c release --product crispyx-coordinator
swift build -c release --product crispyx-worker
bin=$(swift build -c release --show-bin-path)

work=$(mktemp -d "${TMPDIR:-/tmp}/crispyx-benchmark.XXXXXX")
trap 'rm -rf "$work"' EXIT
"$bin/crispyx-coordinator" simulate "$work/screen.h5ad" --perturbations "$perturbations" \
    --genes "$genes" --seed 1 --quiet >/dev/null
"$bin/crispyx-coordinator" inspect "$work/screen.h5ad"
cat "$work/screen.h5ad" >/dev/null # both start with the file in memory

for round in $(seq "$rounds"); do
    "$venv/bin/python" Benchmarks/measure.py --interval 0.02 --json "$work/ours-$round.json" -- \
        "$bin/crispyx-coordinator" "$work/screen.h5ad" --method nb-glm \
        --perturbation-column perturbation --control-label control --freeze-control on \
        --output "$work/ours.h5ad" --force --quiet >/dev/null
    "$venv/bin/python" Benchmarks/reference.py "$work/screen.h5ad" \
        --perturbation-column perturbation --control-label control --n-jobs "$(nproc)" \
        >"$work/reference-$round.json"
done
"$venv/bin/python" Benchmarks/compare.py "$work" "$rounds"
