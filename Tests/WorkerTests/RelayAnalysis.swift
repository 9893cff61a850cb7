import CountBlocks
import DifferentialExpression
import Synchronization

/// An analysis made up for tests: its phases need everything that phases can need, and its rows tell
/// when a visit was missed, made twice or made in the wrong phase.
struct RelayAnalysis: PhasedAnalysis {
    /// What the phases of every fit need, in this order.
    static let phases: [ControlNeed] = [
        .geneTiles, .nothing, .cells, .geneTiles, .cells, .geneTiles, .nothing,
    ]

    let geneCount: Int
    let controlCells: Int
    /// Counts the fits in progress.
    var census = FitCensus()

    func tileBytes(nonzeros: Int, genes: Int) -> Int { 16 * nonzeros + 8 * genes }

    func fitBytes(nonzeros: Int, genes: Int) -> Int { 8 * nonzeros + 16 * genes }

    func makeTile(genes: Range<Int>, segments: [DecodedSegment]) -> RelayTile {
        var tile = RelayTile(genes: genes, sums: [UInt64](repeating: 0, count: genes.count))
        for segment in segments {
            segment.withCells { cells in
                for (gene, count) in zip(cells.genes, cells.counts) {
                    tile.sums[Int(gene) - genes.lowerBound] += UInt64(count)
                }
            }
        }
        return tile
    }

    func begin(perturbation: UInt32, segments: [DecodedSegment]) -> RelayFit {
        var sums = [UInt64](repeating: 0, count: geneCount)
        for segment in segments {
            segment.withCells { cells in
                for (gene, count) in zip(cells.genes, cells.counts) {
                    sums[Int(gene)] += UInt64(count)
                }
            }
        }
        return RelayFit(
            perturbation: perturbation,
            sums: sums,
            controlCells: controlCells,
            census: census
        )
    }

    /// The row that the definition gives, from dense counts.
    ///
    /// - Parameters:
    ///   - own: Sums of the perturbation's counts by gene.
    ///   - control: Counts of the control cells in file order; shape `[cells][genes]`.
    /// - Returns: The row's bytes.
    static func row(own: [UInt64], control: [[UInt32]]) -> [UInt8] {
        var values = own
        for need in phases {
            switch need {
            case .nothing: for gene in values.indices { values[gene] = mixed(values[gene], 1) }
            case .geneTiles:
                for gene in values.indices {
                    let sum = control.reduce(UInt64(0)) { $0 + UInt64($1[gene]) }
                    values[gene] = mixed(values[gene], sum)
                }
            case .cells:
                let sums = control.map { $0.reduce(UInt64(0)) { $0 + UInt64($1) } }
                let whole = folded(sums)
                for gene in values.indices { values[gene] = mixed(values[gene], whole) }
            }
        }
        return bytes(values)
    }

    /// What becomes of a value at a visit; the order of visits of one gene matters.
    static func mixed(_ value: UInt64, _ more: UInt64) -> UInt64 {
        let sum = (value &* 31) &+ (more &* 0x9E37_79B9) &+ 1
        return sum ^ (sum >> 29)
    }

    /// One number of all control cells; the order of the cells matters.
    static func folded(_ sums: [UInt64]) -> UInt64 { sums.reduce(7) { mixed($0, $1) } }

    static func bytes(_ values: [UInt64]) -> [UInt8] {
        var bytes: [UInt8] = []
        for value in values { bytes.append(littleEndian: value) }
        return bytes
    }
}

/// How many fits are in progress, and the most there ever were.
final class FitCensus: Sendable {
    private let counts = Mutex((now: 0, most: 0))

    var most: Int { counts.withLock { $0.most } }

    func begin() {
        counts.withLock { counts in
            counts.now += 1
            counts.most = max(counts.most, counts.now)
        }
    }

    func end() { counts.withLock { $0.now -= 1 } }
}

/// Sums of the control's counts for a range of genes.
struct RelayTile: Sendable {
    let genes: Range<Int>
    var sums: [UInt64]
}

/// A fit of ``RelayAnalysis``.
final class RelayFit: PhasedFit {
    private struct State {
        var phase = 0
        var values: [UInt64]
        /// Sums of the control cells in the present phase; nil where no visit has been.
        var cells: [UInt64?]
    }

    private let perturbation: UInt32
    private let state: Mutex<State>
    private let census: FitCensus

    init(perturbation: UInt32, sums: [UInt64], controlCells: Int, census: FitCensus) {
        self.perturbation = perturbation
        self.census = census
        census.begin()
        state = Mutex(
            State(values: sums, cells: [UInt64?](repeating: nil, count: controlCells))
        )
    }

    var need: ControlNeed { state.withLock { RelayAnalysis.phases[$0.phase] } }

    func visit(genes: Range<Int>) {
        state.withLock { state in
            guard RelayAnalysis.phases[state.phase] == .nothing else { return }
            for gene in genes { state.values[gene] = RelayAnalysis.mixed(state.values[gene], 1) }
        }
    }

    func visit(genes: Range<Int>, of tile: RelayTile) {
        state.withLock { state in
            guard RelayAnalysis.phases[state.phase] == .geneTiles else { return }
            for gene in genes {
                let sum = tile.sums[gene - tile.genes.lowerBound]
                state.values[gene] = RelayAnalysis.mixed(state.values[gene], sum)
            }
        }
    }

    func visit(cells: DecodedSegment, firstCell: Int) {
        let sums = cells.withCells { cells in
            (0..<cells.cellCount).map { cell in
                cells.counts(ofCell: cell).reduce(UInt64(0)) { $0 + UInt64($1) }
            }
        }
        state.withLock { state in
            guard RelayAnalysis.phases[state.phase] == .cells else { return }
            for (offset, sum) in sums.enumerated() {
                // A second visit spoils the number.
                state.cells[firstCell + offset] = (state.cells[firstCell + offset] ?? 0) + sum
            }
        }
    }

    func endPhase() -> PerturbationRow? {
        state.withLock { state in
            if RelayAnalysis.phases[state.phase] == .cells {
                let whole = RelayAnalysis.folded(state.cells.map { $0 ?? 1 << 40 })
                for gene in state.values.indices {
                    state.values[gene] = RelayAnalysis.mixed(state.values[gene], whole)
                }
                for cell in state.cells.indices { state.cells[cell] = nil }
            }
            state.phase += 1
            guard state.phase == RelayAnalysis.phases.count else { return nil }
            census.end()
            return PerturbationRow(
                perturbation: perturbation,
                bytes: RelayAnalysis.bytes(state.values)
            )
        }
    }
}
