#!/usr/bin/env bash
# Runs a small screen through real ssh and a real Slurm on this machine and compares every result
# with that of a plain local run, byte for byte.
#
#   scripts/test-cluster.sh [ssh] [slurm]        both when none is named
#
# CRISPYX_BIN   folder of the executables (default .build/release, built when absent)
#
# Needs root and Linux with network namespaces, as a machine for tests has; installs Debian's
# slurm-wlm, munge and openssh-server when they are missing, without starting them as services. All
# that it starts lives in network namespaces and a folder of its own and is ended before it ends,
# however it ends; the packages stay. Takes five to ten minutes, most of it Slurm's own waiting.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
source "$root/scripts/cluster-test/common.sh"

wanted=("$@")
[ ${#wanted[@]} -gt 0 ] || wanted=(ssh slurm)

if [ "$(id -u)" -ne 0 ]; then
    echo "test-cluster: needs root (network namespaces, slurmd, sshd)" >&2
    exit 77
fi
install_packages
prepare
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

make_screen
for part in "${wanted[@]}"; do
    case "$part" in
    ssh | slurm)
        source "$root/scripts/cluster-test/$part.sh"
        "test_$part"
        ;;
    *)
        echo "test-cluster: there is ssh and slurm, not $part" >&2
        exit 64
        ;;
    esac
done
summary
