import ChildProcesses
import ComputeThreads
import DifferentialExpression
import Digests
import RunFiles

/// What happens while a part of a prepared run is fitted.
enum ShardEvent: Sendable {
    /// A fit has ended with a row.
    case fitted(UInt32, FinishedRow)
    /// A fit has ended without one.
    case threw(UInt32, String)
    /// A resource of the run directory cannot be read.
    case unreadable(RunFilesError)
    /// Fits need a piece of the control cells.
    case wants(ControlPiece)
    /// A piece is not what its description says.
    case damaged(ControlPiece)
    /// Somebody asks the process to stop.
    case signal(WatchedSignal)
}

/// Fits perturbations with what a run directory holds; the counterpart of `SessionRunner` for work
/// that comes without a link.
///
/// One thread takes events from a mailbox, reads pieces and appends rows; fits run on threads of
/// their own. No more rows are in memory than fits are in progress.
final class ShardLoop {
    /// What became of the perturbations.
    struct Outcome {
        var fitted = 0
        var failures: [UInt32: String] = [:]
        var signal: WatchedSignal?
    }

    /// How long running fits may take to end once the process is asked to stop.
    private static let graceNanoseconds: UInt64 = 10_000_000_000
    private static let savingNanoseconds: UInt64 = 2_000_000_000
    private static let tellingNanoseconds: UInt64 = 30_000_000_000

    private let terms: RunTerms
    private let source: ResourceDirectory
    private let limits: FitLimits
    private let mailbox: Mailbox<ShardEvent>
    private let threads: JobThreads
    private let memory: MemoryGate
    private var inProgress: Set<UInt32> = []
    private var outcome = Outcome()
    private var deadline: UInt64?

    init(
        terms: RunTerms,
        source: ResourceDirectory,
        limits: FitLimits,
        mailbox: Mailbox<ShardEvent>
    ) {
        self.terms = terms
        self.source = source
        self.limits = limits
        self.mailbox = mailbox
        threads = JobThreads(threadCount: limits.threads)
        memory = MemoryGate(bytes: limits.memoryBytes)
    }

    /// Fits, and leaves every row in the segment, saved.
    ///
    /// - Parameters:
    ///   - work: What to fit side by side, and behind that what to fit alone.
    ///   - segment: Receives the rows.
    ///   - progress: Called now and then with the perturbations done and all of them.
    /// - Returns: What became of them.
    /// - Throws: ``ShardFailure``; rows that are saved stay.
    func run(
        _ work: (together: [UInt32], alone: [UInt32]),
        _ segment: inout SegmentWriter,
        progress: (Int, Int) -> Void
    ) throws(ShardFailure) -> Outcome {
        let fitting = try makeFitting()
        let atOnce = if case .together(_, let count) = fitting { count } else { limits.threads }
        var together = work.together[...]
        var alone = work.alone[...]
        var (saved, told) = (monotonicNanoseconds(), monotonicNanoseconds())
        while true {
            while deadline == nil, inProgress.count < atOnce, let next = together.popFirst() {
                try begin(next, fitting, &segment)
            }
            if deadline == nil, inProgress.isEmpty, let next = alone.popFirst() {
                try begin(next, fitting, &segment)
            }
            if inProgress.isEmpty { break }
            for event in mailbox.take(waitingAtMost: 250) { try handle(event, fitting, &segment) }
            let now = monotonicNanoseconds()
            if let deadline, now >= deadline { break }
            if now - saved >= Self.savingNanoseconds {
                try save(&segment)
                saved = now
            }
            if now - told >= Self.tellingNanoseconds {
                progress(outcome.fitted, work.together.count + work.alone.count)
                told = now
            }
        }
        for perturbation in inProgress.sorted() {
            try ShardFailure.wrapping { () throws(RunFilesError) in
                try segment.append(.returned, perturbation)
            }
        }
        try save(&segment)
        return outcome
    }

    private func save(_ segment: inout SegmentWriter) throws(ShardFailure) {
        try ShardFailure.wrapping { () throws(RunFilesError) in try segment.save() }
    }

    private func handle(
        _ event: ShardEvent,
        _ fitting: Fitting,
        _ segment: inout SegmentWriter
    ) throws(ShardFailure) {
        switch event {
        case .fitted(let perturbation, let row):
            inProgress.remove(perturbation)
            try ShardFailure.wrapping { () throws(RunFilesError) in
                try segment.append(.row, perturbation, payload: row.bytes, digest: row.digest)
            }
            outcome.fitted += 1
        case .threw(let perturbation, let reason):
            inProgress.remove(perturbation)
            try ShardFailure.wrapping { () throws(RunFilesError) in
                try segment.append(.failed, perturbation, text: reason)
            }
            outcome.failures[perturbation] = reason
        case .unreadable(let error):
            // What is finished must not be lost with what cannot be read.
            try save(&segment)
            throw ShardFailure(error)
        case .wants(let piece):
            guard case .together(let fits, _) = fitting else { return }
            let bytes = try ShardFailure.wrapping { () throws(RunFilesError) in
                try source.read(piece.resource)
            }
            fits.arrived(piece, bytes: bytes)
        case .damaged(let piece):
            throw ShardFailure(
                65,
                "\(piece.resource) is damaged; prepare the run anew with --force"
            )
        case .signal(let signal):
            // Asked twice, it does not wait for the fits any longer.
            let isFirst = outcome.signal == nil
            outcome.signal = outcome.signal ?? signal
            deadline = monotonicNanoseconds() + (isFirst ? Self.graceNanoseconds : 0)
        }
    }

    // MARK: - Fits

    private func makeFitting() throws(ShardFailure) -> Fitting {
        var resources: [String: [UInt8]] = [:]
        for name in terms.resources {
            resources[name] = try ShardFailure.wrapping { () throws(RunFilesError) in
                try source.read(name)
            }
        }
        let mailbox = mailbox
        let delegate = ControlledFitsDelegate(
            fetch: { mailbox.post(.wants($0)) },
            ended: { perturbation, result in
                switch result {
                case .success(let row): mailbox.post(.fitted(perturbation, row))
                case .failure(let failure): mailbox.post(.threw(perturbation, "\(failure)"))
                }
            },
            damaged: { mailbox.post(.damaged($0)) }
        )
        let factory = FitFactory(terms: terms, limits: limits, resources: resources)
        do throws(WorkerFailure) { return try factory.make(delegate: delegate) } catch {
            throw ShardFailure(65, "\(error); prepare the run anew with --force")
        }
    }

    private func begin(
        _ perturbation: UInt32,
        _ fitting: Fitting,
        _ segment: inout SegmentWriter
    ) throws(ShardFailure) {
        // Written before the fit begins, so that a death can be blamed on the right perturbation.
        try ShardFailure.wrapping { () throws(RunFilesError) in
            try segment.append(.began, perturbation)
        }
        inProgress.insert(perturbation)
        switch fitting {
        case .together(let fits, _):
            let order = try ShardFailure.wrapping { () throws(RunFilesError) in
                try Self.order(perturbation, terms, source)
            }
            fits.submit(order)
        case .alone(let fits): startAlone(perturbation, fits)
        }
    }

    private func startAlone(_ perturbation: UInt32, _ fits: LoneFits) {
        let (mailbox, memory, terms, source) = (mailbox, memory, terms, source)
        threads.submit {
            let bytes = source.byteCount(of: Self.block(perturbation)) ?? 0
            let need = LoneFits.memoryNeeded(blockBytes: bytes)
            memory.enter(need)
            defer { memory.leave(need) }
            let order: FitOrder
            do throws(RunFilesError) {
                order = try Self.order(perturbation, terms, source)
            } catch {
                mailbox.post(.unreadable(error))
                return
            }
            do throws(WorkerFailure) {
                try FitFailPoint.pass(perturbation)
                mailbox.post(.fitted(perturbation, try fits.fit(order)))
            } catch {
                mailbox.post(.threw(perturbation, "\(error)"))
            }
        }
    }

    private static func block(_ perturbation: UInt32) -> String { "block/\(perturbation)" }

    private static func order(
        _ perturbation: UInt32,
        _ terms: RunTerms,
        _ source: ResourceDirectory
    ) throws(RunFilesError) -> FitOrder {
        let name = block(perturbation)
        let bytes = try source.read(name)
        guard let digest = source.digest(of: name),
            let order = FitOrder(
                perturbation: perturbation,
                bytes: bytes,
                digest: digest,
                inputBytes: terms.inputBytes
            )
        else { throw .damaged(path: source.path, problem: "\(name) is not what was written") }
        return order
    }
}
