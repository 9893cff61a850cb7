import CountBlocks
import TestSupport
import Testing

@Suite("Cells are cut by ranges of genes")
struct CellCuttingTests {
    private static let ranges: [[Range<Int>]] = [
        [0..<70], [0..<1, 1..<70], [0..<35, 35..<70], [0..<69, 69..<70],
        (0..<70).map { $0..<$0 + 1 }, [0..<0, 0..<10, 10..<10, 10..<70, 70..<70],
    ]

    /// Encoded cells decoded again, with their rows.
    private func decoded(_ cells: EncodedCells) throws -> DecodedSegment {
        let builder = BlockBuilder(
            groupCount: 1,
            geneCount: 70,
            kind: cells.kind,
            memoryBytes: 1 << 30,
            scratchDirectory: "/tmp"
        )
        let groups = [Int32](repeating: 0, count: cells.cellCount)
        try builder.append(cells, groups: groups[...])
        let store = try builder.finish()
        var segment = DecodedSegment()
        var buffer: [UInt8] = []
        try store.decodeSegment(group: 0, index: 0, into: &segment, buffer: &buffer)
        return segment
    }

    @Test("counts: every part has all cells in their rows and its own genes", arguments: ranges)
    func counts(ranges: [Range<Int>]) throws {
        // Only some rows of the file are in the group, so that rows have gaps.
        let screen = TestScreen.random(geneCount: 70, groupCount: 3, cellCount: 150, seed: 4)
        let store = try screen.blocks()
        var segment = DecodedSegment()
        var buffer: [UInt8] = []
        try store.decodeSegment(group: 1, index: 0, into: &segment, buffer: &buffer)
        let parts = CellEncoder(geneCount: 70).cut(segment, at: ranges)
        #expect(parts.count == ranges.count)
        for (range, part) in zip(ranges, parts) {
            let found = try decoded(part).members
            let expected = screen.members(1).map { row, cell in
                let kept = cell.genes.indices.filter { range.contains(Int(cell.genes[$0])) }
                return (
                    row,
                    TestCell(
                        genes: kept.map { cell.genes[$0] },
                        counts: kept.map { cell.counts[$0] }
                    )
                )
            }
            #expect(found.map(\.row) == expected.map(\.0))
            #expect(found.map(\.cell) == expected.map(\.1))
        }
    }

    @Test("values: bits stay as they are", arguments: ranges)
    func values(ranges: [Range<Int>]) throws {
        try expectCut(of: Float.self, ranges)
        try expectCut(of: Double.self, ranges)
    }

    private func expectCut<Value: ExpressionValue>(
        of _: Value.Type,
        _ ranges: [Range<Int>]
    ) throws {
        var generator = SeededGenerator(seed: 6)
        let cells = (0..<60).map { _ in
            ValueTestCell<Value>.random(geneCount: 70, using: &generator)
        }
        let store = try valueBlocks(cells, geneCount: 70)
        var segment = DecodedSegment()
        var buffer: [UInt8] = []
        try store.decodeSegment(group: 0, index: 0, into: &segment, buffer: &buffer)
        for (range, part) in zip(ranges, CellEncoder(geneCount: 70).cut(segment, at: ranges)) {
            let found = try decoded(part).valueCells(Value.self)
            let expected = cells.map { cell in
                let kept = cell.genes.indices.filter { range.contains(Int(cell.genes[$0])) }
                return ValueTestCell<Value>(
                    genes: kept.map { cell.genes[$0] },
                    values: kept.map { cell.values[$0] }
                )
            }
            #expect(found == expected)
        }
    }
}
