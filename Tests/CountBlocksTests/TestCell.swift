import CountBlocks
import TestSupport

/// The nonzeros of one cell, in the form easiest to compare.
struct TestCell: Equatable {
    var genes: [UInt32] = []
    var counts: [UInt32] = []

    /// Any cell: empty, sparse, dense or full, with counts of any size.
    static func random(
        geneCount: Int,
        using generator: inout SeededGenerator
    ) -> TestCell {
        let share = [0, 1, 5, 13, 30, 80, 100].randomElement(using: &generator) ?? 0
        var cell = TestCell()
        for gene in 0..<geneCount where Int.random(in: 0..<100, using: &generator) < share {
            cell.genes.append(UInt32(gene))
            cell.counts.append(randomCount(using: &generator))
        }
        return cell
    }

    static func randomCount(using generator: inout SeededGenerator) -> UInt32 {
        switch Int.random(in: 0..<100, using: &generator) {
        case 0: .random(in: 1...UInt32.max, using: &generator)
        case 1: [14, 15, 16, 17, 269, 270, 271, 272, .max].randomElement(using: &generator) ?? 1
        case 2..<6: .random(in: 10...300, using: &generator)
        case 6..<40: .random(in: 2...15, using: &generator)
        default: 1
        }
    }
}

extension CellEncoder {
    /// Encodes consecutive cells of a file.
    func encode(_ cells: ArraySlice<TestCell>, firstRow: Int) -> EncodedCells {
        var starts = [0]
        var genes: [UInt32] = []
        var counts: [UInt32] = []
        for cell in cells {
            genes += cell.genes
            counts += cell.counts
            starts.append(genes.count)
        }
        return starts.withUnsafeBufferPointer { starts in
            genes.withUnsafeBufferPointer { genes in
                counts.withUnsafeBufferPointer { counts in
                    encode(
                        firstRow: UInt32(firstRow),
                        starts: starts,
                        genes: genes,
                        counts: counts
                    )
                }
            }
        }
    }

    /// Encodes one cell alone.
    func payload(_ cell: TestCell) -> [UInt8] {
        var payload: [UInt8] = []
        cell.genes.withUnsafeBufferPointer { genes in
            cell.counts.withUnsafeBufferPointer { counts in
                encode(genes: genes, counts: counts, into: &payload)
            }
        }
        return payload
    }
}

extension BlockBuilder {
    func append(_ cells: EncodedCells, groups: ArraySlice<Int32>) throws {
        try groups.withUnsafeBufferPointer { groups in
            try append(cells, groups: groups)
        }
    }
}

/// A small screen: cells, their groups, and how they become blocks.
struct TestScreen {
    var geneCount: Int
    var groupCount: Int
    var cells: [TestCell]
    var groups: [Int32]

    init(geneCount: Int, groupCount: Int, cells: [TestCell], groups: [Int32]? = nil) {
        self.geneCount = geneCount
        self.groupCount = groupCount
        self.cells = cells
        self.groups = groups ?? [Int32](repeating: 0, count: cells.count)
    }

    /// Random cells in random groups, some in none.
    static func random(
        geneCount: Int,
        groupCount: Int,
        cellCount: Int,
        seed: UInt64
    ) -> TestScreen {
        var generator = SeededGenerator(seed: seed)
        let cells = (0..<cellCount).map { _ in
            TestCell.random(geneCount: geneCount, using: &generator)
        }
        let groups = (0..<cellCount).map { _ in
            Int32.random(in: -1..<Int32(groupCount), using: &generator)
        }
        return TestScreen(
            geneCount: geneCount,
            groupCount: groupCount,
            cells: cells,
            groups: groups
        )
    }

    /// Makes the blocks from slabs of `slabCells` cells.
    ///
    /// `builder` has nothing in it; without one nothing is spilled.
    func blocks(slabCells: Int = 100, builder: BlockBuilder? = nil) throws -> BlockStore {
        let builder =
            builder
            ?? BlockBuilder(
                groupCount: groupCount,
                geneCount: geneCount,
                memoryBytes: 1 << 40,
                scratchDirectory: "/"
            )
        let encoder = CellEncoder(geneCount: geneCount)
        for start in stride(from: 0, to: cells.count, by: slabCells) {
            let range = start..<min(start + slabCells, cells.count)
            try builder.append(
                encoder.encode(cells[range], firstRow: start),
                groups: groups[range]
            )
        }
        return try builder.finish()
    }

    /// Rows and cells of a group.
    func members(_ group: Int) -> [(row: Int, cell: TestCell)] {
        cells.indices.filter { groups[$0] == group }.map { ($0, cells[$0]) }
    }
}

extension BlockStore {
    /// All bytes of a block, read by address.
    func bytes(_ group: Int) throws -> [UInt8] {
        var bytes: [UInt8] = []
        try read(group: group, offset: 0, length: blocks[group].byteCount, into: &bytes)
        return bytes
    }
}

/// Decodes a block's bytes the way a worker does.
func decodeBlock(
    _ bytes: [UInt8],
    geneCount: Int
) throws -> [(row: Int, cell: TestCell)] {
    var members: [(row: Int, cell: TestCell)] = []
    try bytes.withUnsafeBytes { bytes in
        var segments = BlockSegments(bytes: bytes, geneCount: geneCount)
        var segment = DecodedSegment()
        while try segments.next(into: &segment) {
            members += segment.members
        }
    }
    return members
}

extension DecodedSegment {
    /// Rows and cells.
    var members: [(row: Int, cell: TestCell)] {
        withCells { cells in
            (0..<cells.cellCount).map { cell in
                (
                    Int(cells.rows[cell]),
                    TestCell(
                        genes: Array(cells.genes(ofCell: cell)),
                        counts: Array(cells.counts(ofCell: cell))
                    )
                )
            }
        }
    }
}
