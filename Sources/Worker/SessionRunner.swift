import ChildProcesses
import ComputeThreads
import DifferentialExpression
import Digests
import Foundation
import Logging
import NIOCore
import NodeTopology
import Scheduling
import Synchronization
import Transport
import WireProtocol

/// How a worker process ends.
enum WorkerExit: Equatable {
    /// Left in order.
    case finished
    /// The coordinator would not have it.
    case refused(String)
    /// The connection was lost or unusable.
    case lost(String)

    /// The exit status.
    var status: Int32 {
        switch self {
        case .finished: 0
        case .refused: 77
        case .lost: 75
        }
    }
}

/// Runs one session over one link: the thin shell around `WorkerSession`.
///
/// One thread takes events from a mailbox and does what the session says; fits run on threads of
/// their own and heartbeats come from the link's event loop, so that neither waits for the other.
final class SessionRunner {
    private enum Event: Sendable {
        case link(LinkEvent<CoordinatorMessage>)
        case fitted(UInt32, FinishedRow)
        case threw(UInt32, String)
        case wants(ControlPiece)
        case damaged(ControlPiece)
        case terminate
    }

    /// The greeting; the run is named in it once the connection's target is known.
    var hello: Hello
    private let log: Logger
    private let mailbox = Mailbox<Event>()
    private let threads: JobThreads
    private let pulse = Pulse()
    private let memory: MemoryGate
    private var session: WorkerSession
    private var link: WorkerLink?
    private var fetcher = ResourceFetcher()
    private var pieces: ControlPieces?
    private var terms: RunTerms?
    private var fitting: Fitting?
    private var damages: [ControlPiece: Int] = [:]
    private var leases: [UInt32: UInt64] = [:]
    private var digests: [String: Digest128] = [:]
    private var rows: [UInt32: FinishedRow] = [:]
    private var exit: WorkerExit?
    private var linkIsClosed = false

    /// Prepares a session.
    ///
    /// - Parameters:
    ///   - hello: The greeting; says how many threads fit and what memory they may use.
    ///   - log: Where odd events are told.
    init(hello: Hello, log: Logger) {
        self.hello = hello
        self.log = log
        threads = JobThreads(threadCount: Int(hello.threads))
        memory = MemoryGate(bytes: Int(clamping: hello.memoryBytes / 2))
        session = WorkerSession(
            threads: Int(hello.threads),
            prefetchBytes: max(hello.memoryBytes / 4, 1 << 20)
        )
    }

    /// The receiver of the link's events.
    var onEvent: LinkEventHandler<CoordinatorMessage> {
        let mailbox = mailbox
        return { mailbox.post(.link($0)) }
    }

    /// Asks the session to finish what it is fitting and leave; callable from any thread.
    var terminate: @Sendable () -> Void {
        let mailbox = mailbox
        return { mailbox.post(.terminate) }
    }

    /// Greets and works until the session ends.
    func run(over link: WorkerLink) -> WorkerExit {
        self.link = link
        send(.hello(hello))
        while exit == nil {
            for event in mailbox.take() where exit == nil { handle(event) }
        }
        flush(link, milliseconds: 5000)
        link.close()
        if !linkIsClosed { awaitClosure(milliseconds: 4000) }
        return exit ?? .lost("the session ended without a reason")
    }

    /// Waits until the link has ended: a process that goes earlier may take its last words with it.
    private func awaitClosure(milliseconds: Int) {
        let deadline = monotonicNanoseconds() + UInt64(milliseconds) * 1_000_000
        while monotonicNanoseconds() < deadline {
            for case .link(.closed) in mailbox.take(waitingAtMost: 50) { return }
        }
    }

    private func handle(_ event: Event) {
        switch event {
        case .link(.message(let message)): receive(message)
        case .link(.closed(.certificateRefused(let reason))) where terms == nil:
            linkIsClosed = true
            exit = .refused("it does not accept the certificate of --tls-cert (\(reason))")
        case .link(.closed(let closure)):
            linkIsClosed = true
            tell(.linkClosed("\(closure)"))
        case .fitted(let perturbation, let row):
            rows[perturbation] = row
            pulse.ended(perturbation)
            tell(.fitFinished(PerturbationIndex(perturbation), rowBytes: UInt64(row.bytes.count)))
        case .threw(let perturbation, let reason):
            pulse.ended(perturbation)
            tell(.fitThrew(PerturbationIndex(perturbation), reason: reason))
        case .wants(let piece): fetch(piece)
        case .damaged(let piece): pieceDamaged(piece)
        case .terminate: tell(.terminateRequested)
        }
    }

    private func receive(_ message: CoordinatorMessage) {
        switch message {
        case .welcome(let welcome): greeted(welcome)
        case .refused(let refusal):
            tell(.refused(refusal.text, retry: refusal.code.isTemporary))
        case .resourceChunk(let chunk): received(chunk)
        case .resourceMissing(let request, let reason):
            let (name, requests) = fetcher.missing(request)
            for request in requests { send(.fetch(request)) }
            if let piece = name.flatMap({ ControlPiece(resource: $0) }) {
                exit = .lost("\(piece.resource) cannot be had: \(reason)")
            } else if let name {
                tell(.resourceMissing(name, reason: reason))
            }
        case .lease(let grant): granted(grant)
        case .rowsDurable(_, let credit):
            if credit > 0 { tell(.creditReturned(credit)) }
        case .heartbeat: break
        case .finish: tell(.finishRequested)
        }
    }

    private func greeted(_ welcome: Welcome) {
        do throws(WorkerFailure) {
            terms = try RunTerms(welcome)
        } catch {
            send(.goodbye(reason: "\(error)"))
            exit = .refused("\(error)")
            return
        }
        let pulse = pulse
        link?.keepAlive(
            every: .milliseconds(Int64(welcome.heartbeatMilliseconds)),
            silence: .milliseconds(Int64(welcome.silenceMilliseconds)),
            sending: { .heartbeat(pulse.heartbeat) }
        )
        tell(
            .welcomed(
                resources: welcome.resources.map { ResourceDemand($0) },
                rowCreditBytes: welcome.rowCreditBytes
            )
        )
    }

    private func granted(_ grant: LeaseGrant) {
        for unit in grant.perturbations {
            leases[unit.index] = grant.lease
            digests[unit.block.name] = Digest128(
                high: unit.block.digest.high,
                low: unit.block.digest.low
            )
        }
        tell(
            .leaseGranted(
                LeaseID(grant.lease),
                solo: grant.solo,
                units: grant.perturbations.map {
                    LeasedUnit(
                        perturbation: PerturbationIndex($0.index),
                        block: ResourceDemand($0.block)
                    )
                }
            )
        )
    }

    private func received(_ chunk: ResourceChunk) {
        let (outcome, requests) = fetcher.receive(chunk)
        for request in requests { send(.fetch(request)) }
        switch outcome {
        case .incomplete: break
        case .unexpected:
            exit = .lost("the coordinator sent a chunk that was not asked for")
        case .damaged(let name): tell(.resourceDamaged(name))
        case .complete(let name):
            if let piece = ControlPiece(resource: name) {
                arrived(piece, name)
                return
            }
            if !prepareFits() { return }
            tell(.resourceComplete(name))
        }
    }

    /// Makes the fits once the common resources are there; false when they are useless.
    private func prepareFits() -> Bool {
        guard fitting == nil, let terms else { return true }
        var resources: [String: [UInt8]] = [:]
        for name in terms.resources {
            guard let bytes = fetcher.bytes(name) else { return true }
            resources[name] = bytes
        }
        let factory = FitFactory(
            terms: terms,
            limits: FitLimits(
                threads: Int(hello.threads),
                memoryBytes: Int(clamping: hello.memoryBytes / 2)
            ),
            resources: resources
        )
        do throws(WorkerFailure) {
            pieces = ControlPieces(
                bytes: resources["control-pieces"] ?? [],
                geneCount: terms.geneCount
            )
            let fitting = try factory.make(delegate: delegate)
            self.fitting = fitting
            for name in terms.resources { fetcher.release(name) }
            if case .together(_, let atOnce) = fitting { tell(.mayFitAtOnce(atOnce)) }
            return true
        } catch {
            send(.goodbye(reason: "\(error)"))
            exit = .refused("\(error)")
            return false
        }
    }

    // MARK: - Control pieces

    private var delegate: ControlledFitsDelegate {
        let mailbox = mailbox
        return ControlledFitsDelegate(
            fetch: { mailbox.post(.wants($0)) },
            ended: { perturbation, outcome in
                switch outcome {
                case .success(let row): mailbox.post(.fitted(perturbation, row))
                case .failure(let failure): mailbox.post(.threw(perturbation, "\(failure)"))
                }
            },
            damaged: { mailbox.post(.damaged($0)) }
        )
    }

    private func fetch(_ piece: ControlPiece) {
        guard let demand = pieces.flatMap({ piece.demand(among: $0) }) else { return }
        for request in fetcher.begin(demand) { send(.fetch(request)) }
    }

    private func arrived(_ piece: ControlPiece, _ name: String) {
        guard case .together(let fits, _) = fitting, let bytes = fetcher.bytes(name) else { return }
        fetcher.release(name)
        fits.arrived(piece, bytes: bytes)
    }

    private func pieceDamaged(_ piece: ControlPiece) {
        damages[piece, default: 0] += 1
        if damages[piece, default: 0] < WorkerSession.triesPerResource {
            fetch(piece)
        } else {
            exit = .lost("\(piece.resource) keeps arriving damaged")
        }
    }

    // MARK: - Actions

    private func tell(_ event: SessionEvent) {
        for action in session.handle(event) where exit == nil { perform(action) }
    }

    private func perform(_ action: SessionAction) {
        switch action {
        case .fetch(let demand):
            let requests = fetcher.begin(demand)
            for request in requests { send(.fetch(request)) }
            // Nothing has to come for an empty resource.
            if demand.bytes == 0 { tell(.resourceComplete(demand.name)) }
        case .release(let name):
            fetcher.release(name)
        case .sendStarted(let lease, let perturbation):
            send(.started(lease: lease.rawValue, perturbation: perturbation.rawValue))
        case .startFit(let perturbation, _, let block):
            start(perturbation.rawValue, block: block)
        case .sendRow(let perturbation, let lease):
            sendRow(perturbation.rawValue, lease: lease.rawValue)
        case .sendFitFailed(let lease, let perturbation, let reason):
            send(
                .fitFailed(
                    lease: lease.rawValue,
                    perturbation: perturbation.rawValue,
                    reason: reason
                )
            )
        case .sendGoodbye(let reason):
            send(.goodbye(reason: reason))
        case .exit(.finished): exit = .finished
        case .exit(.refused(let text, _)): exit = .refused(text)
        case .exit(.lost(let text)): exit = .lost(text)
        }
    }

    private func start(_ perturbation: UInt32, block name: String) {
        guard let fitting, let block = fetcher.bytes(name), let digest = digests[name] else {
            tell(.fitThrew(PerturbationIndex(perturbation), reason: "block \(name) is not here"))
            return
        }
        fetcher.release(name)
        let inputBytes = terms?.inputBytes ?? 0
        guard
            let order = FitOrder(
                perturbation: perturbation,
                bytes: block,
                digest: digest,
                inputBytes: inputBytes
            )
        else {
            tell(.fitThrew(PerturbationIndex(perturbation), reason: "its inputs came damaged"))
            return
        }
        pulse.began(perturbation)
        // A process that dies without having said what it was fitting cannot be told from an
        // innocent one, so the announcement leaves first.
        switch fitting {
        case .together(let fits, _):
            if let link { flush(link, milliseconds: 20) }
            fits.submit(order)
        case .alone(let fits):
            startAlone(order, fits)
        }
    }

    private func startAlone(_ order: FitOrder, _ fits: LoneFits) {
        let mailbox = mailbox
        let link = link
        let memory = memory
        threads.submit {
            if let link { flush(link, milliseconds: 20) }
            let need = LoneFits.memoryNeeded(blockBytes: order.block.count)
            memory.enter(need)
            defer { memory.leave(need) }
            FitFailPoint.pass(order.perturbation)
            do throws(WorkerFailure) {
                mailbox.post(.fitted(order.perturbation, try fits.fit(order)))
            } catch {
                mailbox.post(.threw(order.perturbation, "\(error)"))
            }
        }
    }

    private func sendRow(_ perturbation: UInt32, lease: UInt64) {
        guard let row = rows.removeValue(forKey: perturbation) else { return }
        let chunks = RowChunk.chunks(
            lease: lease,
            perturbation: perturbation,
            digest: Bytes16(high: row.digest.high, low: row.digest.low),
            row: ByteBuffer(bytes: row.bytes)
        )
        for chunk in chunks { send(.row(chunk)) }
        tell(.rowSent(PerturbationIndex(perturbation)))
    }

    private func send(_ message: WorkerMessage) {
        do throws(WireProtocolError) {
            try link?.send(message)
        } catch {
            exit = .lost("\(error)")
        }
    }
}

/// Waits until the operating system has everything that was sent, but not for ever.
private func flush(_ link: WorkerLink, milliseconds: Int) {
    var waited = 0
    while link.queuedBytes > 0, waited < milliseconds * 20 {
        usleep(50)
        waited += 1
    }
}

extension ControlPiece {
    /// What to fetch for a piece; nil for one that the run does not have.
    fileprivate func demand(among pieces: ControlPieces) -> ResourceDemand? {
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
    fileprivate init(_ description: ResourceDescription) {
        self.init(
            name: description.name,
            bytes: description.bytes,
            digest: .init(high: description.digest.high, low: description.digest.low)
        )
    }
}

/// What a heartbeat says, kept where the event loop can read it at any time.
private final class Pulse: Sendable {
    private let state = Mutex((finished: UInt64(0), running: Set<UInt32>()))

    func began(_ perturbation: UInt32) {
        state.withLock { _ = $0.running.insert(perturbation) }
    }

    func ended(_ perturbation: UInt32) {
        state.withLock {
            $0.running.remove(perturbation)
            $0.finished += 1
        }
    }

    var heartbeat: WorkerHeartbeat {
        let (finished, running) = state.withLock { ($0.finished, $0.running.sorted()) }
        return WorkerHeartbeat(
            finishedPerturbations: finished,
            runningPerturbations: running,
            residentBytes: UInt64(ProcessMemory.residentBytes() ?? 0)
        )
    }
}
