#!/usr/bin/env bash
# Installs the Debian packages that the build and the programs need; does nothing when they are there.
set -euo pipefail

packages=(libdeflate-dev libhdf5-dev liblapacke-dev libnuma-dev libopenblas-dev libxxhash-dev openssl pkg-config python3)

if ! command -v swift >/dev/null; then
    echo "No Swift toolchain found: install Swift 6.3 or later from swift.org and put it on PATH." >&2
    exit 69
fi

missing=()
for package in "${packages[@]}"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' ||
        missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || {
        echo "Ask an administrator to run: apt-get install ${missing[*]}" >&2
        exit 77
    }
    as_root=(sudo)
fi
echo "Installing ${missing[*]}" >&2
"${as_root[@]}" apt-get update -q >&2
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q "${missing[@]}" >&2
