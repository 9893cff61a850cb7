#!/usr/bin/env bash
# Sets up what is missing, builds, and runs every test.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/build.sh
swift format lint --strict --parallel --recursive Sources Tests Package.swift
swift test -c release --skip-build --disable-xctest "$@"
