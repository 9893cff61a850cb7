import CountBlocks
import Digests
import Testing

@Suite struct BlockSegmentsTests {
    private let store: BlockStore
    private let bytes: [UInt8]
    private let segments: [[UInt8]]

    init() throws {
        let screen = TestScreen.random(geneCount: 20, groupCount: 1, cellCount: 2900, seed: 31)
        let store = try screen.blocks()
        self.store = store
        bytes = try store.bytes(0)
        segments = try (0..<store.segmentCount(0)).map { index in
            var segment: [UInt8] = []
            try store.readSegment(group: 0, index: index, into: &segment)
            return segment
        }
        try #require(segments.count == 2)
    }

    /// Reads to the end and returns the number of cells.
    private func read(_ bytes: [UInt8], digest: Digest128?) throws -> Int {
        try bytes.withUnsafeBytes { bytes in
            var block = BlockSegments(bytes: bytes, geneCount: 20, digest: digest)
            var segment = DecodedSegment()
            var cellCount = 0
            while try block.next(into: &segment) {
                cellCount += segment.cellCount
            }
            // The end stays the end.
            #expect(try !block.next(into: &segment))
            return cellCount
        }
    }

    @Test func theAnnouncedBlockIsAccepted() throws {
        let cellCount = try read(bytes, digest: store.blocks[0].digest)
        #expect(cellCount == store.blocks[0].cellCount)
    }

    @Test func anEmptyBlockHasTheDigestOfNoSegments() throws {
        #expect(try read([], digest: Digester().finish()) == 0)
        #expect(throws: CountBlockError.self) { try read([], digest: store.blocks[0].digest) }
    }

    @Test func aMissingSegmentIsFoundByTheBlocksDigest() throws {
        #expect(try read(segments[0], digest: nil) == 1024)
        let digester = Digester()
        digester.update(try digest(of: segments[0]))
        #expect(
            throws: CountBlockError.blockDigestMismatch(
                expected: store.blocks[0].digest,
                found: digester.finish()
            )
        ) {
            try read(segments[0], digest: store.blocks[0].digest)
        }
    }

    @Test func segmentsInAnotherOrderAreFoundByTheirRows() throws {
        #expect(throws: CountBlockError.rowsNotAscending(cell: 0)) {
            try read(segments[1] + segments[0], digest: nil)
        }
        #expect(throws: CountBlockError.rowsNotAscending(cell: 0)) {
            try read(segments[0] + segments[0], digest: nil)
        }
    }

    @Test func damageInAnySegmentIsFound() throws {
        for position in [0, 40, 60, segments[0].count - 1, segments[0].count + 3, bytes.count - 1] {
            var damaged = bytes
            damaged[position] ^= 0x10
            #expect(throws: CountBlockError.self) { try read(damaged, digest: nil) }
        }
    }

    @Test func aTruncatedBlockIsFound() throws {
        #expect(throws: CountBlockError.self) { try read(bytes.dropLast(), digest: nil) }
        #expect(throws: CountBlockError.truncated(neededBytes: 48, foundBytes: 1)) {
            try read(segments[0] + segments[1].prefix(1), digest: nil)
        }
    }

    private func digest(of segment: [UInt8]) throws -> Digest128 {
        try segment.withUnsafeBytes { bytes in
            try SegmentHeader(parsing: bytes, geneCount: 20).digest
        }
    }
}
