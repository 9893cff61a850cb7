#!/usr/bin/env bash
# Checks the manifests against the schemas of the Kubernetes API, without a cluster.
#
# CRISPYX_VENV_KUBERNETES  folder of the Python environment with the schemas (made when absent)
set -euo pipefail
folder=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$folder/../.." && pwd)
venv=${CRISPYX_VENV_KUBERNETES:-$root/.build/kubernetes-venv}
version=1.37.0

if ! "$venv/bin/python" -c "import kubernetes_validate" 2>/dev/null; then
    echo "validate: installing the schemas into $venv" >&2
    python3 -m venv --clear "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
        "kubernetes-validate==$version"
fi
for part in "$folder" "$folder/array"; do "$venv/bin/python" "$folder/validate.py" "$part"; done
