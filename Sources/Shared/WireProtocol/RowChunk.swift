package import NIOCore

/// A piece of one perturbation's result row.
///
/// A row is sent as chunks in order, each starting where the one before ended; chunks of different
/// rows may alternate.
package struct RowChunk: Equatable, Sendable {
    /// The lease under which the row was fitted.
    package var lease: UInt64
    /// The perturbation's position in the run.
    package var perturbation: UInt32
    /// Length of the whole row, in bytes.
    package var totalBytes: UInt64
    /// Where the payload starts within the row, in bytes.
    package var offset: UInt64
    /// Digest of the whole row, the same in each of its chunks.
    package var digest: Bytes16
    /// The bytes; at least 1, at most ``ProtocolLimits/chunkPayloadBytes``.
    package var payload: ByteBuffer

    /// Makes a chunk.
    package init(
        lease: UInt64,
        perturbation: UInt32,
        totalBytes: UInt64,
        offset: UInt64,
        digest: Bytes16,
        payload: ByteBuffer
    ) {
        self.lease = lease
        self.perturbation = perturbation
        self.totalBytes = totalBytes
        self.offset = offset
        self.digest = digest
        self.payload = payload
    }

    /// Cuts a whole row into the chunks that carry it, in the order to send them.
    ///
    /// - Parameters:
    ///   - lease: The lease under which the row was fitted.
    ///   - perturbation: The perturbation's position in the run.
    ///   - digest: Digest of `row`.
    ///   - row: The row's bytes; shared with the chunks, not copied.
    /// - Returns: At least one chunk unless `row` is empty.
    package static func chunks(
        lease: UInt64,
        perturbation: UInt32,
        digest: Bytes16,
        row: ByteBuffer
    ) -> [RowChunk] {
        var rest = row
        var chunks: [RowChunk] = []
        let total = UInt64(row.readableBytes)
        while let payload = rest.readSlice(
            length: min(rest.readableBytes, ProtocolLimits.chunkPayloadBytes)
        ), payload.readableBytes > 0 {
            chunks.append(
                RowChunk(
                    lease: lease,
                    perturbation: perturbation,
                    totalBytes: total,
                    offset: total - UInt64(rest.readableBytes + payload.readableBytes),
                    digest: digest,
                    payload: payload
                )
            )
        }
        return chunks
    }

    func validate() throws(WireProtocolError) {
        let rules = FieldRules(message: "row_chunk")
        let length = payload.readableBytes
        try rules.number(totalBytes, "total_bytes", in: 1...ProtocolLimits.rowBytes)
        try rules.number(length, "payload length", in: 1...ProtocolLimits.chunkPayloadBytes)
        guard UInt64(length) <= totalBytes else {
            throw rules.invalid("payload", "\(length) bytes of a row of \(totalBytes)")
        }
        try rules.number(offset, "offset", in: 0...totalBytes - UInt64(length))
    }
}
