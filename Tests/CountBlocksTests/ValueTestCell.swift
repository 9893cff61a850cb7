import CountBlocks
import TestSupport

/// The nonzeros of one cell of values, in the form easiest to compare.
struct ValueTestCell<Value: ExpressionValue>: Equatable {
    var genes: [UInt32] = []
    var values: [Value] = []

    /// Any cell: empty to full, with few distinct values, many, or as many as genes, of any sign.
    static func random(
        geneCount: Int,
        using generator: inout SeededGenerator
    ) -> ValueTestCell {
        let share = [0, 1, 5, 13, 30, 80, 100].randomElement(using: &generator) ?? 0
        let distinct = [1, 4, 16, 40, 300].randomElement(using: &generator) ?? 1
        let isContinuous = Int.random(in: 0..<4, using: &generator) == 0
        let sign: Value = Int.random(in: 0..<3, using: &generator) == 0 ? -1 : 1
        var cell = ValueTestCell()
        for gene in 0..<geneCount where Int.random(in: 0..<100, using: &generator) < share {
            cell.genes.append(UInt32(gene))
            if isContinuous {
                cell.values.append(sign * Self.anyValue(using: &generator))
            } else {
                let step = Value(Int.random(in: 1...distinct, using: &generator))
                // Both signs in one cell.
                let isOther = Int.random(in: 0..<5, using: &generator) == 0
                cell.values.append((isOther ? -sign : sign) * step / 7)
            }
        }
        return cell
    }

    /// Any positive finite value, subnormal ones included.
    private static func anyValue(using generator: inout SeededGenerator) -> Value {
        while true {
            let value = Value(wideBits: UInt64.random(in: 0...UInt64.max, using: &generator))
            if value.isFinite, value > 0 { return value }
        }
    }
}

extension CellEncoder {
    /// Encodes consecutive cells of a file.
    func encode<Value: ExpressionValue>(
        _ cells: [ValueTestCell<Value>],
        firstRow: Int = 0
    ) -> EncodedCells {
        var starts = [0]
        for cell in cells { starts.append(starts[starts.count - 1] + cell.genes.count) }
        let genes = cells.flatMap(\.genes)
        let values = cells.flatMap(\.values)
        return starts.withUnsafeBufferPointer { starts in
            genes.withUnsafeBufferPointer { genes in
                values.withUnsafeBufferPointer { values in
                    encode(
                        firstRow: UInt32(firstRow),
                        starts: starts,
                        genes: genes,
                        values: values
                    )
                }
            }
        }
    }
}

/// One block with these cells in consecutive rows.
func valueBlocks<Value: ExpressionValue>(
    _ cells: [ValueTestCell<Value>],
    geneCount: Int,
    slabCells: Int = 7,
    memoryBytes: Int = 1 << 40
) throws -> BlockStore {
    let builder = BlockBuilder(
        groupCount: 1,
        geneCount: geneCount,
        kind: Value.segmentKind,
        memoryBytes: memoryBytes,
        scratchDirectory: "/tmp"
    )
    let encoder = CellEncoder(geneCount: geneCount)
    for start in stride(from: 0, to: cells.count, by: slabCells) {
        let slab = Array(cells[start..<min(start + slabCells, cells.count)])
        let groups = [Int32](repeating: 0, count: slab.count)
        try builder.append(encoder.encode(slab, firstRow: start), groups: groups[...])
    }
    return try builder.finish()
}

extension DecodedSegment {
    /// The cells of a segment of values.
    func valueCells<Value: ExpressionValue>(_: Value.Type) -> [ValueTestCell<Value>] {
        withValues(of: Value.self) { cells in
            (0..<cells.cellCount).map { cell in
                ValueTestCell(
                    genes: Array(cells.genes(ofCell: cell)),
                    values: Array(cells.values(ofCell: cell))
                )
            }
        }
    }
}

/// Decodes a block's bytes the way a worker does.
func decodeValueBlock<Value: ExpressionValue>(
    _ bytes: [UInt8],
    geneCount: Int,
    of _: Value.Type
) throws -> [(row: Int, cell: ValueTestCell<Value>)] {
    var members: [(row: Int, cell: ValueTestCell<Value>)] = []
    try bytes.withUnsafeBytes { bytes in
        var segments = BlockSegments(bytes: bytes, geneCount: geneCount, kind: Value.segmentKind)
        var segment = DecodedSegment()
        while try segments.next(into: &segment) {
            let rows = segment.withValues(of: Value.self) { Array($0.rows) }
            members += zip(rows.map { Int($0) }, segment.valueCells(Value.self))
                .map { (row: $0, cell: $1) }
        }
    }
    return members
}
