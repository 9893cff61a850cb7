import ComputeThreads
package import CountBlocks
package import DifferentialExpression
import Digests

/// What fits that read control cells ask of the process around them, and report to it.
package struct ControlledFitsDelegate: Sendable {
    /// Fetches a piece; ``ControlledFits/arrived(_:bytes:)`` is called when it is here.
    package var fetch: @Sendable (ControlPiece) -> Void
    /// A fit has ended with a row, or with the reason why there is none.
    package var ended: @Sendable (UInt32, Result<FinishedRow, WorkerFailure>) -> Void
    /// A piece is not what was announced; it must be fetched again.
    package var damaged: @Sendable (ControlPiece) -> Void

    /// Bundles what is called.
    package init(
        fetch: @escaping @Sendable (ControlPiece) -> Void,
        ended: @escaping @Sendable (UInt32, Result<FinishedRow, WorkerFailure>) -> Void,
        damaged: @escaping @Sendable (ControlPiece) -> Void
    ) {
        self.fetch = fetch
        self.ended = ended
        self.damaged = damaged
    }
}

/// Fits several perturbations at once against control cells that come in pieces.
///
/// One thread decides and a team of threads computes; both are apart from the threads that talk to
/// the coordinator. Control values are prepared once for each process and kept as long as the memory
/// allows; within a visit all fits and ranges of genes are computed side by side.
package protocol ControlledFits: Sendable {
    /// Begins to fit a perturbation.
    func submit(_ order: FitOrder)
    /// Hands over the bytes of a piece that was asked for.
    func arrived(_ piece: ControlPiece, bytes: [UInt8])
}

/// ``ControlledFits`` for one analysis.
package final class PhasedFits<Analysis: PhasedAnalysis>: ControlledFits {
    enum Event: Sendable {
        case order(FitOrder)
        case arrived(ControlPiece, [UInt8])
        case stop
    }

    private let mailbox = Mailbox<Event>()

    /// Starts the deciding thread.
    ///
    /// - Parameters:
    ///   - analysis: Begins fits and prepares tiles.
    ///   - setting: Sizes and limits.
    ///   - delegate: Called on the deciding thread.
    package init(analysis: Analysis, setting: PhasedFitsSetting, delegate: ControlledFitsDelegate) {
        let mailbox = mailbox
        startDetachedThread {
            var loop = PhasedFitsLoop(analysis: analysis, setting: setting, delegate: delegate)
            while loop.take(mailbox.take(waitingAtMost: loop.isWaiting ? nil : 0)) { loop.step() }
        }
    }

    deinit { mailbox.post(.stop) }

    /// Begins to fit a perturbation.
    package func submit(_ order: FitOrder) { mailbox.post(.order(order)) }

    /// Hands over the bytes of a piece that was asked for.
    package func arrived(_ piece: ControlPiece, bytes: [UInt8]) {
        mailbox.post(.arrived(piece, bytes))
    }
}

/// Sizes and limits of ``PhasedFits``.
package struct PhasedFitsSetting: Sendable {
    /// Genes of the screen.
    package var geneCount: Int
    /// Kind of the cells' values.
    package var kind: SegmentHeader.Kind
    /// The pieces of the control cells.
    package var pieces: ControlPieces
    /// Threads that compute, the deciding one included.
    package var threads: Int
    /// Memory for prepared pieces, bytes.
    package var pieceBytes: Int
    /// Memory for fits in progress, bytes.
    package var fitBytes: Int
    /// Bytes that a prepared tile takes.
    package var tileBytes: @Sendable (ControlPieces.Tile) -> Int
    /// Bytes that a fit takes beside the block it begins with.
    package var fitNeed: @Sendable (FitOrder) -> Int

    /// Gathers sizes and limits.
    package init(
        geneCount: Int,
        kind: SegmentHeader.Kind,
        pieces: ControlPieces,
        threads: Int,
        pieceBytes: Int,
        fitBytes: Int,
        tileBytes: @escaping @Sendable (ControlPieces.Tile) -> Int,
        fitNeed: @escaping @Sendable (FitOrder) -> Int
    ) {
        self.geneCount = geneCount
        self.kind = kind
        self.pieces = pieces
        self.threads = threads
        self.pieceBytes = pieceBytes
        self.fitBytes = fitBytes
        self.tileBytes = tileBytes
        self.fitNeed = fitNeed
    }

    /// Fits that may be in progress at once.
    package var fitsAtOnce: Int {
        ControlPieces.fitsAtOnce(
            threads: threads,
            fitInMemory: sizes.values.reduce(0, +) <= pieceBytes
        )
    }

    /// Bytes of every piece once it is prepared.
    package var sizes: [ControlPiece: Int] {
        var sizes: [ControlPiece: Int] = [:]
        for (index, tile) in pieces.tiles.enumerated() { sizes[.tile(index)] = tileBytes(tile) }
        for (index, run) in pieces.cellRuns.enumerated() {
            sizes[.cells(index)] = 12 * run.nonzeroCount + run.bytes.count
        }
        return sizes
    }
}

/// What the deciding thread of ``PhasedFits`` holds.
private struct PhasedFitsLoop<Analysis: PhasedAnalysis> {
    private enum Prepared: Sendable {
        case tile(Range<Int>, Analysis.Fit.Tile)
        case cells([DecodedSegment], firstCell: Int)
    }

    private let analysis: Analysis
    private let setting: PhasedFitsSetting
    private let delegate: ControlledFitsDelegate
    private let team: ThreadTeam
    private var scheduler: PieceScheduler
    private var prepared: [ControlPiece: Prepared] = [:]
    private var fits: [UInt32: Analysis.Fit] = [:]
    private var needs: [UInt32: Int] = [:]
    private var orders: [FitOrder] = []
    private var arrivals: [(ControlPiece, [UInt8])] = []

    /// Genes of one visit that a thread takes at a time.
    private static var genesPerTask: Int { 64 }

    init(analysis: Analysis, setting: PhasedFitsSetting, delegate: ControlledFitsDelegate) {
        self.analysis = analysis
        self.setting = setting
        self.delegate = delegate
        team = ThreadTeam(threadCount: setting.threads)
        scheduler = PieceScheduler(sizes: setting.sizes, budget: setting.pieceBytes)
    }

    /// Whether only an event can bring the fits on.
    var isWaiting: Bool {
        arrivals.isEmpty && (orders.isEmpty || !hasRoom(for: orders[0]))
            && scheduler.next() == .wait
    }

    /// Takes in what has happened; false when the loop is to end.
    mutating func take(_ events: [PhasedFits<Analysis>.Event]) -> Bool {
        for event in events {
            switch event {
            case .order(let order): orders.append(order)
            case .arrived(let piece, let bytes): arrivals.append((piece, bytes))
            case .stop: return false
            }
        }
        return true
    }

    /// Does one thing that can be done now.
    mutating func step() {
        beginFits()
        prepareArrivals()
        exchangePieces()
        switch scheduler.next() {
        case .visit(let piece, let fits): visit(piece, fits)
        case .endPhase(let fit): endPhase(fit)
        case .wait: return
        }
        // The piece that was visited may have to make room, and nothing else would bring that about
        // when no other is here or on the way.
        exchangePieces()
    }

    private mutating func exchangePieces() {
        let (dropped, fetched) = scheduler.exchange()
        for piece in dropped { prepared[piece] = nil }
        for piece in fetched { delegate.fetch(piece) }
    }

    // MARK: - Fits

    private func hasRoom(for order: FitOrder) -> Bool {
        let used = needs.values.reduce(0, +)
        return needs.isEmpty || used + setting.fitNeed(order) <= setting.fitBytes
    }

    private mutating func beginFits() {
        var admitted: [FitOrder] = []
        while admitted.count < 2 * setting.threads, let order = orders.first, hasRoom(for: order) {
            orders.removeFirst()
            needs[order.perturbation] = setting.fitNeed(order)
            admitted.append(order)
        }
        guard !admitted.isEmpty else { return }
        let begun = Slots<Result<Analysis.Fit, WorkerFailure>>(count: admitted.count)
        let (analysis, setting) = (analysis, setting)
        let taken = admitted
        team.forEach(taken.count) { index in
            do throws(WorkerFailure) {
                try FitFailPoint.pass(taken[index].perturbation)
                begun[index] = Self.begin(taken[index], analysis, setting)
            } catch {
                begun[index] = .failure(error)
            }
        }
        for (index, order) in admitted.enumerated() {
            switch begun[index] {
            case .success(let fit):
                fits[order.perturbation] = fit
                beginPhase(order.perturbation, fit)
            case .failure(let failure): end(order.perturbation, .failure(failure))
            case nil: preconditionFailure("every order was begun")
            }
        }
    }

    private static func begin(
        _ order: FitOrder,
        _ analysis: Analysis,
        _ setting: PhasedFitsSetting
    ) -> Result<Analysis.Fit, WorkerFailure> {
        do {
            let segments = try DecodedSegment.all(
                of: order.block,
                geneCount: setting.geneCount,
                kind: setting.kind,
                digest: order.digest
            )
            return .success(
                try analysis.begin(
                    perturbation: order.perturbation,
                    segments: segments,
                    inputs: order.inputs
                )
            )
        } catch {
            return .failure(WorkerFailure("\(error)"))
        }
    }

    private mutating func beginPhase(_ perturbation: UInt32, _ fit: Analysis.Fit) {
        var pieces: Set<ControlPiece> = []
        switch fit.need {
        case .nothing:
            forEachRange(of: 0..<setting.geneCount, fits: 1) { range, _ in
                fit.visit(genes: range)
            }
        case .geneTiles: pieces = Set(setting.pieces.tiles.indices.map { .tile($0) })
        case .cells: pieces = Set(setting.pieces.cellRuns.indices.map { .cells($0) })
        }
        scheduler.begin(perturbation, pieces: pieces)
    }

    private mutating func endPhase(_ perturbation: UInt32) {
        scheduler.end(perturbation)
        guard let fit = fits[perturbation] else { return }
        guard let row = fit.endPhase() else {
            beginPhase(perturbation, fit)
            return
        }
        end(perturbation, .success(FinishedRow(row)))
    }

    private mutating func end(
        _ perturbation: UInt32,
        _ outcome: Result<FinishedRow, WorkerFailure>
    ) {
        fits[perturbation] = nil
        needs[perturbation] = nil
        delegate.ended(perturbation, outcome)
    }

    // MARK: - Pieces

    private mutating func prepareArrivals() {
        guard !arrivals.isEmpty else { return }
        let taken = arrivals
        arrivals = []
        let made = Slots<Prepared>(count: taken.count)
        let (analysis, setting) = (analysis, setting)
        team.forEach(taken.count) { index in
            made[index] = Self.prepare(taken[index].0, taken[index].1, analysis, setting)
        }
        for (index, (piece, _)) in taken.enumerated() {
            if let result = made[index] {
                prepared[piece] = result
                scheduler.arrived(piece)
            } else {
                delegate.damaged(piece)
            }
        }
    }

    /// Decodes and prepares a piece; nil when it is not what was announced.
    private static func prepare(
        _ piece: ControlPiece,
        _ bytes: [UInt8],
        _ analysis: Analysis,
        _ setting: PhasedFitsSetting
    ) -> Prepared? {
        let digest: Digest128
        switch piece {
        case .tile(let index): digest = setting.pieces.tiles[index].digest
        case .cells(let index): digest = setting.pieces.cellRuns[index].digest
        }
        guard
            let segments = try? DecodedSegment.all(
                of: bytes,
                geneCount: setting.geneCount,
                kind: setting.kind,
                digest: digest
            )
        else { return nil }
        switch piece {
        case .tile(let index):
            let genes = setting.pieces.tiles[index].genes
            return .tile(genes, analysis.makeTile(genes: genes, segments: segments))
        case .cells(let index):
            return .cells(segments, firstCell: setting.pieces.cellRuns[index].firstCell)
        }
    }

    private mutating func visit(_ piece: ControlPiece, _ perturbations: [UInt32]) {
        let visiting = perturbations.compactMap { fits[$0] }
        switch prepared[piece] {
        case .tile(let genes, let tile):
            forEachRange(of: genes, fits: visiting.count) { range, index in
                visiting[index].visit(genes: range, of: tile)
            }
        case .cells(let segments, let firstCell):
            let firsts = segments.reduce(into: [firstCell]) {
                $0.append($0[$0.count - 1] + $1.cellCount)
            }
            team.forEach(visiting.count * segments.count) { task in
                let (fit, segment) = task.quotientAndRemainder(dividingBy: segments.count)
                visiting[fit].visit(cells: segments[segment], firstCell: firsts[segment])
            }
        case nil: preconditionFailure("a piece is visited only when it is here")
        }
        scheduler.visited(piece, by: perturbations)
    }

    private func forEachRange(
        of genes: Range<Int>,
        fits: Int,
        _ body: @escaping @Sendable (Range<Int>, Int) -> Void
    ) {
        let size = Self.genesPerTask
        let ranges = (genes.count + size - 1) / size
        team.forEach(ranges * fits) { task in
            let (fit, part) = task.quotientAndRemainder(dividingBy: ranges)
            let start = genes.lowerBound + part * size
            body(start..<min(start + size, genes.upperBound), fit)
        }
    }
}

/// Results of a parallel loop, each written by the index it belongs to.
///
/// `@unchecked`: an index is given to one thread, and readers come after the loop's barrier.
private final class Slots<Value: Sendable>: @unchecked Sendable {
    private let values: UnsafeMutableBufferPointer<Value?>

    init(count: Int) {
        values = .allocate(capacity: count)
        values.initialize(repeating: nil)
    }

    deinit {
        values.deinitialize()
        values.deallocate()
    }

    subscript(index: Int) -> Value? {
        get { values[index] }
        set { values[index] = newValue }
    }
}
