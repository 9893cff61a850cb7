import CountBlocks
import TestSupport
import Testing

@Suite struct CellCodingTests {
    @Test func aSparseCellIsDeltasAndNibbles() {
        let encoder = CellEncoder(geneCount: 1000)
        let payload = encoder.payload(
            TestCell(genes: [3, 4, 260, 999], counts: [1, 15, 2, 5])
        )
        // 3 genes skipped; none; 255 as "skip 255" and none more; 738 = 2 x 255 + 228.
        #expect(payload == [0, 3, 0, 255, 0, 255, 255, 228, 0xE0, 0x41])
    }

    @Test func aDenseCellIsABitmapAndNibbles() {
        let encoder = CellEncoder(geneCount: 10)
        let payload = encoder.payload(TestCell(genes: [0, 2, 9], counts: [3, 2, 1]))
        #expect(payload == [1, 0b0000_0101, 0b0000_0010, 0x12, 0])
    }

    @Test func largeCountsFollowTheNibbles() {
        let encoder = CellEncoder(geneCount: 8)
        let payload = encoder.payload(
            TestCell(
                genes: [0, 1, 2, 3, 4, 5, 6],
                counts: [15, 16, 270, 271, 1, 0x0102_0304, .max]
            )
        )
        #expect(
            payload == [
                1, 0b0111_1111, 0xFE, 0xFF, 0xF0, 0x0F,
                0, 254, 255, 0x0F, 0x01, 0, 0, 255, 4, 3, 2, 1, 255, 255, 255, 255, 255,
            ]
        )
    }

    @Test func anEmptyCellHasNoBytes() {
        #expect(CellEncoder(geneCount: 5).payload(TestCell()).isEmpty)
    }

    @Test func theSmallerFormOfTheGenesIsChosenAndTheBitmapWhenTheyAreEqual() {
        // 80 genes: the bitmap has 10 bytes whatever the cell.
        let encoder = CellEncoder(geneCount: 80)
        for nonzeroCount in 1...80 {
            let cell = TestCell(
                genes: (0..<UInt32(nonzeroCount)).map { $0 },
                counts: [UInt32](repeating: 1, count: nonzeroCount)
            )
            let payload = encoder.payload(cell)
            #expect(payload.count == 1 + min(nonzeroCount, 10) + (nonzeroCount + 1) / 2)
            #expect(payload[0] == (nonzeroCount < 10 ? 0 : 1))
        }
    }

    @Test func skipsCountWhenTheFormIsChosen() {
        // The last gene alone costs 1 + 2047 / 255 = 9 bytes, the bitmap 256, the last 250 genes
        // 250 + 1798 / 255 = 257.
        let encoder = CellEncoder(geneCount: 2048)
        #expect(encoder.payload(TestCell(genes: [2047], counts: [1])).count == 1 + 9 + 1)
        let late = TestCell(
            genes: (0..<250).map { UInt32(1798 + $0) },
            counts: [UInt32](repeating: 1, count: 250)
        )
        #expect(encoder.payload(late).count == 1 + 256 + 125)
        // 249 genes cost as much as the bitmap, 248 one byte less.
        let equal = TestCell(genes: [UInt32](late.genes[1...]), counts: [UInt32](late.counts[1...]))
        #expect(encoder.payload(equal).first == 1)
        let fewer = TestCell(genes: [UInt32](late.genes[2...]), counts: [UInt32](late.counts[2...]))
        #expect(encoder.payload(fewer).first == 0)
        let early = TestCell(genes: late.genes.map { $0 - 1798 }, counts: late.counts)
        #expect(encoder.payload(early).count == 1 + 250 + 125)
    }

    @Test(arguments: 1...40)
    func randomCellsComeBackAsTheyWere(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let geneCount = Int.random(in: 1...700, using: &generator)
        let screen = TestScreen(
            geneCount: geneCount,
            groupCount: 1,
            cells: (0..<60).map { _ in .random(geneCount: geneCount, using: &generator) }
        )
        let decoded = try decodeBlock(screen.blocks().bytes(0), geneCount: geneCount)
        #expect(decoded.map(\.cell) == screen.cells, "seed \(seed)")
        #expect(decoded.map(\.row) == Array(screen.cells.indices))
    }

    @Test func theExtremesComeBackAsTheyWere() throws {
        let last = UInt32(SegmentLimits.geneCount - 1)
        let screen = TestScreen(
            geneCount: SegmentLimits.geneCount,
            groupCount: 1,
            cells: [
                TestCell(genes: [last], counts: [.max]),
                TestCell(genes: [0], counts: [1]),
                TestCell(),
                TestCell(genes: [0, last], counts: [270, 271]),
            ]
        )
        let decoded = try decodeBlock(
            screen.blocks().bytes(0),
            geneCount: SegmentLimits.geneCount
        )
        #expect(decoded.map(\.cell) == screen.cells)
    }

    @Test func aScreenOfOneGeneWorks() throws {
        let screen = TestScreen(
            geneCount: 1,
            groupCount: 1,
            cells: [
                TestCell(genes: [0], counts: [7]), TestCell(), TestCell(genes: [0], counts: [1]),
            ]
        )
        let decoded = try decodeBlock(screen.blocks().bytes(0), geneCount: 1)
        #expect(decoded.map(\.cell) == screen.cells)
    }

    @Test func encodingACellAloneAndInASlabGivesTheSameBytes() {
        let screen = TestScreen.random(geneCount: 90, groupCount: 1, cellCount: 50, seed: 3)
        let encoder = CellEncoder(geneCount: 90)
        let slab = encoder.encode(screen.cells[...], firstRow: 12)
        #expect(slab.firstRow == 12)
        #expect(slab.bytes == screen.cells.flatMap { encoder.payload($0) })
        #expect(slab.nonzeroCounts == screen.cells.map { UInt32($0.genes.count) })
    }
}
