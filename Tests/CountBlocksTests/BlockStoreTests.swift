import CountBlocks
import Digests
import Foundation
import TestSupport
import Testing

@Suite struct BlockStoreTests {
    /// A screen whose blocks have several segments, partly in memory and partly spilled.
    private func mixed() throws -> (screen: TestScreen, store: BlockStore) {
        let screen = TestScreen.random(geneCount: 30, groupCount: 3, cellCount: 8000, seed: 21)
        let builder = BlockBuilder(
            groupCount: 3,
            geneCount: 30,
            memoryBytes: 70_000,
            scratchDirectory: FileManager.default.temporaryDirectory.path
        )
        let store = try screen.blocks(slabCells: 333, builder: builder)
        try #require(store.bytesInMemory > 0 && store.bytesSpilled > 0)
        return (screen, store)
    }

    @Test func segmentsOneAfterTheOtherAreTheBlock() throws {
        let (_, store) = try mixed()
        for group in 0..<3 {
            try #require(store.segmentCount(group) > 1)
            var joined: [UInt8] = []
            var segment: [UInt8] = []
            for index in 0..<store.segmentCount(group) {
                try store.readSegment(group: group, index: index, into: &segment)
                joined += segment
            }
            #expect(try store.bytes(group) == joined)
            #expect(store.blocks[group].byteCount == joined.count)
        }
        let total = store.blocks.reduce(0) { $0 + $1.byteCount }
        #expect(store.bytesInMemory + store.bytesSpilled == total)
    }

    @Test func anyRangeOfBytesIsThatPartOfTheBlock() throws {
        let (_, store) = try mixed()
        var generator = SeededGenerator(seed: 22)
        var part: [UInt8] = []
        for group in 0..<3 {
            let whole = try store.bytes(group)
            for _ in 0..<300 {
                let start = Int.random(in: 0...whole.count, using: &generator)
                let end = Int.random(in: start...whole.count, using: &generator)
                try store.read(group: group, offset: start, length: end - start, into: &part)
                #expect(part.elementsEqual(whole[start..<end]))
            }
        }
    }

    @Test(arguments: [(-1, 1), (0, -1), (0, .max), (.max, 1), (.min, .min), (1, .max)])
    func aRangeOutsideTheBlockIsAnError(offset: Int, length: Int) throws {
        let store = try TestScreen.random(geneCount: 9, groupCount: 1, cellCount: 9, seed: 1)
            .blocks()
        var output: [UInt8] = []
        #expect(
            throws: CountBlockError.rangeOutsideBlock(
                group: 0,
                offset: offset,
                length: length,
                blockBytes: store.blocks[0].byteCount
            )
        ) {
            try store.read(group: 0, offset: offset, length: length, into: &output)
        }
    }

    @Test func aGroupOrSegmentThatDoesNotExistIsAnError() throws {
        let store = try TestScreen.random(geneCount: 9, groupCount: 1, cellCount: 9, seed: 1)
            .blocks()
        var output: [UInt8] = []
        for (group, index) in [(-1, 0), (1, 0), (0, -1), (0, 1)] {
            #expect(throws: CountBlockError.noSuchSegment(group: group, index: index)) {
                try store.readSegment(group: group, index: index, into: &output)
            }
        }
        #expect(throws: CountBlockError.self) {
            try store.read(group: 1, offset: 0, length: 1, into: &output)
        }
    }

    @Test func manyTasksReadAtOnce() async throws {
        let (screen, store) = try mixed()
        let digests = await withTaskGroup(of: Digest128?.self) { tasks in
            for task in 0..<16 {
                tasks.addTask {
                    let bytes = try? store.bytes(task % 3)
                    return bytes?.withUnsafeBytes { Digest128(of: $0) }
                }
            }
            var digests: Set<Digest128?> = []
            for await digest in tasks {
                digests.insert(digest)
            }
            return digests
        }
        let expected = try screen.blocks()
        let expectedDigests = try (0..<3).map { group in
            try expected.bytes(group).withUnsafeBytes { Digest128(of: $0) }
        }
        #expect(digests == Set(expectedDigests))
    }

    @Test func segmentsAreDecodedFromMemoryAndFromTheFile() throws {
        let (screen, store) = try mixed()
        var segment = DecodedSegment()
        var buffer: [UInt8] = []
        for group in 0..<3 {
            var cells: [TestCell] = []
            for index in 0..<store.segmentCount(group) {
                try store.decodeSegment(group: group, index: index, into: &segment, buffer: &buffer)
                cells += segment.members.map(\.cell)
            }
            #expect(cells == screen.members(group).map(\.cell))
        }
    }
}
