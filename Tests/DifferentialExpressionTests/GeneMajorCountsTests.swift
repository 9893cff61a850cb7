import CountBlocks
import DifferentialExpression
import Statistics
import Testing

@Suite("Counts regrouped by gene")
struct GeneMajorCountsTests {
    private static let sample = SampleScreen(sizes: [1500, 30], geneCount: 25, seed: 71)

    private func segments(_ group: Int) throws -> [DecodedSegment] {
        let screen = try Self.sample.screen()
        var buffer: [UInt8] = []
        return try (0..<screen.blocks.segmentCount(group)).map { index in
            var segment = DecodedSegment()
            try screen.blocks.decodeSegment(
                group: group,
                index: index,
                into: &segment,
                buffer: &buffer
            )
            return segment
        }
    }

    @Test(
        "hold every count once, in file order",
        arguments: [0, 1],
        [0..<25, 0..<1, 7..<19, 24..<25]
    )
    func content(_ group: Int, _ genes: Range<Int>) throws {
        let cells = Self.sample.groups.indices.filter { Self.sample.groups[$0] == group }
        let offsets = GroupOffsets(sizeFactors: cells.map { 1 + Double($0 % 13) })
        let detections = genes.map { gene in cells.count { Self.sample.counts[$0][gene] > 0 } }
        let segments = try segments(group)
        #expect((segments.count > 1) == (group == 0))
        let inMemory = GeneMajorCounts(
            genes: genes,
            detections: detections,
            group: offsets,
            segments: segments
        )
        let decoded = try GeneMajorCounts(
            genes: genes,
            detections: detections,
            group: offsets,
            segmentCount: segments.count
        ) { index, segment throws(CountBlockError) in
            segment = segments[index]
        }
        for gene in genes {
            let expected = cells.indices.filter { Self.sample.counts[cells[$0]][gene] > 0 }
            for counts in [inMemory, decoded] {
                #expect(counts.expressingCells(gene) == expected.count)
                counts.withGene(gene) {
                    #expect(Array($0.positions) == expected.map { offsets.position[$0] })
                    #expect(
                        Array($0.counts) == expected.map { Self.sample.counts[cells[$0]][gene] }
                    )
                }
            }
        }
    }
}
