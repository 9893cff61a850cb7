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
python="$("$root/scripts/install-peers.sh")"
exec "$python" "$root/scripts/parity.py" "$@"
