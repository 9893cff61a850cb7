package import NIOCore

/// A whole row as it came from a worker; nobody has compared bytes and digest yet.
package struct AssembledRow: Equatable, Sendable {
    /// The lease under which the row was fitted.
    package let lease: UInt64
    /// The perturbation's position in the run.
    package let perturbation: UInt32
    /// The digest that the worker computed.
    package let digest: Bytes16
    /// The row's bytes; exactly the length that every row of the run has.
    package let bytes: ByteBuffer
}

/// Puts the chunks of one worker's rows together.
///
/// Holds no more unfinished rows than the worker's credit covers. One assembler serves one
/// connection; what it holds is forgotten with the connection.
package struct RowAssembler: Sendable {
    private struct Key: Hashable {
        let lease: UInt64
        let perturbation: UInt32
    }

    private struct OpenRow {
        let digest: Bytes16
        var bytes: ByteBuffer
    }

    private let rowBytes: UInt64
    private let maximumOpenRows: Int
    private var openRows: [Key: OpenRow] = [:]

    /// Makes an assembler.
    ///
    /// - Parameters:
    ///   - rowBytes: Length of every row of the run, in bytes; at least 1.
    ///   - creditBytes: Row bytes that the worker may have under way.
    package init(rowBytes: UInt64, creditBytes: UInt64) {
        precondition(1...ProtocolLimits.rowBytes ~= rowBytes, "row length outside the limits")
        self.rowBytes = rowBytes
        maximumOpenRows = max(1, Int(clamping: creditBytes / rowBytes))
    }

    /// Number of rows of which some but not all chunks have come.
    package var openRowCount: Int { openRows.count }

    /// Takes the next chunk.
    ///
    /// - Returns: The row that this chunk completes, if it does.
    /// - Throws: ``WireProtocolError`` when the chunk's row has the wrong length, the chunk does not
    ///   continue its row, changes its digest, or opens one row too many.
    package mutating func add(_ chunk: RowChunk) throws(WireProtocolError) -> AssembledRow? {
        guard chunk.totalBytes == rowBytes else {
            throw .rowLengthMismatch(
                perturbation: chunk.perturbation,
                declared: chunk.totalBytes,
                expected: rowBytes
            )
        }
        let key = Key(lease: chunk.lease, perturbation: chunk.perturbation)
        let length = UInt64(chunk.payload.readableBytes)
        let expected = UInt64(openRows[key]?.bytes.readableBytes ?? 0)
        guard chunk.offset == expected else {
            throw .rowChunkOutOfOrder(
                perturbation: chunk.perturbation,
                offset: chunk.offset,
                expected: expected
            )
        }
        guard length <= rowBytes - expected else {
            throw .rowLengthMismatch(
                perturbation: chunk.perturbation,
                declared: expected + length,
                expected: rowBytes
            )
        }
        if length == rowBytes {
            return assembled(chunk, bytes: chunk.payload)
        }
        try append(chunk, to: key)
        guard expected + length == rowBytes, let row = openRows.removeValue(forKey: key) else {
            return nil
        }
        return assembled(chunk, bytes: row.bytes)
    }

    private mutating func append(_ chunk: RowChunk, to key: Key) throws(WireProtocolError) {
        if let digest = openRows[key]?.digest {
            guard digest == chunk.digest else {
                throw .rowDigestChanged(perturbation: chunk.perturbation)
            }
        } else {
            guard openRows.count < maximumOpenRows else {
                throw .tooManyOpenRows(limit: maximumOpenRows)
            }
            var bytes = ByteBuffer()
            bytes.reserveCapacity(Int(rowBytes))
            openRows[key] = OpenRow(digest: chunk.digest, bytes: bytes)
        }
        // In place: the bytes that are already there must not be copied for every chunk.
        openRows[key]?.bytes.writeImmutableBuffer(chunk.payload)
    }

    private func assembled(_ chunk: RowChunk, bytes: ByteBuffer) -> AssembledRow {
        AssembledRow(
            lease: chunk.lease,
            perturbation: chunk.perturbation,
            digest: chunk.digest,
            bytes: bytes
        )
    }
}
