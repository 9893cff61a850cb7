package import CountBlocks
import Digests
import NIOCore
package import Scheduling
package import WireProtocol

/// What workers may fetch by name: the frozen cache, size factors, and each perturbation's block.
package struct ServedResources: Sendable {
    /// Name of the frozen cache, which every worker fetches first.
    package static let controlCache = "control-cache"
    /// Name of the size factors of all cells of the file, doubles by file row.
    package static let sizeFactors = "size-factors"

    private let fixed: [String: [UInt8]]
    private let blocks: BlockStore
    private let groupOfPerturbation: [Int]

    /// Descriptions of the resources that every worker fetches first.
    package let common: [ResourceDescription]

    /// Gathers what can be fetched.
    ///
    /// - Parameters:
    ///   - controlCache: The frozen cache, encoded.
    ///   - sizeFactors: One double for each cell of the file, little-endian.
    ///   - blocks: One block for each group.
    ///   - groupOfPerturbation: Group of each row of the result.
    package init(
        controlCache: [UInt8],
        sizeFactors: [UInt8],
        blocks: BlockStore,
        groupOfPerturbation: [Int]
    ) {
        fixed = [Self.controlCache: controlCache, Self.sizeFactors: sizeFactors]
        self.blocks = blocks
        self.groupOfPerturbation = groupOfPerturbation
        common = [(Self.controlCache, controlCache), (Self.sizeFactors, sizeFactors)].map {
            name,
            bytes in
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
                name: "block/\(perturbation.rawValue)",
                bytes: UInt64(block.byteCount),
                digest: Bytes16(block.digest)
            )
        )
    }

    /// Answers a request with a chunk, or with the reason why there is none.
    ///
    /// - Throws: `CountBlockError` when a spilled block cannot be read back.
    package func answer(_ request: ResourceRequest) throws(CountBlockError) -> CoordinatorMessage {
        let offset = Int(clamping: request.offset)
        let length = Int(request.length)
        if let bytes = fixed[request.name] {
            guard offset <= bytes.count, length <= bytes.count - offset else {
                return missing(request, "it has \(bytes.count) bytes")
            }
            return chunk(request, ByteBuffer(bytes: bytes[offset..<offset + length]))
        }
        guard let group = group(of: request.name) else {
            return missing(request, "there is no resource of that name")
        }
        let size = blocks.blocks[group].byteCount
        guard offset <= size, length <= size - offset else {
            return missing(request, "it has \(size) bytes")
        }
        var bytes: [UInt8] = []
        try blocks.read(group: group, offset: offset, length: length, into: &bytes)
        return chunk(request, ByteBuffer(bytes: bytes))
    }

    private func group(of name: String) -> Int? {
        guard name.hasPrefix("block/"), let index = Int(name.dropFirst("block/".count)),
            groupOfPerturbation.indices.contains(index)
        else { return nil }
        return groupOfPerturbation[index]
    }

    private func chunk(_ request: ResourceRequest, _ payload: ByteBuffer) -> CoordinatorMessage {
        .resourceChunk(
            ResourceChunk(request: request.request, offset: request.offset, payload: payload)
        )
    }

    private func missing(_ request: ResourceRequest, _ reason: String) -> CoordinatorMessage {
        .resourceMissing(request: request.request, reason: "\(request.name): \(reason)")
    }
}

extension Bytes16 {
    /// The wire's form of a digest.
    init(_ digest: Digest128) {
        self.init(high: digest.high, low: digest.low)
    }
}
