import AnnData
import Coordinator
import CountBlocks
import DifferentialExpression
import Digests
import NIOCore
import Scheduling
import Testing
import WireProtocol

@Suite("What workers may fetch of the control cells, and beside a block")
struct ServedControlTests {
    private let blocks: BlockStore
    private let tiled: TiledControl
    private let control: ServedControl
    private let resources: ServedResources
    private static let inputBytes = 24

    init() throws {
        var screen = SmallScreen()
        screen.memoryBytes = 0
        let blocks = try screen.blocks()
        try #require(blocks.bytesSpilled > 0)
        tiled = try ControlTiler(
            screen: ScreenCounts(
                blocks: blocks,
                geneCount: 5,
                groupOfCell: try cellLabels(screen.codes, screen.names).codes,
                controlGroup: 0
            ),
            memoryBytes: 0,
            scratchDirectory: "/tmp"
        ).run(tileNonzeros: 1)
        self.blocks = blocks
        control = ServedControl(tiled, blocks: blocks, group: 0)
        resources = ServedResources(
            common: [("control-cache", [1, 2, 3])],
            blocks: blocks,
            groupOfPerturbation: [2, 1],
            control: control,
            inputs: (Self.inputBytes, { Self.inputs($0) })
        )
    }

    private static func inputs(_ row: Int) -> [UInt8] {
        (0..<inputBytes).map { UInt8(100 * row + $0) }
    }

    private func bytes(_ store: BlockStore, _ group: Int, _ range: Range<Int>) throws -> [UInt8] {
        var bytes: [UInt8] = []
        try store.read(group: group, offset: range.lowerBound, length: range.count, into: &bytes)
        return bytes
    }

    /// Asks for a part of a resource; nil when it is missing.
    private func part(_ name: String, _ range: Range<Int>) throws -> [UInt8]? {
        let request = ResourceRequest(
            request: 5,
            name: name,
            offset: UInt64(range.lowerBound),
            length: UInt32(range.count)
        )
        switch try resources.answer(request) {
        case .resourceChunk(let chunk):
            #expect(chunk.request == 5 && chunk.offset == UInt64(range.lowerBound))
            return Array(chunk.payload.readableBytesView)
        default: return nil
        }
    }

    private func expect(_ name: String, _ whole: [UInt8]) throws {
        for start in stride(from: 0, to: whole.count, by: 3) {
            for end in [start, start + 1, (start + whole.count) / 2, whole.count] where end >= start
            {
                let found = try part(name, start..<min(end, whole.count))
                #expect(found == Array(whole[start..<min(end, whole.count)]), "\(name)")
            }
        }
        #expect(try part(name, 0..<whole.count + 1) == nil)
        #expect(try part(name, whole.count..<whole.count + 1) == nil)
    }

    @Test("the list of pieces is the last of the common resources")
    func list() throws {
        #expect(resources.common.map(\.name) == ["control-cache", "control-pieces"])
        let list = tiled.pieces.encoded()
        #expect(resources.common[1].bytes == UInt64(list.count))
        try expect("control-pieces", list)
        #expect(ControlPieces(bytes: list, geneCount: 5) == tiled.pieces)
    }

    @Test("any part of a tile or a run is exactly its bytes, and what was announced")
    func pieces() throws {
        #expect(!tiled.pieces.tiles.isEmpty && !tiled.pieces.cellRuns.isEmpty)
        for (index, tile) in tiled.pieces.tiles.enumerated() {
            let whole = try bytes(tiled.tiles[index], 0, 0..<tile.byteCount)
            try expect("control-tile/\(index)", whole)
            _ = try DecodedSegment.all(
                of: whole,
                geneCount: 5,
                kind: .integerCounts,
                digest: tile.digest
            )
        }
        for (index, run) in tiled.pieces.cellRuns.enumerated() {
            try expect("control-cells/\(index)", try bytes(blocks, 0, run.bytes))
        }
    }

    @Test(
        "a name that is no piece is missing",
        arguments: [
            "control-tile", "control-tile/", "control-tile/64", "control-tile/-1",
            "control-tile/0/0", "control-cells/1", "control-cells/x", "control-cell/0",
            "Control-tile/0",
        ]
    )
    func unknown(name: String) throws {
        #expect(tiled.pieces.tiles.count <= 64 && tiled.pieces.cellRuns.count == 1)
        #expect(try part(name, 0..<1) == nil)
    }

    @Test("pieces are counted when their first bytes are sent, and nothing else is")
    func tally() throws {
        let before = control.sentCount
        _ = try part("control-tile/0", 0..<4)
        _ = try part("control-tile/0", 4..<8)
        _ = try part("control-cells/0", 0..<1)
        _ = try part("control-cells/9", 0..<1)
        _ = try part("block/0", 0..<1)
        #expect(control.sentCount - before == 2)
    }

    @Test("inputs follow the block, across the seam too, and are announced with it")
    func inputs() throws {
        for (row, group) in [2, 1].enumerated() {
            let blockBytes = blocks.blocks[group].byteCount
            let whole = try bytes(blocks, group, 0..<blockBytes) + Self.inputs(row)
            try expect("block/\(row)", whole)
            #expect(try part("block/\(row)", blockBytes - 1..<blockBytes + 1)?.count == 2)
            let announced = resources.leased(PerturbationIndex(UInt32(row))).block
            #expect(announced.bytes == UInt64(whole.count))
            #expect(announced.digest.high == blocks.blocks[group].digest.high, "of the block alone")
        }
    }

    @Test("without a control in pieces there is none to fetch")
    func without() throws {
        let bare = ServedResources(common: [], blocks: blocks, groupOfPerturbation: [1])
        #expect(bare.common.isEmpty && bare.control == nil)
        for name in ["control-pieces", "control-tile/0", "control-cells/0"] {
            let request = ResourceRequest(request: 1, name: name, offset: 0, length: 1)
            guard case .resourceMissing = try bare.answer(request) else {
                Issue.record("\(name) is there")
                continue
            }
        }
    }
}
