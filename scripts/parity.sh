#!/usr/bin/env bash
# Compares the built executables with crispyx 0.0.4, scanpy, illico, pdex and PyDESeq2 on fresh
# random screens.
#
#   scripts/parity.sh [--seed N] [--screens N] [--genes N] [--method NAME]... [--case NAME]...
#                     [--markdown FILE] [--no-peers]
#
# CRISPYX_VENV    folder of the Python environment (default .build/parity-venv)
# CRISPYX_PYTHON  Python that makes it (default python3; 3.11 or newer)
# CRISPYX_BIN     folder of the executables (default .build/release)
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
lock="$root/Tests/ParityTests/Fixtures/requirements.lock"
venv="${CRISPYX_VENV:-$root/.build/parity-venv}"
python="${CRISPYX_PYTHON:-python3}"

if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "parity: $python is older than Python 3.11, which the locked packages need" >&2
    exit 2
fi

# The copy of the lock is written last: an interrupted installation is started again.
if ! cmp -s "$lock" "$venv/installed.lock"; then
    echo "parity: installing the reference into $venv" >&2
    "$python" -m venv --clear "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
        --requirement "$lock" || exit 2
    cp "$lock" "$venv/installed.lock"
fi

exec "$venv/bin/python" "$root/scripts/parity.py" "$@"
