/// The cells of one decoded segment as compressed sparse rows, in buffers that are used again.
///
/// The buffers grow to the largest segment decoded and are never shrunk.
package struct DecodedSegment: Sendable {
    /// Cells of the segment; 0 before the first and after a failed decoding.
    package private(set) var cellCount = 0

    /// Nonzeros of the segment.
    package private(set) var nonzeroCount = 0

    /// Kind of the values of the segment.
    package private(set) var kind = SegmentHeader.Kind.integerCounts

    private var rows: [UInt32] = []
    private var starts = [0]
    private var genes: [UInt32] = []

    /// Counts of all cells, or ranks of the values of the cell being decoded.
    private var counts: [UInt32] = []
    private(set) var floatValues: [Float] = []
    private(set) var doubleValues: [Double] = []

    /// Makes empty buffers.
    package init() {}

    /// Decodes a segment, checking everything about it.
    ///
    /// After success the segment's digest is right, file rows ascend strictly, the genes of a cell
    /// ascend strictly below `geneCount`, counts are at least 1, and values are finite and not
    /// zero. The bytes may come from anywhere: nothing outside of them is read, and memory is
    /// bounded by 16 times their number, 32 times for values, plus some KiB.
    ///
    /// - Parameters:
    ///   - bytes: Exactly one segment.
    ///   - geneCount: Genes of the screen.
    ///   - kind: The kind of values that the segment must have.
    /// - Throws: `CountBlockError` saying what is wrong; the segment is empty then.
    package mutating func decode(
        bytes: UnsafeRawBufferPointer,
        geneCount: Int,
        kind: SegmentHeader.Kind = .integerCounts
    ) throws(CountBlockError) {
        cellCount = 0
        nonzeroCount = 0
        self.kind = kind
        let header = try SegmentHeader(parsing: bytes, geneCount: geneCount, kind: kind)
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
        let payload = UnsafeRawBufferPointer(rebasing: bytes[header.payloadOffset...])
        switch kind {
        case .integerCounts: try decodeCounts(header, payload)
        case .float32Values:
            try Self.decodeValues(header, payload, starts, &genes, &counts, &floatValues)
        case .float64Values:
            try Self.decodeValues(header, payload, starts, &genes, &counts, &doubleValues)
        }
        cellCount = header.cellCount
        nonzeroCount = header.nonzeroCount
    }

    /// File row of the first cell; nil when there is none.
    var firstRow: UInt32? { cellCount > 0 ? rows[0] : nil }

    /// File row of the last cell; nil when there is none.
    var lastRow: UInt32? { cellCount > 0 ? rows[cellCount - 1] : nil }

    /// Lends the cells of a segment of counts to `body`; the buffers in ``SegmentCells`` are valid until it returns.
    package func withCells<Result, Failure: Error>(
        _ body: (SegmentCells) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        precondition(kind == .integerCounts, "the segment holds \(kind.words)")
        return try withRows { rows, starts, genes throws(Failure) -> Result in
            try counts.withUnsafeBufferPointer { counts throws(Failure) -> Result in
                try body(
                    SegmentCells(
                        rows: rows,
                        starts: starts,
                        genes: genes,
                        counts: UnsafeBufferPointer(rebasing: counts[..<nonzeroCount])
                    )
                )
            }
        }
    }

    /// Lends the cells of a segment of values to `body`; the buffers in ``ValueCells`` are valid
    /// until it returns.
    ///
    /// `Value` must be the type of the segment's ``kind``.
    package func withValues<Value: ExpressionValue, Result, Failure: Error>(
        of _: Value.Type,
        _ body: (ValueCells<Value>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        precondition(kind == Value.segmentKind, "the segment holds \(kind.words)")
        return try withRows { rows, starts, genes throws(Failure) -> Result in
            try Value.values(of: self).withUnsafeBufferPointer { values throws(Failure) -> Result in
                try body(
                    ValueCells(
                        rows: rows,
                        starts: starts,
                        genes: genes,
                        values: UnsafeBufferPointer(rebasing: values[..<nonzeroCount])
                    )
                )
            }
        }
    }

    /// Lends the gene of every nonzero, whatever the kind of values, to `body`.
    package func withGenes<Result>(_ body: (UnsafeBufferPointer<UInt32>) -> Result) -> Result {
        genes.withUnsafeBufferPointer { body(UnsafeBufferPointer(rebasing: $0[..<nonzeroCount])) }
    }

    private func withRows<Result, Failure: Error>(
        _ body: (
            _ rows: UnsafeBufferPointer<UInt32>,
            _ starts: UnsafeBufferPointer<Int>,
            _ genes: UnsafeBufferPointer<UInt32>
        ) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try rows.withUnsafeBufferPointer { rows throws(Failure) -> Result in
            try starts.withUnsafeBufferPointer { starts throws(Failure) -> Result in
                try genes.withUnsafeBufferPointer { genes throws(Failure) -> Result in
                    try body(
                        UnsafeBufferPointer(rebasing: rows[..<cellCount]),
                        UnsafeBufferPointer(rebasing: starts[...cellCount]),
                        UnsafeBufferPointer(rebasing: genes[..<nonzeroCount])
                    )
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

    private mutating func decodeCounts(
        _ header: SegmentHeader,
        _ payload: UnsafeRawBufferPointer
    ) throws(CountBlockError) {
        Self.grow(&genes, to: header.nonzeroCount + CellDecoder.slack)
        Self.grow(&counts, to: header.nonzeroCount + CellDecoder.slack)
        let starts = starts
        let failure = genes.withUnsafeMutableBufferPointer { genes in
            counts.withUnsafeMutableBufferPointer { counts in
                Self.decode(header, payload, starts: starts, genes, counts) {
                    $0.decode(nonzeroCount: $1, genes: $2, counts: $3)
                }
            }
        }
        if let failure { throw failure }
    }

    private static func decodeValues<Value: ExpressionValue>(
        _ header: SegmentHeader,
        _ payload: UnsafeRawBufferPointer,
        _ starts: [Int],
        _ genes: inout [UInt32],
        _ ranks: inout [UInt32],
        _ values: inout [Value]
    ) throws(CountBlockError) {
        let largest = (0..<header.cellCount).reduce(0) { max($0, starts[$1 + 1] - starts[$1]) }
        grow(&genes, to: header.nonzeroCount + CellDecoder.slack)
        grow(&ranks, to: largest + CellDecoder.slack)
        grow(&values, to: header.nonzeroCount + 1)
        let failure = genes.withUnsafeMutableBufferPointer { genes in
            ranks.withUnsafeMutableBufferPointer { ranks in
                values.withUnsafeMutableBufferPointer { values in
                    guard let ranks = ranks.baseAddress else { return CountBlockError?.none }
                    return decode(header, payload, starts: starts, genes, values) {
                        $0.decode(nonzeroCount: $1, genes: $2, values: $3, ranks: ranks)
                    }
                }
            }
        }
        if let failure { throw failure }
    }

    /// Decodes all cells; `decodeCell` decodes one that has nonzeros.
    @inline(__always)
    private static func decode<Value>(
        _ header: SegmentHeader,
        _ payload: UnsafeRawBufferPointer,
        starts: [Int],
        _ genes: UnsafeMutableBufferPointer<UInt32>,
        _ values: UnsafeMutableBufferPointer<Value>,
        decodeCell: (
            inout CellDecoder,
            _ nonzeroCount: Int,
            _ genes: UnsafeMutablePointer<UInt32>,
            _ values: UnsafeMutablePointer<Value>
        ) -> CellDamage?
    ) -> CountBlockError? {
        guard let genes = genes.baseAddress, let values = values.baseAddress,
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
            if let damage = decodeCell(&decoder, nonzeroCount, genes + start, values + start) {
                return .damagedCell(cell: cell, damage)
            }
        }
        let rest = payload.count - decoder.position
        return rest == 0 ? nil : .trailingBytes(rest)
    }

    private static func grow<Element: Numeric>(_ buffer: inout [Element], to count: Int) {
        if buffer.count < count {
            // The old content is not needed, so it is not copied either.
            buffer = []
            buffer = [Element](repeating: 0, count: count)
        }
    }
}
