/// The cells of one decoded segment as compressed sparse rows, in buffers that are used again.
///
/// The buffers grow to the largest segment decoded and are never shrunk.
package struct DecodedSegment: Sendable {
    /// Cells of the segment; 0 before the first and after a failed decoding.
    package private(set) var cellCount = 0

    /// Nonzeros of the segment.
    package private(set) var nonzeroCount = 0

    private var rows: [UInt32] = []
    private var starts = [0]
    private var genes: [UInt32] = []
    private var counts: [UInt32] = []

    /// Makes empty buffers.
    package init() {}

    /// Decodes a segment, checking everything about it.
    ///
    /// After success the segment's digest is right, file rows ascend strictly, the genes of a cell
    /// ascend strictly below `geneCount`, and counts are at least 1. The bytes may come from
    /// anywhere: nothing outside of them is read, and memory is bounded by 16 times their number
    /// plus some KiB.
    ///
    /// - Parameters:
    ///   - bytes: Exactly one segment.
    ///   - geneCount: Genes of the screen.
    /// - Throws: `CountBlockError` saying what is wrong; the segment is empty then.
    package mutating func decode(
        bytes: UnsafeRawBufferPointer,
        geneCount: Int
    ) throws(CountBlockError) {
        cellCount = 0
        nonzeroCount = 0
        let header = try SegmentHeader(parsing: bytes, geneCount: geneCount)
        guard bytes.count >= header.segmentByteCount else {
            throw .truncated(neededBytes: header.segmentByteCount, foundBytes: bytes.count)
        }
        guard bytes.count == header.segmentByteCount else {
            throw .trailingBytes(bytes.count - header.segmentByteCount)
        }
        let digest = header.computeDigest(of: bytes)
        guard digest == header.digest else {
            throw .digestMismatch(expected: header.digest, found: digest)
        }
        try decodeCells(header, bytes)
        try decodePayload(header, UnsafeRawBufferPointer(rebasing: bytes[header.payloadOffset...]))
        cellCount = header.cellCount
        nonzeroCount = header.nonzeroCount
    }

    /// Lends the cells to `body`; the buffers in ``SegmentCells`` are valid until it returns.
    package func withCells<Result, Failure: Error>(
        _ body: (SegmentCells) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try rows.withUnsafeBufferPointer { rows throws(Failure) -> Result in
            try starts.withUnsafeBufferPointer { starts throws(Failure) -> Result in
                try genes.withUnsafeBufferPointer { genes throws(Failure) -> Result in
                    try counts.withUnsafeBufferPointer { counts throws(Failure) -> Result in
                        try body(
                            SegmentCells(
                                rows: UnsafeBufferPointer(rebasing: rows[..<cellCount]),
                                starts: UnsafeBufferPointer(rebasing: starts[...cellCount]),
                                genes: UnsafeBufferPointer(rebasing: genes[..<nonzeroCount]),
                                counts: UnsafeBufferPointer(rebasing: counts[..<nonzeroCount])
                            )
                        )
                    }
                }
            }
        }
    }

    /// Reads the file rows and the nonzeros of the cells.
    private mutating func decodeCells(
        _ header: SegmentHeader,
        _ bytes: UnsafeRawBufferPointer
    ) throws(CountBlockError) {
        Self.grow(&rows, to: header.cellCount)
        if starts.count <= header.cellCount {
            starts = [Int](repeating: 0, count: header.cellCount + 1)
        }
        let rowsOffset = SegmentHeader.byteCount
        let countsOffset = rowsOffset + 4 * header.cellCount
        var total = 0
        for cell in 0..<header.cellCount {
            let row = UInt32(
                littleEndian: bytes.loadUnaligned(
                    fromByteOffset: rowsOffset + 4 * cell,
                    as: UInt32.self
                )
            )
            if cell > 0, row <= rows[cell - 1] { throw .rowsNotAscending(cell: cell) }
            rows[cell] = row
            total += Int(
                UInt32(
                    littleEndian: bytes.loadUnaligned(
                        fromByteOffset: countsOffset + 4 * cell,
                        as: UInt32.self
                    )
                )
            )
            starts[cell + 1] = total
        }
        guard total == header.nonzeroCount else {
            throw .nonzeroCountMismatch(expected: header.nonzeroCount, found: total)
        }
    }

    private mutating func decodePayload(
        _ header: SegmentHeader,
        _ payload: UnsafeRawBufferPointer
    ) throws(CountBlockError) {
        Self.grow(&genes, to: header.nonzeroCount + CellDecoder.slack)
        Self.grow(&counts, to: header.nonzeroCount + CellDecoder.slack)
        let starts = starts
        let failure = genes.withUnsafeMutableBufferPointer { genes in
            counts.withUnsafeMutableBufferPointer { counts in
                Self.decode(header, payload, starts: starts, genes: genes, counts: counts)
            }
        }
        if let failure { throw failure }
    }

    private static func decode(
        _ header: SegmentHeader,
        _ payload: UnsafeRawBufferPointer,
        starts: [Int],
        genes: UnsafeMutableBufferPointer<UInt32>,
        counts: UnsafeMutableBufferPointer<UInt32>
    ) -> CountBlockError? {
        guard let genes = genes.baseAddress, let counts = counts.baseAddress,
            let bytes = payload.assumingMemoryBound(to: UInt8.self).baseAddress
        else {
            return payload.isEmpty ? nil : .trailingBytes(payload.count)
        }
        var decoder = CellDecoder(
            bytes: bytes,
            count: payload.count,
            geneCount: header.geneCount
        )
        for cell in 0..<header.cellCount {
            let start = starts[cell]
            let nonzeroCount = starts[cell + 1] - start
            if nonzeroCount == 0 { continue }
            let damage = decoder.decode(
                nonzeroCount: nonzeroCount,
                genes: genes + start,
                counts: counts + start
            )
            if let damage { return .damagedCell(cell: cell, damage) }
        }
        let rest = payload.count - decoder.position
        return rest == 0 ? nil : .trailingBytes(rest)
    }

    private static func grow(_ buffer: inout [UInt32], to count: Int) {
        if buffer.count < count {
            // The old content is not needed, so it is not copied either.
            buffer = []
            buffer = [UInt32](repeating: 0, count: count)
        }
    }
}
