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

/// Runs a worker's session over one link after another: the thin shell around `WorkerSession`.
///
/// One thread takes events from a mailbox and does what the session says; fits run on threads of
/// their own and heartbeats come from the link's event loop, so that neither waits for the other.
final class SessionRunner {
    enum Event: Sendable {
        case link(UInt32, LinkEvent<CoordinatorMessage>)
        case fitted(Int, UInt32, FinishedRow)
        case threw(Int, UInt32, String)
        case wants(ControlPiece)
        case damaged(ControlPiece)
        case read(ResourceDemand, [UInt8]?)
        case terminate
        case abandon
    }

    /// The greeting; the run is named in it once the connection's target is known.
    var hello: Hello
    private let log: Logger
    let mailbox = Mailbox<Event>()
    let threads: JobThreads
    let pulse = Pulse()
    let memory: MemoryGate
    private var session: WorkerSession
    var link: WorkerLink?
    var fetcher = ResourceFetcher()
    private let shared: SharedResources?
    var pieces: ControlPieces?
    var terms: RunTerms?
    var fitting: Fitting?
    private var damages: [ControlPiece: Int] = [:]
    var digests: [String: Digest128] = [:]
    /// Rows that are on the way or not yet durable.
    private var rows: [UInt32: FinishedRow] = [:]
    /// Pieces that were asked for and have not come.
    private var awaited: Set<ControlPiece> = []
    /// Changes with the run: fits of an earlier one may still end.
    var generation = 0
    private var orphans: Set<UInt32> = []
    private var isDetached = false
    private var backlog: [Event] = []
    private var served: RunIdentity?
    var exit: WorkerExit?
    private var linkIsClosed = false

    /// Prepares a session.
    ///
    /// - Parameters:
    ///   - hello: The greeting; says how many threads fit and what memory they may use.
    ///   - log: Where odd events are told.
    ///   - comesBack: Whether another link may follow one that is lost.
    ///   - runDirectory: Where resources are looked for before they are asked for; nil for nowhere.
    init(
        hello: Hello,
        log: Logger,
        comesBack: Bool = false,
        runDirectory: String? = nil
    ) {
        self.hello = hello
        self.log = log
        shared = runDirectory.map { SharedResources(path: $0, log: log) }
        threads = JobThreads(threadCount: Int(hello.threads))
        memory = MemoryGate(bytes: Int(clamping: hello.memoryBytes / 2))
        session = WorkerSession(
            threads: Int(hello.threads),
            prefetchBytes: max(hello.memoryBytes / 4, 1 << 20),
            comesBack: comesBack,
            isAgain: hello.incarnation > 0
        )
    }

    /// The receiver of the next link's events.
    var onEvent: LinkEventHandler<CoordinatorMessage> {
        let mailbox = mailbox
        let incarnation = hello.incarnation
        return { mailbox.post(.link(incarnation, $0)) }
    }

    /// Asks the session to finish what it is fitting and leave; callable from any thread.
    var terminate: @Sendable () -> Void {
        let mailbox = mailbox
        return { mailbox.post(.terminate) }
    }

    /// Asks the session to leave at once, with a word to the coordinator; callable from any thread.
    var abandon: @Sendable () -> Void {
        let mailbox = mailbox
        return { mailbox.post(.abandon) }
    }

    /// Greets and works until the session ends or the link does.
    func run(over link: WorkerLink) -> WorkerExit {
        self.link = link
        send(.hello(hello))
        if isDetached {
            isDetached = false
            tell(.reconnected)
        }
        while exit == nil {
            let events = backlog + mailbox.take(waitingAtMost: backlog.isEmpty ? nil : 0)
            backlog = []
            // What else came with a link's end is kept: fits go on without a link.
            for event in events {
                if exit == nil { handle(event) } else { backlog.append(event) }
            }
        }
        if isDetached {
            link.close()
            return exit ?? .lost("the link ended")
        }
        flush(link, milliseconds: 5000)
        link.close()
        if !linkIsClosed { awaitClosure(milliseconds: 4000) }
        return exit ?? .lost("the session ended without a reason")
    }

    /// Makes ready for another link after one that was lost.
    ///
    /// - Returns: False when nothing of this session can be used any more.
    func continues(as incarnation: UInt32) -> Bool {
        guard isDetached else { return false }
        hello.incarnation = incarnation
        link = nil
        linkIsClosed = false
        exit = nil
        fetcher = ResourceFetcher()
        digests = [:]
        damages = [:]
        return true
    }

    /// Waits until the link has ended: a process that goes earlier may take its last words with it.
    private func awaitClosure(milliseconds: Int) {
        let deadline = monotonicNanoseconds() + UInt64(milliseconds) * 1_000_000
        while monotonicNanoseconds() < deadline {
            for case .link(_, .closed) in mailbox.take(waitingAtMost: 50) { return }
        }
    }

    private func handle(_ event: Event) {
        switch event {
        // The last words of a link that was given up.
        case .link(let incarnation, _) where incarnation != hello.incarnation: return
        case .link(_, .message(let message)): receive(message)
        case .link(_, .closed(.certificateRefused(let reason))) where terms == nil:
            linkIsClosed = true
            exit = .refused("it does not accept the certificate of --tls-cert (\(reason))")
        case .link(_, .closed(let closure)):
            linkIsClosed = true
            tell(.linkClosed("\(closure)"))
        case .fitted(let generation, let perturbation, _) where generation != self.generation,
            .threw(let generation, let perturbation, _) where generation != self.generation:
            guard orphans.remove(perturbation) != nil else { return }
            tell(.fitThrew(PerturbationIndex(perturbation), reason: "it is of another run"))
        case .fitted(_, let perturbation, let row):
            rows[perturbation] = row
            pulse.ended(perturbation)
            tell(.fitFinished(PerturbationIndex(perturbation), rowBytes: UInt64(row.bytes.count)))
        case .threw(_, let perturbation, let reason):
            pulse.ended(perturbation)
            tell(.fitThrew(PerturbationIndex(perturbation), reason: reason))
        case .wants(let piece): fetch(piece)
        case .damaged(let piece): pieceDamaged(piece)
        case .read(let demand, let bytes):
            guard let bytes else { return request(demand) }
            fetcher.provide(demand.name, bytes)
            completed(demand.name)
        case .terminate: tell(.terminateRequested)
        case .abandon:
            let reason = "its parent process is gone"
            send(.goodbye(reason: reason))
            exit = .lost(reason)
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
        case .rowsDurable(let perturbations, let credit):
            if !perturbations.isEmpty { tell(.rowsDurable(indices(perturbations))) }
            if credit > 0 { tell(.creditReturned(credit)) }
        case .heartbeat: break
        case .finish: tell(.finishRequested)
        case .revoke(let part): tell(.revoked(LeaseID(part.lease), indices(part.perturbations)))
        case .cancel(let lease, let perturbation):
            tell(.cancelled(LeaseID(lease), PerturbationIndex(perturbation)))
        case .offerAnswer(let answer):
            tell(
                .offerAnswered(
                    LeaseID(answer.lease),
                    wanted: indices(answer.wanted),
                    unneeded: indices(answer.unneeded)
                )
            )
        case .endProcess(let reason):
            log.error("ended by the coordinator", metadata: ["why": "\(reason)"])
            // A fit cannot be stopped from outside, so nothing may wait for it.
            _exit(WorkerExit.endedStatus)
        }
    }

    private func indices(_ perturbations: [UInt32]) -> [PerturbationIndex] {
        perturbations.map { PerturbationIndex($0) }
    }

    private func greeted(_ welcome: Welcome) {
        let identity = RunIdentity(welcome)
        let isSameRun = served == nil || served == identity
        served = identity
        do throws(WorkerFailure) {
            terms = try RunTerms(welcome)
        } catch {
            send(.goodbye(reason: "\(error)"))
            exit = .refused("\(error)")
            return
        }
        shared?.open(runID: "\(welcome.runID)")
        let pulse = pulse
        link?.keepAlive(
            every: .milliseconds(Int64(welcome.heartbeatMilliseconds)),
            silence: .milliseconds(Int64(welcome.silenceMilliseconds)),
            sending: { .heartbeat(pulse.heartbeat) }
        )
        if !isSameRun { forgetRun() }
        // What every fit needs is here already if this is the run of the link before.
        let resources = fitting == nil ? welcome.resources.map { ResourceDemand($0) } : []
        tell(
            .welcomed(
                resources: resources,
                rowCreditBytes: welcome.rowCreditBytes,
                keepsRows: isSameRun
            )
        )
        for piece in awaited { request(piece) }
    }

    /// Lets go of everything that belongs to a run which this coordinator does not serve.
    private func forgetRun() {
        generation += 1
        orphans = []
        for perturbation in session.runningPerturbations {
            pulse.ended(perturbation.rawValue)
            if case .alone = fitting {
                // Its thread goes on until the fit ends.
                orphans.insert(perturbation.rawValue)
            } else {
                tell(.fitThrew(perturbation, reason: "it is of another run"))
            }
        }
        fitting = nil
        pieces = nil
        awaited = []
    }

    private func granted(_ grant: LeaseGrant) {
        for unit in grant.perturbations {
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
        case .complete(let name): completed(name)
        }
    }

    private func completed(_ name: String) {
        if let piece = ControlPiece(resource: name) {
            arrived(piece, name)
            return
        }
        if !prepareFits() { return }
        tell(.resourceComplete(name))
    }

    /// Gets a resource: from the run directory where there is one, otherwise over the link.
    private func obtain(_ demand: ResourceDemand) {
        guard let shared else { return request(demand) }
        let mailbox = mailbox
        shared.obtain(demand) { mailbox.post(.read(demand, $0)) }
    }

    private func request(_ demand: ResourceDemand) {
        for request in fetcher.begin(demand) { send(.fetch(request)) }
    }

    // MARK: - Control pieces

    private func fetch(_ piece: ControlPiece) {
        awaited.insert(piece)
        request(piece)
    }

    private func request(_ piece: ControlPiece) {
        let isWelcome = session.phase == .working || session.phase == .leaving
        guard isWelcome, let demand = pieces.flatMap({ piece.demand(among: $0) }) else { return }
        obtain(demand)
    }

    private func arrived(_ piece: ControlPiece, _ name: String) {
        guard case .together(let fits, _) = fitting, let bytes = fetcher.bytes(name) else { return }
        fetcher.release(name)
        awaited.remove(piece)
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

    func tell(_ event: SessionEvent) {
        for action in session.handle(event) where exit == nil { perform(action) }
    }

    private func perform(_ action: SessionAction) {
        switch action {
        case .fetch(let demand):
            // Nothing has to come for an empty resource.
            if demand.bytes == 0 { tell(.resourceComplete(demand.name)) } else { obtain(demand) }
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
        case .forgetRow(let perturbation):
            rows[perturbation.rawValue] = nil
        case .sendReturned(let lease, let perturbations):
            for part in perturbations.map(\.rawValue).parts(
                of: ProtocolLimits.leasedPerturbations
            ) {
                send(.returned(LeasePart(lease: lease.rawValue, perturbations: part)))
            }
        case .offerRows(let kept, let running):
            for part in OfferedRow.messages(kept, running, rows) { send(.rowsOffered(part)) }
        case .reconnect(let reason):
            isDetached = true
            exit = .lost(reason)
        case .sendGoodbye(let reason):
            send(.goodbye(reason: reason))
        case .exit(.finished): exit = .finished
        case .exit(.refused(let text, _)): exit = .refused(text)
        case .exit(.lost(let text)): exit = .lost(text)
        }
    }

    private func sendRow(_ perturbation: UInt32, lease: UInt64) {
        guard let row = rows[perturbation] else { return }
        let chunks = RowChunk.chunks(
            lease: lease,
            perturbation: perturbation,
            digest: Bytes16(high: row.digest.high, low: row.digest.low),
            row: ByteBuffer(bytes: row.bytes)
        )
        for chunk in chunks { send(.row(chunk)) }
        tell(.rowSent(PerturbationIndex(perturbation)))
    }

    func send(_ message: WorkerMessage) {
        do throws(WireProtocolError) {
            try link?.send(message)
        } catch {
            exit = .lost("\(error)")
        }
    }
}
