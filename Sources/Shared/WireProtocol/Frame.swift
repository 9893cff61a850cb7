package import NIOCore

/// What a frame's body is.
package enum FrameKind: UInt8, Equatable, Sendable, CustomStringConvertible {
    /// A protobuf message.
    case control = 1
    /// Part of a resource: fixed little-endian fields, then raw bytes.
    case resourceChunk = 2
    /// Part of a result row: fixed little-endian fields, then raw bytes.
    case rowChunk = 3

    package var description: String {
        switch self {
        case .control: "control"
        case .resourceChunk: "resource chunk"
        case .rowChunk: "row chunk"
        }
    }

    /// Shortest body that makes sense, in bytes.
    var minimumBodyBytes: Int {
        switch self {
        case .control: 0
        case .resourceChunk: ProtocolLimits.resourceChunkHeaderBytes + 1
        case .rowChunk: ProtocolLimits.rowChunkHeaderBytes + 1
        }
    }

    /// Longest body once the greeting was exchanged, in bytes.
    var maximumBodyBytes: Int {
        switch self {
        case .control: ProtocolLimits.controlBodyBytes
        case .resourceChunk:
            ProtocolLimits.resourceChunkHeaderBytes + ProtocolLimits.chunkPayloadBytes
        case .rowChunk: ProtocolLimits.rowChunkHeaderBytes + ProtocolLimits.chunkPayloadBytes
        }
    }
}

/// A message as bytes: `head`, then `payload` if there is one.
///
/// The two are apart so that a bulk payload goes to the socket without being copied.
package struct EncodedFrame: Equatable, Sendable {
    /// Frame header and everything of the body before the bulk payload.
    package let head: ByteBuffer
    /// Bulk payload.
    package let payload: ByteBuffer?

    /// Length of the whole frame, in bytes.
    package var byteCount: Int { head.readableBytes + (payload?.readableBytes ?? 0) }

    /// All bytes in one buffer.
    package var joined: ByteBuffer {
        var buffer = head
        if let payload {
            buffer.writeImmutableBuffer(payload)
        }
        return buffer
    }

    /// Makes a control frame around an encoded protobuf message.
    init(control body: [UInt8]) throws(WireProtocolError) {
        guard body.count <= ProtocolLimits.controlBodyBytes else {
            throw .frameTooLarge(
                kind: .control,
                bytes: body.count,
                limit: ProtocolLimits.controlBodyBytes
            )
        }
        var buffer = ByteBuffer()
        buffer.reserveCapacity(ProtocolLimits.frameHeaderBytes + body.count)
        Self.writeHeader(kind: .control, bodyBytes: body.count, to: &buffer)
        buffer.writeBytes(body)
        head = buffer
        payload = nil
    }

    /// Makes a bulk frame; `fields` writes the kind's fixed fields.
    init(
        bulk kind: FrameKind,
        fieldBytes: Int,
        payload: ByteBuffer,
        fields: (inout ByteBuffer) -> Void
    ) {
        var buffer = ByteBuffer()
        buffer.reserveCapacity(ProtocolLimits.frameHeaderBytes + fieldBytes)
        Self.writeHeader(kind: kind, bodyBytes: fieldBytes + payload.readableBytes, to: &buffer)
        fields(&buffer)
        head = buffer
        self.payload = payload
    }

    private static func writeHeader(kind: FrameKind, bodyBytes: Int, to buffer: inout ByteBuffer) {
        buffer.writeInteger(UInt32(bodyBytes), endianness: .little)
        buffer.writeInteger(kind.rawValue)
    }
}
