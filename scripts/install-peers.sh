#!/usr/bin/env bash
# Installs crispyx 0.0.4 and the other packages that this project is compared with, pinned, and
# prints the Python that has them.
#
# CRISPYX_VENV    folder of the Python environment (default .build/parity-venv)
# CRISPYX_PYTHON  Python that makes it (default python3; 3.11 or newer)
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
lock="$root/Tests/ParityTests/Fixtures/requirements.lock"
venv="${CRISPYX_VENV:-$root/.build/parity-venv}"
python="${CRISPYX_PYTHON:-python3}"

if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "install-peers: $python is older than Python 3.11, which the locked packages need" >&2
    exit 2
fi

# The copy of the lock is written last: an interrupted installation is started again.
if ! cmp -s "$lock" "$venv/installed.lock"; then
    echo "install-peers: installing the reference into $venv" >&2
    "$python" -m venv --clear "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
        --requirement "$lock" >&2 || exit 2
    cp "$lock" "$venv/installed.lock"
fi
echo "$venv/bin/python"
