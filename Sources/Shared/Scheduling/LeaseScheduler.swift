// The coordinator's decisions, as one value.
//
// Overview: the owner turns whatever happens (a message, a closed link, a second gone by) into a
// `SchedulerEvent`, hands it in with the time, and carries out the actions that come back. Nothing
// here waits, reads a clock or draws a random number, so the same events give the same actions.
//
// Why this way: a unit is fitted at least once and its row written exactly once. A lease only says
// who is asked to fit what; it gives no exclusive right. The first valid row of a unit wins, from
// whatever lease it comes, so losing a worker costs time and never a wrong or missing row.
//
// Blame: only units that were started when a process died can have ended it. One alone gets a
// strike; several get none and are each tried again alone, where the next death is conclusive.
//
// Limits: no unit is out on two leases at once. A worker still busy with a unit whose row came from
// elsewhere keeps it on its own lease until it answers, so copies for stragglers would fit in.

/// Decides which worker fits which perturbation, which rows are taken, and when the run is over.
package struct LeaseScheduler: ~Copyable {
    enum Progression: Equatable {
        case running
        case draining
        case stopped
        case settled
    }

    let policy: SchedulingPolicy
    var ledger: UnitLedger
    var roster = WorkerRoster()
    var progression = Progression.running
    var now = Instant.zero
    var isWorkerless = false
    var workerlessSince = Instant.zero
    var deathsSinceRow = 0
    var lastDeath = ""
    /// Set when something changed that may let any worker take more work.
    var anyoneMayTakeWork = false
    /// Events that changed nothing because they came from ended sessions or leases.
    package internal(set) var ignoredEventCount = 0

    /// Makes the scheduler of one run.
    ///
    /// - Parameters:
    ///   - units: Every perturbation of the run, each once.
    ///   - alreadyDone: Perturbations whose rows are durable from before; they are never leased.
    ///   - policy: The limits to keep.
    ///
    /// Send a `tick` first: with nothing left to do it is answered with `settled`.
    package init(
        units: [UnitOfWork],
        alreadyDone: Set<PerturbationIndex>,
        policy: SchedulingPolicy
    ) {
        self.policy = policy
        ledger = UnitLedger(
            units: units,
            alreadyDone: alreadyDone,
            logCapacity: policy.transitionLogCapacity
        )
    }

    /// Takes in one event and decides what has to be done about it.
    ///
    /// - Parameters:
    ///   - event: What happened.
    ///   - now: When; a time before the last one counts as the last one.
    /// - Returns: The actions, in order.
    package mutating func handle(_ event: SchedulerEvent, now: Instant) -> [SchedulerAction] {
        var actions: [SchedulerAction] = []
        self.now = max(self.now, now)
        noteWorkers()
        let worker = apply(event, &actions)
        noteWorkers()
        assignWork(to: worker, &actions)
        conclude(&actions)
        return actions
    }

    /// Applies an event to the state; returns the worker that may now take more work.
    private mutating func apply(
        _ event: SchedulerEvent,
        _ actions: inout [SchedulerAction]
    ) -> WorkerID? {
        switch event {
        case .workerJoined(let worker, let threads, let memoryBytes, let host):
            workerJoined(worker, threads, memoryBytes, host, &actions)
            return worker
        case .workerLeft(let worker, let departure):
            workerLeft(worker, departure, &actions)
            return nil
        case .heard(let worker):
            heard(worker)
            return nil
        case .started(let worker, let lease, let perturbation):
            started(worker, lease, perturbation)
            return nil
        case .rowArrived(let worker, let lease, let perturbation, let digest):
            rowArrived(worker, lease, perturbation, digest, &actions)
            return worker
        case .rowsDurable(let perturbations):
            rowsDurable(perturbations)
            return nil
        case .fitFailed(let worker, let lease, let perturbation, let reason):
            fitFailed(worker, lease, perturbation, reason, &actions)
            return worker
        case .tick:
            closeSilentWorkers(&actions)
            return nil
        case .drain:
            drain(&actions)
            return nil
        }
    }

    private mutating func heard(_ worker: WorkerID) {
        if roster[worker] == nil {
            ignoredEventCount += 1
        } else {
            roster.heard(worker, now: now)
        }
    }

    private mutating func started(
        _ worker: WorkerID,
        _ lease: LeaseID,
        _ perturbation: PerturbationIndex
    ) {
        roster.heard(worker, now: now)
        guard let rank = ledger.rank(of: perturbation),
            roster.markStarted(rank, lease: lease, worker: worker)
        else {
            ignoredEventCount += 1
            return
        }
        if ledger[rank].state == .leased(lease) {
            ledger.move(rank, to: .started(lease), by: worker, now: now)
        }
    }

    private mutating func rowArrived(
        _ worker: WorkerID,
        _ lease: LeaseID,
        _ perturbation: PerturbationIndex,
        _ digest: RowDigest,
        _ actions: inout [SchedulerAction]
    ) {
        roster.heard(worker, now: now)
        guard let rank = ledger.rank(of: perturbation), ledger[rank].leases.contains(lease) else {
            actions.append(.discard(perturbation, .unknown, sameDigest: false))
            return
        }
        let unit = ledger[rank].unit
        if roster.answer(rank, unit: unit, lease: lease, worker: worker) {
            roster.credit(worker, cost: unit.cost)
        }
        switch ledger[rank].state {
        case .pending, .leased, .started:
            ledger[rank].digest = digest
            ledger.move(rank, to: .written, by: worker, now: now)
            deathsSinceRow = 0
            let attempt = ledger[rank].lostAttempts + 1
            actions.append(.write(perturbation, from: worker, attempt: attempt))
        case .written, .durable:
            let same = ledger[rank].digest == digest
            actions.append(.discard(perturbation, .duplicate, sameDigest: same))
        case .failed, .quarantined:
            actions.append(.discard(perturbation, .late, sameDigest: false))
        }
    }

    private mutating func rowsDurable(_ perturbations: [PerturbationIndex]) {
        for perturbation in perturbations {
            guard let rank = ledger.rank(of: perturbation), ledger[rank].state == .written else {
                ignoredEventCount += 1
                continue
            }
            ledger.move(rank, to: .durable, by: nil, now: now)
        }
    }

    private mutating func fitFailed(
        _ worker: WorkerID,
        _ lease: LeaseID,
        _ perturbation: PerturbationIndex,
        _ reason: String,
        _ actions: inout [SchedulerAction]
    ) {
        roster.heard(worker, now: now)
        guard let rank = ledger.rank(of: perturbation),
            roster.answer(rank, unit: ledger[rank].unit, lease: lease, worker: worker)
        else {
            ignoredEventCount += 1
            return
        }
        guard ledger[rank].state.lease == lease else { return }
        ledger[rank].fitFailures += 1
        ledger[rank].lostAttempts += 1
        ledger[rank].reasons.append("\(worker): the fit failed: \(reason)")
        let attempts = ledger[rank].lostAttempts
        if ledger[rank].fitFailures >= policy.fitTries {
            ledger.move(rank, to: .failed, by: worker, now: now)
            actions.append(.markFailed(perturbation, reason: reason, attempts: attempts))
        } else if attempts >= policy.maximumAttempts {
            quarantine(rank, by: worker, &actions)
        } else {
            ledger[rank].avoidance = .worker(worker)
            requeue(rank, alone: false, by: worker)
        }
    }

    private mutating func drain(_ actions: inout [SchedulerAction]) {
        guard progression == .running else {
            ignoredEventCount += 1
            return
        }
        progression = .draining
        // With everything settled the end is announced anyway, once.
        if ledger.counts.settled < ledger.counts.total {
            actions.append(.finishWorkers)
        }
    }

    /// Gives a unit up, with everything known about why.
    mutating func quarantine(_ rank: Int, by worker: WorkerID, _ actions: inout [SchedulerAction]) {
        ledger.move(rank, to: .quarantined, by: worker, now: now)
        let record = ledger[rank]
        actions.append(.markQuarantined(record.unit.perturbation, reasons: record.reasons))
    }

    /// Puts a unit that was out on a lease back to wait for another one.
    mutating func requeue(_ rank: Int, alone: Bool, by worker: WorkerID) {
        ledger.requeue(rank, alone: alone, by: worker, now: now)
        anyoneMayTakeWork = true
    }

    /// Announces the end of the run, once, when there is one.
    private mutating func conclude(_ actions: inout [SchedulerAction]) {
        guard progression == .running || progression == .draining else { return }
        let counts = ledger.counts
        if counts.settled == counts.total {
            if progression == .running {
                actions.append(.finishWorkers)
            }
            progression = .settled
            actions.append(.settled)
        } else if deathsSinceRow >= policy.deathsToStop {
            stop(.tooManyDeaths(count: deathsSinceRow, lastReason: lastDeath), &actions)
        } else if progression == .draining {
            if counts.leased + counts.started + counts.written == 0 {
                stop(.drained, &actions)
            }
        } else if isWorkerless, counts.pending > 0,
            now.nanoseconds(since: workerlessSince) >= policy.noWorkerTimeout.wholeNanoseconds
        {
            stop(.noWorkers(seconds: now.seconds(since: workerlessSince)), &actions)
        }
    }

    private mutating func stop(_ reason: StopReason, _ actions: inout [SchedulerAction]) {
        progression = .stopped
        actions.append(.stop(reason))
    }
}
