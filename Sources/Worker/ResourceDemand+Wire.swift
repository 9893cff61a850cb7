import DifferentialExpression
import Digests
import Scheduling
import WireProtocol

extension ControlPiece {
    /// What to fetch for a piece; nil for one that the run does not have.
    func demand(among pieces: ControlPieces) -> ResourceDemand? {
        switch self {
        case .tile(let index) where pieces.tiles.indices.contains(index):
            let tile = pieces.tiles[index]
            return ResourceDemand(
                name: resource,
                bytes: UInt64(tile.byteCount),
                digest: tile.digest
            )
        case .cells(let index) where pieces.cellRuns.indices.contains(index):
            let run = pieces.cellRuns[index]
            return ResourceDemand(
                name: resource,
                bytes: UInt64(run.bytes.count),
                digest: run.digest
            )
        case .tile, .cells: return nil
        }
    }
}

extension ResourceDemand {
    /// The session's form of what a message announces.
    init(_ description: ResourceDescription) {
        self.init(
            name: description.name,
            bytes: description.bytes,
            digest: .init(high: description.digest.high, low: description.digest.low)
        )
    }
}
