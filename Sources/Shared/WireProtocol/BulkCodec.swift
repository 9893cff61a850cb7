internal import NIOCore

extension ResourceChunk {
    /// Takes a chunk from a frame's body: request u64, offset u64, payload; little-endian.
    init(body: ByteBuffer) throws(WireProtocolError) {
        var rest = body
        guard
            let request = rest.readInteger(endianness: .little, as: UInt64.self),
            let offset = rest.readInteger(endianness: .little, as: UInt64.self)
        else {
            throw .frameTooShort(
                kind: .resourceChunk,
                bytes: body.readableBytes,
                minimum: FrameKind.resourceChunk.minimumBodyBytes
            )
        }
        self.init(request: request, offset: offset, payload: rest)
        try validate()
    }

    /// Encodes the chunk as a frame.
    func encoded() throws(WireProtocolError) -> EncodedFrame {
        try validate()
        return EncodedFrame(
            bulk: .resourceChunk,
            fieldBytes: ProtocolLimits.resourceChunkHeaderBytes,
            payload: payload
        ) { buffer in
            buffer.writeInteger(request, endianness: .little)
            buffer.writeInteger(offset, endianness: .little)
        }
    }
}

extension RowChunk {
    /// Takes a chunk from a frame's body: lease u64, perturbation u32, total bytes u64, offset u64,
    /// digest 16 bytes, payload; numbers little-endian.
    init(body: ByteBuffer) throws(WireProtocolError) {
        var rest = body
        guard
            let lease = rest.readInteger(endianness: .little, as: UInt64.self),
            let perturbation = rest.readInteger(endianness: .little, as: UInt32.self),
            let totalBytes = rest.readInteger(endianness: .little, as: UInt64.self),
            let offset = rest.readInteger(endianness: .little, as: UInt64.self),
            let high = rest.readInteger(endianness: .big, as: UInt64.self),
            let low = rest.readInteger(endianness: .big, as: UInt64.self)
        else {
            throw .frameTooShort(
                kind: .rowChunk,
                bytes: body.readableBytes,
                minimum: FrameKind.rowChunk.minimumBodyBytes
            )
        }
        self.init(
            lease: lease,
            perturbation: perturbation,
            totalBytes: totalBytes,
            offset: offset,
            digest: Bytes16(high: high, low: low),
            payload: rest
        )
        try validate()
    }

    /// Encodes the chunk as a frame.
    func encoded() throws(WireProtocolError) -> EncodedFrame {
        try validate()
        return EncodedFrame(
            bulk: .rowChunk,
            fieldBytes: ProtocolLimits.rowChunkHeaderBytes,
            payload: payload
        ) { buffer in
            buffer.writeInteger(lease, endianness: .little)
            buffer.writeInteger(perturbation, endianness: .little)
            buffer.writeInteger(totalBytes, endianness: .little)
            buffer.writeInteger(offset, endianness: .little)
            buffer.writeInteger(digest.high, endianness: .big)
            buffer.writeInteger(digest.low, endianness: .big)
        }
    }
}
