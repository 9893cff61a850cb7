import CountBlocks
import Foundation
import Testing

@Suite struct BlockBuilderTests {
    private func builder(_ screen: TestScreen, memoryBytes: Int) -> BlockBuilder {
        BlockBuilder(
            groupCount: screen.groupCount,
            geneCount: screen.geneCount,
            memoryBytes: memoryBytes,
            scratchDirectory: FileManager.default.temporaryDirectory.path
        )
    }

    @Test func eachGroupHasItsCellsInFileOrder() throws {
        let screen = TestScreen.random(geneCount: 50, groupCount: 7, cellCount: 900, seed: 1)
        let store = try screen.blocks()
        for group in 0..<7 {
            let expected = screen.members(group)
            let decoded = try decodeBlock(store.bytes(group), geneCount: 50)
            #expect(decoded.map(\.row) == expected.map(\.row))
            #expect(decoded.map(\.cell) == expected.map(\.cell))
            #expect(store.blocks[group].cellCount == expected.count)
            #expect(
                store.blocks[group].nonzeroCount
                    == expected.reduce(0) { $0 + $1.cell.genes.count }
            )
        }
    }

    @Test func theBytesDoNotDependOnSlabsOrMemory() throws {
        let screen = TestScreen.random(geneCount: 60, groupCount: 5, cellCount: 7000, seed: 2)
        let expected = try screen.blocks(slabCells: 7000)
        #expect(expected.blocks.contains { $0.segmentCount > 1 })
        #expect(expected.bytesSpilled == 0)
        let total = expected.bytesInMemory
        for slabCells in [1, 7, 1000] {
            for memoryBytes in [0, 5_000, 40_000, total / 2, 1 << 30] {
                let builder = builder(screen, memoryBytes: memoryBytes)
                let store = try screen.blocks(slabCells: slabCells, builder: builder)
                #expect(store.blocks == expected.blocks)
                #expect(store.bytesInMemory <= memoryBytes)
                #expect((store.bytesSpilled > 0) == (memoryBytes < total))
                for group in 0..<5 {
                    #expect(try store.bytes(group) == expected.bytes(group))
                }
            }
        }
    }

    @Test func memoryStaysInBoundsWithManyGroups() throws {
        // 20,000 groups of open segments of which none is ever full.
        let groupCount = 20_000
        let cell = TestCell(
            genes: (0..<200).map { $0 * 3 },
            counts: .init(repeating: 1, count: 200)
        )
        let cells = [TestCell](repeating: cell, count: 1000)
        let encoder = CellEncoder(geneCount: 600)
        let builder = BlockBuilder(
            groupCount: groupCount,
            geneCount: 600,
            memoryBytes: 2 << 20,
            scratchDirectory: FileManager.default.temporaryDirectory.path
        )
        for slab in 0..<60 {
            let groups = (0..<1000).map { Int32((slab * 1000 + $0) % groupCount) }
            try builder.append(
                encoder.encode(cells[...], firstRow: slab * 1000),
                groups: groups[...]
            )
            #expect(builder.bytesInMemory <= 2 << 20)
        }
        let store = try builder.finish()
        #expect(store.bytesInMemory <= 2 << 20)
        #expect(store.blocks.allSatisfy { $0.cellCount == 3 && $0.segmentCount == 1 })
        let decoded = try decodeBlock(store.bytes(12_345), geneCount: 600)
        #expect(decoded.map(\.row) == [12_345, 32_345, 52_345])
        #expect(decoded.allSatisfy { $0.cell == cell })
    }

    @Test func aSegmentIsFullWithItsLastAllowedCell() throws {
        for (cellCount, segmentCount) in [(1023, 1), (1024, 1), (1025, 2), (2048, 2), (2049, 3)] {
            let cell = TestCell(genes: [1], counts: [1])
            let screen = TestScreen(
                geneCount: 2,
                groupCount: 1,
                cells: .init(repeating: cell, count: cellCount)
            )
            let store = try screen.blocks()
            #expect(store.segmentCount(0) == segmentCount)
            #expect(store.blocks[0].cellCount == cellCount)
        }
    }

    @Test func aSegmentIsFullWithItsLastAllowedNonzero() throws {
        let geneCount = 1 << 19
        let full = TestCell(
            genes: (0..<UInt32(geneCount)).map { $0 },
            counts: .init(repeating: 2, count: geneCount)
        )
        let almost = TestCell(genes: full.genes.dropLast(), counts: full.counts.dropLast())
        func segmentCells(_ cells: [TestCell]) throws -> [Int] {
            let store = try TestScreen(geneCount: geneCount, groupCount: 1, cells: cells).blocks()
            var segment = DecodedSegment()
            var buffer: [UInt8] = []
            return try (0..<store.segmentCount(0)).map { index in
                try store.decodeSegment(group: 0, index: index, into: &segment, buffer: &buffer)
                return segment.cellCount
            }
        }
        #expect(try segmentCells([full, full, full]) == [2, 1])
        #expect(try segmentCells([full, almost, full]) == [3])
        #expect(try segmentCells([full, almost, full, full]) == [3, 1])
    }

    @Test func groupsWithoutCellsHaveEmptyBlocks() throws {
        let screen = TestScreen(
            geneCount: 4,
            groupCount: 3,
            cells: [TestCell(genes: [2], counts: [9]), TestCell(genes: [1], counts: [1])],
            groups: [1, -1]
        )
        let store = try screen.blocks()
        #expect(store.blocks.map(\.cellCount) == [0, 1, 0])
        #expect(store.blocks.map(\.segmentCount) == [0, 1, 0])
        #expect(store.blocks[0].byteCount == 0)
        #expect(store.blocks[0].digest == store.blocks[2].digest)
        #expect(store.blocks[0].digest != store.blocks[1].digest)
        #expect(try decodeBlock(store.bytes(0), geneCount: 4).isEmpty)
    }

    @Test func noGroupsAtAllIsAnEmptyStore() throws {
        let store = try TestScreen(geneCount: 4, groupCount: 0, cells: []).blocks()
        #expect(store.groupCount == 0)
    }

    @Test func aDroppedBuilderGivesItsMemoryBack() throws {
        weak var dropped: BlockBuilder?
        do {
            let screen = TestScreen.random(geneCount: 50, groupCount: 3, cellCount: 50, seed: 4)
            let builder = builder(screen, memoryBytes: 1 << 20)
            dropped = builder
            let encoder = CellEncoder(geneCount: 50)
            try builder.append(
                encoder.encode(screen.cells[...], firstRow: 0),
                groups: screen.groups[...]
            )
            #expect(builder.bytesInMemory > 0)
        }
        #expect(dropped == nil)
    }
}
