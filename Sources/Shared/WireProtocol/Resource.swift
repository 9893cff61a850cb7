package import NIOCore

/// One named thing that workers may fetch: part of the control cache, a block, size factors.
package struct ResourceDescription: Hashable, Sendable {
    /// Key of the resource: ASCII letters, digits, `.`, `_`, `-` and single inner slashes.
    package var name: String
    /// Length of the whole resource, in bytes; at least 1.
    package var bytes: UInt64
    /// Digest of the whole resource.
    package var digest: Bytes16

    /// Makes a description.
    package init(name: String, bytes: UInt64, digest: Bytes16) {
        self.name = name
        self.bytes = bytes
        self.digest = digest
    }

    func validate(in message: String) throws(WireProtocolError) {
        let rules = FieldRules(message: message)
        try rules.resourceName(name, "resource.name")
        try rules.number(bytes, "resource.bytes", in: 1...ProtocolLimits.resourceBytes)
    }
}

/// A worker's request for a part of a resource.
package struct ResourceRequest: Equatable, Sendable {
    /// Number chosen by the worker; the answer repeats it.
    package var request: UInt64
    /// Which resource.
    package var name: String
    /// Where the part starts, in bytes.
    package var offset: UInt64
    /// How long the part is, in bytes; at least 1, at most ``ProtocolLimits/chunkPayloadBytes``.
    package var length: UInt32

    /// Makes a request.
    package init(request: UInt64, name: String, offset: UInt64, length: UInt32) {
        self.request = request
        self.name = name
        self.offset = offset
        self.length = length
    }

    func validate() throws(WireProtocolError) {
        let rules = FieldRules(message: "fetch")
        try rules.resourceName(name, "name")
        try rules.number(offset, "offset", in: 0...ProtocolLimits.resourceBytes)
        try rules.number(length, "length", in: 1...UInt32(ProtocolLimits.chunkPayloadBytes))
    }
}

/// The coordinator's answer to a ``ResourceRequest``: exactly the bytes that it asked for.
package struct ResourceChunk: Equatable, Sendable {
    /// Number of the request that is answered.
    package var request: UInt64
    /// Where the payload starts within the resource, in bytes.
    package var offset: UInt64
    /// The bytes; at least 1, at most ``ProtocolLimits/chunkPayloadBytes``.
    package var payload: ByteBuffer

    /// Makes an answer.
    package init(request: UInt64, offset: UInt64, payload: ByteBuffer) {
        self.request = request
        self.offset = offset
        self.payload = payload
    }

    func validate() throws(WireProtocolError) {
        let rules = FieldRules(message: "resource_chunk")
        try rules.number(offset, "offset", in: 0...ProtocolLimits.resourceBytes)
        let length = payload.readableBytes
        try rules.number(length, "payload length", in: 1...ProtocolLimits.chunkPayloadBytes)
    }
}
