#!/usr/bin/env bash
# Measures this project beside crispyx 0.0.4, scanpy, illico and h5py, on simulated screens and on
# the same cores, and prints the page docs/benchmarks.md. What each did is checked to be the same.
#
#   Benchmarks/run.sh [NAME...] [--quick] [--rounds N] [--stored DIR] [--markdown FILE]
#
# NAME            wilcoxon, t-test, frozen, cached, apeglm, shrink (default all)
# --quick         tiny screens, one round: a few minutes, to see that everything works
# --rounds N      rounds of which medians are taken (default 3)
# --stored DIR    keeps what slow peers took there, and measures them once only
# --markdown FILE writes the page there too
#
# CRISPYX_VENV    folder of the Python environment (default .build/parity-venv)
# CRISPYX_PYTHON  Python that makes it (default python3; 3.11 or newer)
# CRISPYX_BIN     folder of the executables (default: they are built)
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
python="$("$root/scripts/install-peers.sh")"
bin="${CRISPYX_BIN:-}"
if [ -z "$bin" ]; then
    cd "$root"
    scripts/install-dependencies.sh >&2
    swift build -c release --product crispyx-coordinator >&2
    swift build -c release --product crispyx-worker >&2
    bin="$(swift build -c release --show-bin-path)"
    cd "$OLDPWD"
fi
export PYTHONDONTWRITEBYTECODE=1
exec "$python" "$root/Benchmarks/benchmark.py" --binaries "$bin" "$@"
