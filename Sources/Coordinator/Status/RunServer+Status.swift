import Monitoring
import Scheduling
import WireProtocol

extension RunServer {
    /// Lets those who watch the run see how it is, four times a second.
    func tellMonitor() {
        let now = now
        guard let monitor, monitor.isWatched, now.seconds(since: diary.lastTold) >= 0.25 else {
            return
        }
        diary.lastTold = now
        monitor.note(servingStatus(now: now))
    }

    /// Writes down that a worker leaves, while the scheduler still knows it.
    func noteDeparture(_ id: UInt64, _ departure: Departure) {
        guard let connection = connections[id] else { return }
        diary.left(
            connection.name,
            departure,
            finished: scheduler.finishedCount(of: WorkerID(id)),
            now: now
        )
    }

    /// What serving looks like now.
    ///
    /// Cost: O(perturbations), some milliseconds for the largest screens; not for every event.
    func servingStatus(now: Instant) -> ServingStatus {
        let leases = scheduler.openLeases
        return ServingStatus(
            perturbations: perturbationsByState,
            workers: workers(leases, now),
            leases: leases.prefix(RunStatus.mostEntries).map { lease in
                RunStatus.Lease(
                    number: lease.lease.rawValue,
                    worker: lease.worker.rawValue,
                    unfinished: lease.unfinishedCount,
                    started: lease.running.count
                )
            },
            givenUp: lost.prefix(RunStatus.mostEntries).map { lost in
                RunStatus.GivenUp(
                    perturbation: label(lost.perturbation),
                    kind: lost.kind.rawValue,
                    reasons: lost.reasons
                )
            },
            retried: scheduler.troubledUnits(atMost: RunStatus.mostEntries).map { unit in
                RunStatus.Retried(
                    perturbation: label(Int(unit.perturbation.rawValue)),
                    state: unit.phase.rawValue,
                    lostAttempts: unit.lostAttempts,
                    strikes: unit.strikes,
                    reason: unit.lastReason
                )
            },
            departures: diary.departures(now: now),
            tallies: diary.tallies,
            traffic: traffic
        )
    }

    /// A perturbation's name; its row where the name is not known.
    func label(_ row: Int) -> String {
        configuration.labels.indices.contains(row) ? configuration.labels[row] : "row \(row)"
    }

    private var perturbationsByState: RunStatus.Perturbations {
        let counts = scheduler.counts
        var perturbations = RunStatus.Perturbations()
        perturbations.pending = counts.pending
        perturbations.leased = counts.leased
        perturbations.started = counts.started
        perturbations.written = counts.written
        perturbations.done = counts.durable
        perturbations.failed = counts.failed
        perturbations.quarantined = counts.quarantined
        perturbations.resumed = configuration.durable.count
        return perturbations
    }

    private func workers(_ leases: [OpenLease], _ now: Instant) -> [RunStatus.Worker] {
        var running: [WorkerID: [PerturbationIndex]] = [:]
        for lease in leases { running[lease.worker, default: []] += lease.running }
        return scheduler.workerStatuses.prefix(RunStatus.mostWorkers).compactMap { status in
            guard let connection = connections[status.worker.rawValue],
                let hello = connection.hello
            else { return nil }
            let fitting = running[status.worker] ?? []
            var worker = RunStatus.Worker(
                number: status.worker.rawValue,
                host: hello.host,
                process: hello.processID,
                threads: Int(hello.threads),
                connectedSeconds: connection.joined.map { now.seconds(since: $0) } ?? 0,
                silentSeconds: scheduler.silence(of: status.worker, now: now) ?? 0,
                unfinished: status.unfinishedCount,
                finished: status.finishedCount,
                limitBytes: hello.memoryBytes
            )
            worker.numaNode = hello.numaNode
            worker.isLocal = connection.localSlot != nil
            worker.running = fitting.prefix(RunStatus.mostEntries).map { label(Int($0.rawValue)) }
            if worker.finished > 0, worker.connectedSeconds > 0 {
                worker.perSecond = Double(worker.finished) / worker.connectedSeconds
            }
            worker.residentBytes = connection.heartbeat?.residentBytes
            worker.isSolo = status.isSolo
            worker.strikes = fitting.map { scheduler.strikes(of: $0) }.max() ?? 0
            return worker
        }
    }

    private var traffic: RunStatus.Traffic {
        RunStatus.Traffic(
            rowBytes: connections.values.reduce(0) { sum, connection in
                sum + (connection.credit.map { $0.limit - $0.available } ?? 0)
            },
            blockBytes: scheduler.workerStatuses.reduce(0) { $0 + $1.unfinishedBytes }
        )
    }
}
