package import CountBlocks
package import DifferentialExpression
import Digests
import NIOCore
package import Scheduling
import Synchronization
package import WireProtocol

/// What workers may fetch by name.
///
/// The frozen state that every fit needs comes first; then each perturbation's block, with what the
/// analysis needs of that perturbation beside it; and, where fits read control cells, those in
/// pieces.
package struct ServedResources: Sendable {
    /// Name of the frozen cache.
    package static let controlCache = "control-cache"
    /// Name of the size factors of all cells of the file, doubles by file row.
    package static let sizeFactors = "size-factors"
    /// Name of the covariates of all cells of the file.
    package static let covariates = "covariates"
    /// Name of the list of the control's pieces.
    package static let controlPieces = "control-pieces"

    /// What follows the block of each perturbation; nil when nothing does.
    package typealias Inputs = @Sendable (_ row: Int) throws -> [UInt8]

    private let fixed: [String: [UInt8]]
    private let blocks: BlockStore
    private let groupOfPerturbation: [Int]
    /// The control cells in pieces; nil when no fit reads them.
    package let control: ServedControl?
    private let inputs: (byteCount: Int, read: Inputs)?
    private let sent = SendTally()

    /// Chunks sent so far, of all resources.
    package var sentCount: Int { sent.count }

    /// Descriptions of the resources that every worker fetches first.
    package let common: [ResourceDescription]

    /// Gathers what can be fetched.
    ///
    /// - Parameters:
    ///   - common: Name and bytes of what every worker fetches first, in this order.
    ///   - blocks: One block for each group.
    ///   - groupOfPerturbation: Group of each row of the result.
    ///   - control: The control cells in pieces; nil when no fit reads them.
    ///   - inputs: What follows each block, of one length; nil when nothing does.
    package init(
        common: [(name: String, bytes: [UInt8])],
        blocks: BlockStore,
        groupOfPerturbation: [Int],
        control: ServedControl? = nil,
        inputs: (byteCount: Int, read: Inputs)? = nil
    ) {
        var common = common
        if let control { common.append((Self.controlPieces, control.pieces.encoded())) }
        fixed = Dictionary(uniqueKeysWithValues: common.map { ($0.name, $0.bytes) })
        self.blocks = blocks
        self.groupOfPerturbation = groupOfPerturbation
        self.control = control
        self.inputs = inputs
        self.common = common.map { name, bytes in
            ResourceDescription(
                name: name,
                bytes: UInt64(bytes.count),
                digest: Bytes16(bytes.withUnsafeBytes { Digest128(of: $0) })
            )
        }
    }

    /// Describes one perturbation of a lease; it must be a row of the result.
    package func leased(_ perturbation: PerturbationIndex) -> LeasedPerturbation {
        let block = blocks.blocks[groupOfPerturbation[Int(perturbation.rawValue)]]
        return LeasedPerturbation(
            index: perturbation.rawValue,
            cells: UInt32(block.cellCount),
            block: ResourceDescription(
                name: Self.block(Int(perturbation.rawValue)),
                bytes: UInt64(block.byteCount + (inputs?.byteCount ?? 0)),
                digest: Bytes16(block.digest)
            )
        )
    }

    /// Answers a request with a chunk, or with the reason why there is none.
    ///
    /// - Throws: `CountBlockError` when a spilled block cannot be read back, what reading the inputs
    ///   of a perturbation throws.
    package func answer(_ request: ResourceRequest) throws -> CoordinatorMessage {
        guard let source = source(of: request.name) else {
            return missing(request, "there is no resource of that name")
        }
        let offset = Int(clamping: request.offset)
        let length = Int(request.length)
        let size = source.byteCount
        guard offset <= size, length <= size - offset else {
            return missing(request, "it has \(size) bytes")
        }
        let bytes = try source.read(offset..<offset + length)
        sent.add()
        if offset == 0, control?.source(of: request.name) != nil { control?.noteSent() }
        return .resourceChunk(
            ResourceChunk(request: request.request, offset: request.offset, payload: bytes)
        )
    }

    /// Every resource with the digest that is announced for it.
    var everything: [(name: String, digest: Digest128)] {
        var all = common.map { ($0.name, Digest128(high: $0.digest.high, low: $0.digest.low)) }
        for (row, group) in groupOfPerturbation.enumerated() {
            all.append((Self.block(row), blocks.blocks[group].digest))
        }
        for (index, tile) in (control?.pieces.tiles ?? []).enumerated() {
            all.append(("control-tile/\(index)", tile.digest))
        }
        for (index, run) in (control?.pieces.cellRuns ?? []).enumerated() {
            all.append(("control-cells/\(index)", run.digest))
        }
        return all
    }

    private static func block(_ row: Int) -> String { "block/\(row)" }

    /// Where the bytes of a resource come from.
    struct Source {
        var byteCount: Int
        var read: (Range<Int>) throws -> ByteBuffer
    }

    /// Where the bytes of a resource come from; nil when there is no such resource.
    func source(of name: String) -> Source? {
        if let bytes = fixed[name] {
            return Source(byteCount: bytes.count) { ByteBuffer(bytes: bytes[$0]) }
        }
        if let piece = control?.source(of: name) {
            return Source(byteCount: piece.byteCount) { range in
                var bytes: [UInt8] = []
                try piece.blocks.read(
                    group: piece.group,
                    offset: piece.offset + range.lowerBound,
                    length: range.count,
                    into: &bytes
                )
                return ByteBuffer(bytes: bytes)
            }
        }
        guard name.hasPrefix("block/"), let row = Int(name.dropFirst("block/".count)),
            groupOfPerturbation.indices.contains(row)
        else { return nil }
        return perturbation(row)
    }

    private func perturbation(_ row: Int) -> Source {
        let group = groupOfPerturbation[row]
        let blockBytes = blocks.blocks[group].byteCount
        let (blocks, inputs) = (blocks, inputs)
        return Source(byteCount: blockBytes + (inputs?.byteCount ?? 0)) { range in
            var bytes: [UInt8] = []
            let ofBlock = range.clamped(to: 0..<blockBytes)
            try blocks.read(
                group: group,
                offset: ofBlock.lowerBound,
                length: ofBlock.count,
                into: &bytes
            )
            if range.upperBound > blockBytes, let inputs {
                let rest = try inputs.read(row)
                bytes += rest[max(range.lowerBound - blockBytes, 0)..<range.upperBound - blockBytes]
            }
            return ByteBuffer(bytes: bytes)
        }
    }

    private func missing(_ request: ResourceRequest, _ reason: String) -> CoordinatorMessage {
        .resourceMissing(request: request.request, reason: "\(request.name): \(reason)")
    }
}

/// The control cells as workers get them.
package struct ServedControl: Sendable {
    /// What the pieces are.
    package let pieces: ControlPieces
    private let tiles: [BlockStore]
    private let blocks: BlockStore
    private let group: Int
    private let sent = SendTally()

    /// Pieces sent so far, each as often as a worker asked for it: far more than there are when
    /// workers cannot keep them.
    package var sentCount: Int { sent.count }

    /// Pairs tiles with the control's own block.
    package init(_ tiled: TiledControl, blocks: BlockStore, group: Int) {
        pieces = tiled.pieces
        tiles = tiled.tiles
        self.blocks = blocks
        self.group = group
    }

    /// Counts a piece whose first bytes are sent.
    func noteSent() { sent.add() }

    /// Where a piece's bytes lie; nil for a name that is no piece.
    func source(of name: String) -> (blocks: BlockStore, group: Int, offset: Int, byteCount: Int)? {
        let parts = name.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let index = Int(parts[1]) else { return nil }
        switch parts[0] {
        case "control-tile" where tiles.indices.contains(index):
            return (tiles[index], 0, 0, tiles[index].blocks[0].byteCount)
        case "control-cells" where pieces.cellRuns.indices.contains(index):
            let bytes = pieces.cellRuns[index].bytes
            return (blocks, group, bytes.lowerBound, bytes.count)
        default: return nil
        }
    }
}

/// Counts what was sent; the copies of a value share it.
private final class SendTally: Sendable {
    private let sent = Mutex(0)

    var count: Int { sent.withLock { $0 } }

    func add() { sent.withLock { $0 += 1 } }
}

extension Bytes16 {
    /// The wire's form of a digest.
    init(_ digest: Digest128) {
        self.init(high: digest.high, low: digest.low)
    }
}
