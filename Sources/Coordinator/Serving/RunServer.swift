import ChildProcesses
import ComputeThreads
import Digests
import Logging
import Monitoring
import NIOCore
import NodeTopology
import Scheduling
import Transport
import WireProtocol

/// Serves workers until every perturbation has its row: the thin shell around `LeaseScheduler`.
///
/// One thread takes events from a mailbox, asks the scheduler what to do and does it. Links, the
/// writer and children report into the mailbox from their own threads.
final class RunServer {
    let mailbox: Mailbox<ServeEvent>
    let configuration: Configuration
    private let writer: RowWriter
    let events: EventLog
    let log: Logger
    private(set) var scheduler: LeaseScheduler
    var connections: [UInt64: WorkerConnection] = [:]
    private var workerOfRow: [UInt32: UInt64] = [:]
    /// Who else holds a row that is written and not yet durable.
    var keepersOfRow: [UInt32: [UInt64]] = [:]
    var credits: CreditPool
    /// Requests for parts of resources that wait until there is room on the links.
    var chunks = ChunkQueue<ResourceRequest>()
    var lost: [LostPerturbation] = []
    var diary = ServingDiary()
    private var outcome: ServeOutcome?
    private var signal: WatchedSignal?
    private var signalDeadline: Instant?
    private var memoryKills = OutOfMemoryKills()
    private var flushRequested = false
    private(set) var localWorkers: LocalWorkers?
    private let hostWorkers: HostWorkers?
    private var progress: (ProgressSnapshot) -> Void
    let monitor: RunMonitor?

    init(
        configuration: Configuration,
        mailbox: Mailbox<ServeEvent>,
        writer: RowWriter,
        localWorkers: LocalWorkers?,
        hostWorkers: HostWorkers? = nil,
        events: EventLog,
        log: Logger,
        monitor: RunMonitor? = nil,
        progress: @escaping (ProgressSnapshot) -> Void
    ) {
        self.configuration = configuration
        self.mailbox = mailbox
        self.writer = writer
        self.localWorkers = localWorkers
        self.hostWorkers = hostWorkers
        self.events = events
        self.log = log
        self.monitor = monitor
        self.progress = progress
        credits = CreditPool(
            limit: configuration.rowsInFlightBytes,
            rowBytes: configuration.welcome.rowBytes,
            creditBytes: configuration.welcome.rowCreditBytes
        )
        scheduler = LeaseScheduler(
            units: configuration.units,
            alreadyDone: configuration.durable,
            policy: configuration.policy
        )
    }

    /// Serves until the run is settled or stopped; workers are told to leave, not waited for.
    func run() -> ServeOutcome {
        perform(scheduler.handle(.tick, now: now))
        // A resumed run may have nothing left to fit.
        if outcome == nil {
            localWorkers?.startAll()
            hostWorkers?.startDue()
        }
        var lastTick = now
        while outcome == nil {
            // Links do not tell when they have sent something.
            let wait = chunks.isEmpty ? 500 : 5
            for event in mailbox.take(waitingAtMost: wait) where outcome == nil { handle(event) }
            serveChunks()
            if now.seconds(since: lastTick) >= 0.5, outcome == nil {
                lastTick = now
                perform(scheduler.handle(.tick, now: now))
                if outcome == nil, signal == nil { hostWorkers?.startDue() }
            }
            if let signal, let signalDeadline, now >= signalDeadline, outcome == nil {
                log.warning("what is still being fitted is given up")
                outcome = .signalled(signal)
            }
            progress(scheduler.snapshot)
            tellMonitor()
        }
        letWorkersLeave()
        guard let outcome else { preconditionFailure("the loop ends with an outcome") }
        return outcome
    }

    var now: Instant { Instant(nanoseconds: monotonicNanoseconds()) }

    private func handle(_ event: ServeEvent) {
        switch event {
        case .connected(let id, let link):
            connections[id] = WorkerConnection(link: link, localSlot: localWorkers?.slot(of: id))
        case .link(let id, .message(let message)):
            receive(message, from: id)
        case .link(let id, .closed(let closure)):
            linkClosed(id, closure)
        case .childEnded(let slot, let status):
            childEnded(slot, status)
        case .hostEnded(let index, let status):
            hostEnded(index, status)
        case .writer(let event):
            writerReports(event)
        case .signal(let signal):
            self.signal = signal
            signalDeadline = now + signal.drainLimit
            log.notice(
                "stopping as asked; the same again later ends at once",
                metadata: ["signal": "\(signal)"]
            )
            writer.flush()
            tell(.drain)
        }
    }

    func tell(_ event: SchedulerEvent) {
        perform(scheduler.handle(event, now: now))
    }

    // MARK: - Messages

    private func receive(_ message: WorkerMessage, from id: UInt64) {
        guard let connection = connections[id], connection.stage != .leaving else { return }
        if connection.stage == .fitting { tell(.heard(WorkerID(id))) }
        switch message {
        case .hello(let hello):
            greet(hello, id)
        case .fetch(let request):
            chunks.add(request, from: id)
            serveChunks()
        case .started(let lease, let perturbation):
            localWorkers?.worked(id)
            tell(.started(WorkerID(id), LeaseID(lease), PerturbationIndex(perturbation)))
        case .row(let chunk):
            receiveRow(chunk, id)
        case .fitFailed(let lease, let perturbation, let reason):
            diary.tallies.fitFailures += 1
            log.warning(
                "a fit failed",
                metadata: ["perturbation": "\(perturbation)", "reason": "\(reason)"]
            )
            tell(
                .fitFailed(
                    WorkerID(id),
                    LeaseID(lease),
                    PerturbationIndex(perturbation),
                    reason: reason
                )
            )
        case .returned(let part): returned(part, by: id)
        case .rowsOffered(let rows): offered(rows, by: id)
        case .heartbeat(let heartbeat): connections[id]?.heartbeat = heartbeat
        case .goodbye(let reason):
            log.info(
                "worker leaves",
                metadata: ["worker": "\(connection.name)", "why": "\(reason)"]
            )
            connections[id]?.stage = .leaving
            noteDeparture(id, .goodbye)
            events.note("worker_left", ["connection": "\(id)", "how": "goodbye"])
            tell(.workerLeft(WorkerID(id), .goodbye))
        case .childExited(let exit):
            events.note(
                "remote_process_ended",
                ["host": connection.hello?.host ?? "", "how": exit.description]
            )
            log.warning(
                "a remote worker process ended",
                metadata: ["worker": "\(connection.name)", "how": "\(exit.description)"]
            )
        }
    }

    private func greet(_ hello: Hello, _ id: UInt64) {
        connections[id]?.hello = hello
        switch configuration.expectation.verdict(on: hello) {
        case .refuse(let refusal):
            log.warning("worker refused", metadata: ["why": "\(refusal.text)"])
            send(.refused(refusal), to: id)
            connections[id]?.stage = .leaving
            connections[id]?.link.close()
        case .accept(let minor):
            var welcome = configuration.welcome
            welcome.protocolMinor = minor
            if hello.role == .fitter { welcome.rowCreditBytes = credits.open(id) }
            connections[id]?.minor = minor
            send(.welcome(welcome), to: id)
            connections[id]?.link.keepAlive(
                every: .milliseconds(Int64(welcome.heartbeatMilliseconds)),
                silence: .milliseconds(Int64(welcome.silenceMilliseconds)),
                sending: { .heartbeat }
            )
            guard hello.role == .fitter else {
                connections[id]?.stage = .supervising
                return
            }
            connections[id]?.stage = .fitting
            connections[id]?.joined = now
            diary.tallies.workersJoined += 1
            connections[id]?.credit = RowCredit(limit: welcome.rowCreditBytes)
            connections[id]?.rows = RowAssembler(
                rowBytes: welcome.rowBytes,
                creditBytes: welcome.rowCreditBytes
            )
            noteJoin(id, hello)
            tell(
                .workerJoined(
                    WorkerID(id),
                    threads: configuration.fitsAtOnce(of: hello),
                    memoryBytes: hello.memoryBytes,
                    // A local worker's end is seen as what it is; only others can be lost together
                    // with their machine.
                    host: connections[id]?.localSlot == nil ? hello.host : "",
                    identity: hello.identity(minor: minor)
                )
            )
        }
    }

    private func receiveRow(_ chunk: RowChunk, _ id: UInt64) {
        let assembled: AssembledRow?
        do {
            try connections[id]?.credit?.spend(UInt64(chunk.payload.readableBytes))
            assembled = try connections[id]?.rows?.add(chunk)
        } catch {
            breakOff(id, "\(error)")
            return
        }
        guard let row = assembled else { return }
        let bytes = Array(row.bytes.readableBytesView)
        let digest = bytes.withUnsafeBytes { Digest128(of: $0) }
        guard Bytes16(digest) == row.digest else {
            breakOff(id, "a row's digest does not match its bytes")
            return
        }
        let actions = scheduler.handle(
            .rowArrived(
                WorkerID(id),
                LeaseID(row.lease),
                PerturbationIndex(row.perturbation),
                digest: digest
            ),
            now: now
        )
        perform(actions, arrived: (id, digest, bytes))
    }

    /// Ends a connection whose peer breaks the rules.
    private func breakOff(_ id: UInt64, _ reason: String) {
        log.error(
            "closing a connection",
            metadata: ["worker": "\(connections[id]?.name ?? "?")", "why": "\(reason)"]
        )
        connections[id]?.link.close()
    }

    func send(_ message: CoordinatorMessage, to id: UInt64) {
        // A peer that does not know a message would have to break off.
        guard message.firstMinor <= connections[id]?.minor ?? 0 else { return }
        do {
            try connections[id]?.link.send(message)
        } catch {
            breakOff(id, "\(error)")
        }
    }

    // MARK: - Departures

    private func linkClosed(_ id: UInt64, _ closure: LinkClosure) {
        guard let connection = connections[id] else { return }
        // A local child leaves when both its link and its process have ended: the link may still
        // bring rows after the process is gone, and only the process tells how it died.
        guard connection.localSlot != nil, connection.stage != .leaving else {
            leave(id, Departure(closure))
            return
        }
        if let how = connection.processEnd {
            leave(id, .processDied(how))
        } else {
            connections[id]?.closure = closure
            // A process that lost its link is of no use; its end brings the reason and a new one.
            localWorkers?.end(id)
        }
    }

    private func leave(_ id: UInt64, _ departure: Departure) {
        guard let connection = connections[id] else { return }
        let isNews = connection.stage == .fitting && !connection.isGivenUp
        if isNews { noteDeparture(id, departure) }
        connections[id] = nil
        credits.close(id)
        chunks.removeAll(from: id)
        guard connection.stage == .fitting else { return }
        if isNews { noteLeave(id, connection, departure) }
        tell(.workerLeft(WorkerID(id), departure))
    }

    private func childEnded(_ slot: Int, _ status: ExitStatus) {
        guard let children = localWorkers else { return }
        let ended = children.ended(slot, status)
        if let id = ended.connection {
            let how = "\(status)" + (memoryKills.explain(status.isKill) ?? "")
            connections[id]?.processEnd = how
            switch connections[id]?.closure {
            case nil: break
            // It was ended because nothing was heard of it, which is nobody's fault.
            case .timedOut: leave(id, .networkLost)
            default: leave(id, .processDied(how))
            }
        }
        guard outcome == nil else { return }
        if let failure = ended.failure {
            stop(failure)
        } else if signal == nil {
            children.start(slot)
        }
    }

    private func hostEnded(_ index: Int, _ status: ExitStatus) {
        hostWorkers?.ended(index, status)
        guard outcome == nil, signal == nil, hostWorkers?.isOver == true,
            configuration.onlyHostsWork,
            !connections.values.contains(where: { $0.stage == .fitting })
        else { return }
        stop(
            RunFailure(
                .noWorkers,
                "no machine of the hosts file has a worker; mend it, then finish with --resume"
            )
        )
    }

    // MARK: - Writer

    private func writerReports(_ event: RowWriter.Event) {
        switch event {
        case .written(let perturbation, let byteCount):
            guard let worker = workerOfRow[perturbation] else { return }
            returnCredit(byteCount, to: worker)
        case .durable(let perturbations):
            flushRequested = false
            var byWorker: [UInt64: [UInt32]] = [:]
            for perturbation in perturbations {
                let keepers = keepersOfRow.removeValue(forKey: perturbation) ?? []
                let sender = workerOfRow.removeValue(forKey: perturbation).map { [$0] } ?? []
                for worker in Set(sender + keepers) {
                    byWorker[worker, default: []].append(perturbation)
                }
            }
            for (worker, rows) in byWorker {
                for part in rows.chunked(by: ProtocolLimits.durablePerturbations) {
                    send(.rowsDurable(perturbations: part, creditBytes: 0), to: worker)
                }
            }
            tell(.rowsDurable(perturbations.map { PerturbationIndex($0) }))
        case .failed(let failure):
            stop(failure)
        case .ended: break
        }
    }

    private func returnCredit(_ byteCount: Int, to worker: UInt64) {
        connections[worker]?.credit?.restore(UInt64(byteCount))
        send(.rowsDurable(perturbations: [], creditBytes: UInt64(byteCount)), to: worker)
    }

    // MARK: - Actions

    private func perform(
        _ actions: [SchedulerAction],
        arrived: (worker: UInt64, digest: Digest128, bytes: [UInt8])? = nil
    ) {
        for action in actions {
            switch action {
            case .grant(let worker, let lease): grant(lease, to: worker.rawValue)
            case .write(let perturbation, _, let attempt):
                guard let arrived else { continue }
                workerOfRow[perturbation.rawValue] = arrived.worker
                diary.tallies.rows += 1
                let record = Journal.Record(
                    perturbation: perturbation.rawValue,
                    attempt: UInt32(attempt),
                    digest: arrived.digest
                )
                // First, so that no row can be durable of which the diary knows nothing.
                events.note(
                    "row",
                    [
                        "perturbation": "\(perturbation.rawValue)", "attempt": "\(attempt)",
                        "connection": "\(arrived.worker)",
                    ]
                )
                writer.write(RowWriter.Row(record: record, bytes: arrived.bytes))
            case .revoke, .cancel, .answerOffer, .endProcess, .closeWorker: steer(action)
            case .discard(let perturbation, let reason, let sameDigest):
                guard let arrived else { continue }
                diary.tallies.rowsDropped += 1
                if !sameDigest {
                    log.error(
                        "a second fit gave other numbers; the first is kept",
                        metadata: ["perturbation": "\(perturbation)", "row": "\(reason)"]
                    )
                }
                returnCredit(arrived.bytes.count, to: arrived.worker)
            case .markFailed(let perturbation, let reason, _):
                lose(perturbation, .failed, [reason])
            case .markQuarantined(let perturbation, let reasons):
                lose(perturbation, .quarantined, reasons)
            case .finishWorkers: tellWorkersToLeave("every perturbation is settled")
            case .settled: outcome = signal.map { .signalled($0) } ?? .settled(lost)
            case .stop(let reason): stopped(reason)
            }
        }
        if scheduler.waitsOnlyForCommit, !flushRequested {
            flushRequested = true
            writer.flush()
        }
    }

    private func grant(_ lease: GrantedLease, to worker: UInt64) {
        let grant = LeaseGrant(
            lease: lease.lease.rawValue,
            solo: lease.solo,
            perturbations: lease.perturbations.map { configuration.resources.leased($0) }
        )
        send(.lease(grant), to: worker)
        if lease.isCopy { noteCopy(lease, worker) }
    }

    private func stopped(_ reason: StopReason) {
        switch reason {
        case .drained:
            outcome =
                signal.map { .signalled($0) }
                ?? .stopped(RunFailure(.stopped, "\(reason); finish with --resume"))
        case .noWorkers: stop(RunFailure(.noWorkers, "\(reason); start some, then --resume"))
        case .tooManyDeaths, .commonFailure: stop(RunFailure(.internalError, "\(reason)"))
        }
    }

    func stop(_ failure: RunFailure) {
        if outcome == nil { outcome = .stopped(failure) }
    }

    /// Tells workers to leave and waits a little, so that none takes the end for a lost connection.
    private func letWorkersLeave() {
        tellWorkersToLeave("the run is over")
        // After a failure nobody returns credit any more: rows on the way are of no use.
        if case .stopped = outcome {
            for connection in connections.values { connection.link.close() }
        }
        let deadline = now + .seconds(3)
        while connections.values.contains(where: { $0.localSlot == nil }), now < deadline {
            for case .link(let id, .closed) in mailbox.take(waitingAtMost: 100) {
                connections[id] = nil
            }
        }
    }

    private func tellWorkersToLeave(_ reason: String) {
        for id in connections.keys { send(.finish(reason: reason), to: id) }
    }
}
