#!/usr/bin/env bash
# Builds the programs and their tests in the one configuration that both use.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/install-dependencies.sh
swift build -c release --build-tests "$@"
