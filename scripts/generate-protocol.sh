#!/bin/sh
# Regenerates Sources/Shared/WireProtocol/control.pb.swift from control.proto.
#
# Needs protoc and protoc-gen-swift of the SwiftProtobuf version in Package.resolved. The plugin is
# taken from PROTOC_GEN_SWIFT, else from PATH:
#   swift build -c release --product protoc-gen-swift    (in a checkout of swift-protobuf)
set -eu

folder=$(cd "$(dirname "$0")/../Sources/Shared/WireProtocol" && pwd)
plugin=${PROTOC_GEN_SWIFT:-$(command -v protoc-gen-swift || true)}
if [ -z "$plugin" ]; then
    echo "generate-protocol: protoc-gen-swift is not on PATH; set PROTOC_GEN_SWIFT to it" >&2
    exit 69
fi

protoc --plugin=protoc-gen-swift="$plugin" --proto_path="$folder" --swift_out="$folder" \
    --swift_opt=Visibility=Internal --swift_opt=UseAccessLevelOnImports=true control.proto
