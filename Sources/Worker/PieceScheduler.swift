// Which piece of the control cells is visited next, by which fits, and which are fetched and dropped.
//
// Overview: every fit in progress has to visit every piece of its phase once, in any order. Pieces
// are large and may not all fit the memory together, so that fits share each visit: the piece that
// most fits still need comes first, stays while anybody needs it, and makes room for the next.
//
// Why this way: a fit may join at any time and begins with whatever piece is here; no fit waits for
// the others to come round. With enough memory every piece is fetched once and kept for good; with
// room for one piece alone each round over the pieces serves all fits in progress.

/// A part of the control cells that is fetched and kept as a whole.
package enum ControlPiece: Hashable, Comparable, Sendable {
    /// A tile of genes, by its position.
    case tile(Int)
    /// A run of cells, by its position.
    case cells(Int)

    /// The name by which the coordinator serves the piece.
    package var resource: String {
        switch self {
        case .tile(let index): "control-tile/\(index)"
        case .cells(let index): "control-cells/\(index)"
        }
    }

    /// The piece of a resource's name; nil when the resource is no piece.
    package init?(resource name: String) {
        let parts = name.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let index = Int(parts[1]) else { return nil }
        switch parts[0] {
        case "control-tile": self = .tile(index)
        case "control-cells": self = .cells(index)
        default: return nil
        }
    }
}

/// Decides about pieces; a value without threads, clocks or bytes.
package struct PieceScheduler {
    /// What is to be done next.
    package enum Step: Equatable {
        /// Let these fits visit a piece that is here, then call ``visited(_:by:)``.
        case visit(ControlPiece, fits: [UInt32])
        /// End the phase of a fit that has visited every piece.
        case endPhase(UInt32)
        /// Nothing until a piece arrives or a fit begins.
        case wait
    }

    private enum Stage: Equatable {
        case fetching
        case here
    }

    private struct Resident {
        var stage: Stage
        var bytes: Int
        /// When the piece was last visited, to drop the one unused for longest.
        var lastUse: Int
    }

    private let budget: Int
    /// Bytes that each piece takes once it is prepared.
    private let sizes: [ControlPiece: Int]
    private var resident: [ControlPiece: Resident] = [:]
    private var remaining: [UInt32: Set<ControlPiece>] = [:]
    private var usedBytes = 0
    private var clock = 0

    /// Plans with pieces of known sizes.
    ///
    /// - Parameters:
    ///   - sizes: Bytes of each piece once prepared.
    ///   - budget: Bytes that pieces may take together; one piece may exceed it.
    package init(sizes: [ControlPiece: Int], budget: Int) {
        self.sizes = sizes
        self.budget = budget
    }

    /// Fits in progress.
    package var fitCount: Int { remaining.count }
    /// Bytes of all pieces here or on the way.
    package var residentBytes: Int { usedBytes }

    /// Begins a phase of a fit, which has to visit the given pieces.
    package mutating func begin(_ fit: UInt32, pieces: Set<ControlPiece>) {
        precondition(remaining[fit] == nil && pieces.allSatisfy { sizes[$0] != nil })
        remaining[fit] = pieces
    }

    /// Forgets a fit, whether it has finished or failed.
    package mutating func end(_ fit: UInt32) { remaining[fit] = nil }

    /// Notes that a piece is here and prepared.
    package mutating func arrived(_ piece: ControlPiece) {
        precondition(resident[piece]?.stage == .fetching)
        resident[piece]?.stage = .here
    }

    /// Notes that fits have visited a piece.
    package mutating func visited(_ piece: ControlPiece, by fits: [UInt32]) {
        clock += 1
        resident[piece]?.lastUse = clock
        for fit in fits { remaining[fit]?.remove(piece) }
    }

    /// What to do next.
    package func next() -> Step {
        if let done = remaining.filter({ $0.value.isEmpty }).keys.min() { return .endPhase(done) }
        let here = resident.filter { $0.value.stage == .here }.keys
        if let (piece, fits) = mostNeeded(of: here) { return .visit(piece, fits: fits) }
        return .wait
    }

    /// Pieces to drop and then to fetch, so that the next visits need not wait.
    ///
    /// A piece is dropped only when no fit needs it: what is here is visited before it makes room.
    package mutating func exchange() -> (drop: [ControlPiece], fetch: [ControlPiece]) {
        var dropped: [ControlPiece] = []
        var fetched: [ControlPiece] = []
        let absent = sizes.keys.filter { resident[$0] == nil }
        let wanted = absent.map { (need: need(for: $0), piece: $0) }.filter { $0.need > 0 }
            .sorted { ($1.need, $0.piece) < ($0.need, $1.piece) }
        for (_, piece) in wanted {
            let bytes = sizes[piece] ?? 0
            while usedBytes + bytes > budget, let idle = idlePiece() {
                drop(idle)
                dropped.append(idle)
            }
            // A piece larger than the budget is let in alone.
            guard usedBytes + bytes <= budget || resident.isEmpty else { break }
            resident[piece] = Resident(stage: .fetching, bytes: bytes, lastUse: clock)
            usedBytes += bytes
            fetched.append(piece)
        }
        return (dropped, fetched)
    }

    private func need(for piece: ControlPiece) -> Int {
        remaining.values.count { $0.contains(piece) }
    }

    private func mostNeeded(
        of pieces: some Sequence<ControlPiece>
    ) -> (ControlPiece, [UInt32])? {
        var best: (piece: ControlPiece, fits: [UInt32])?
        for piece in pieces.sorted() {
            let fits = remaining.filter { $0.value.contains(piece) }.keys.sorted()
            if fits.count > best?.fits.count ?? 0 { best = (piece, fits) }
        }
        return best.map { ($0.piece, $0.fits) }
    }

    /// The piece that is here, that nobody needs, and that was not used for longest.
    private func idlePiece() -> ControlPiece? {
        resident.filter { $0.value.stage == .here && need(for: $0.key) == 0 }
            .min { ($0.value.lastUse, $0.key) < ($1.value.lastUse, $1.key) }?.key
    }

    private mutating func drop(_ piece: ControlPiece) {
        usedBytes -= resident.removeValue(forKey: piece)?.bytes ?? 0
    }
}
