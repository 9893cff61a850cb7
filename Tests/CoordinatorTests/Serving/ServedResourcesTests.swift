import Coordinator
import CountBlocks
import Digests
import NIOCore
import Scheduling
import Testing
import WireProtocol

@Suite("What workers may fetch")
struct ServedResourcesTests {
    private let cache = (0..<100).map { UInt8($0) }
    private let blocks: BlockStore
    private let resources: ServedResources

    init() throws {
        blocks = try Self.spilledBlocks()
        resources = ServedResources(
            common: [
                (ServedResources.controlCache, cache), (ServedResources.sizeFactors, []),
            ],
            blocks: blocks,
            groupOfPerturbation: [2, 1]
        )
    }

    /// Blocks of which some bytes are on disk.
    private static func spilledBlocks() throws -> BlockStore {
        var screen = SmallScreen()
        screen.memoryBytes = 0
        let blocks = try screen.blocks()
        try #require(blocks.bytesSpilled > 0)
        return blocks
    }

    private func block(_ group: Int) throws -> [UInt8] {
        var bytes: [UInt8] = []
        try blocks.read(
            group: group,
            offset: 0,
            length: blocks.blocks[group].byteCount,
            into: &bytes
        )
        return bytes
    }

    private func request(_ name: String, _ offset: UInt64, _ length: UInt32) -> ResourceRequest {
        ResourceRequest(request: 7, name: name, offset: offset, length: length)
    }

    private func expect(
        _ name: String,
        _ whole: [UInt8],
        at offset: Int,
        _ length: Int,
        location: SourceLocation = #_sourceLocation
    ) throws {
        let answer = try resources.answer(request(name, UInt64(offset), UInt32(length)))
        let chunk = ResourceChunk(
            request: 7,
            offset: UInt64(offset),
            payload: ByteBuffer(bytes: whole[offset..<offset + length])
        )
        #expect(answer == .resourceChunk(chunk), sourceLocation: location)
    }

    /// The reason why there is no chunk; nil when there is one.
    private func whyMissing(_ request: ResourceRequest) throws -> String? {
        guard case .resourceMissing(request: 7, let reason) = try resources.answer(request) else {
            return nil
        }
        return reason
    }

    @Test("any range within the cache or a block is answered with exactly its bytes")
    func ranges() throws {
        for (name, whole) in [
            (ServedResources.controlCache, cache), ("block/0", try block(2)),
            ("block/1", try block(1)),
        ] {
            for offset in whole.indices {
                try expect(name, whole, at: offset, 1)
                try expect(name, whole, at: offset, whole.count - offset)
            }
            try expect(name, whole, at: 0, whole.count)
        }
    }

    @Test(
        "a range that passes the end is missing, however large",
        arguments: [
            (0, 1), (1, 0), (1, .max), (UInt64(Int.max) - 1, 1), (UInt64(Int.max), 1),
            (UInt64(Int.max), .max), (UInt64(Int.max) + 1, 1), (.max - 1, 2), (.max, 1),
            (.max, .max),
        ] as [(UInt64, UInt32)]
    )
    func outside(beyond: UInt64, length: UInt32) throws {
        for (name, size) in [
            (ServedResources.controlCache, cache.count), (ServedResources.sizeFactors, 0),
            ("block/0", blocks.blocks[2].byteCount),
        ] {
            let (sum, overflow) = UInt64(size).addingReportingOverflow(beyond)
            let reason = try whyMissing(request(name, overflow ? .max : sum, length))
            #expect(reason == "\(name): it has \(size) bytes")
        }
        let tail = request(ServedResources.controlCache, UInt64(cache.count) - 1, 2)
        #expect(try whyMissing(tail) == "control-cache: it has 100 bytes")
    }

    @Test(
        "a name that nothing has is missing",
        arguments: [
            "", "block", "block/", "block/2", "block/-1", "block/x", "block/0/0", "block/ 0",
            "block/9223372036854775808", "blocks/0", "Block/0", "control-cache/", "size_factors",
        ]
    )
    func unknown(name: String) throws {
        #expect(
            try whyMissing(request(name, 0, 1)) == "\(name): there is no resource of that name"
        )
    }

    @Test("an empty resource has an empty beginning and nothing else")
    func empty() throws {
        try expect(ServedResources.sizeFactors, [], at: 0, 0)
        #expect(
            try whyMissing(request(ServedResources.sizeFactors, 0, 1))
                == "size-factors: it has 0 bytes"
        )
    }

    @Test("common resources are announced with length and digest")
    func common() {
        let digests = [cache, []].map { $0.withUnsafeBytes { Digest128(of: $0) } }
        let expected = zip(["control-cache", "size-factors"], zip([100, 0], digests)).map {
            ResourceDescription(
                name: $0,
                bytes: UInt64($1.0),
                digest: Bytes16(high: $1.1.high, low: $1.1.low)
            )
        }
        #expect(resources.common == expected)
    }

    @Test("a perturbation is announced with the block of its group")
    func leased() {
        for (perturbation, group) in [2, 1].enumerated() {
            let block = blocks.blocks[group]
            let expected = LeasedPerturbation(
                index: UInt32(perturbation),
                cells: UInt32(block.cellCount),
                block: ResourceDescription(
                    name: "block/\(perturbation)",
                    bytes: UInt64(block.byteCount),
                    digest: Bytes16(high: block.digest.high, low: block.digest.low)
                )
            )
            #expect(resources.leased(PerturbationIndex(UInt32(perturbation))) == expected)
        }
        #expect(blocks.blocks[1].cellCount == 3 && blocks.blocks[2].cellCount == 2)
    }
}
