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
// Copies: a unit is out on one lease, and on a second one when it takes far too long or when a worker
// that was lost comes back with its row. What is decided about a unit is decided when it is out on
// none any more. A worker still busy with a unit whose row came from elsewhere keeps it on its lease
// until it answers.

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
    var fitTimes = FitTimes()
    /// Losses that may turn out to be those of whole machines.
    var inquests: [Inquest] = []
    /// Workers that vanished lately, whatever they were doing.
    var vanished: [Vanishing] = []
    /// What units were held to answer for, until it turns out that the process is alive.
    var charges: [Charge] = []
    /// How many units failed for each reason.
    var failures: [String: Int] = [:]
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
        balance(event, &actions)
        conclude(&actions)
        return actions
    }

    /// Applies an event to the state; returns the worker that may now take more work.
    private mutating func apply(
        _ event: SchedulerEvent,
        _ actions: inout [SchedulerAction]
    ) -> WorkerID? {
        switch event {
        case .workerJoined(let worker, let threads, let memoryBytes, let host, let identity):
            workerJoined(worker, threads, memoryBytes, host, identity, &actions)
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
        case .returned(let worker, let lease, let perturbations):
            returned(worker, lease, perturbations, &actions)
            return worker
        case .rowsOffered(let worker, let rows):
            rowsOffered(worker, rows, &actions)
            return worker
        case .tick:
            closeSilentWorkers(&actions)
            endLongFits(&actions)
            endStalledWorkers(&actions)
            closeInquests(&actions)
            stopAwaitingOffers()
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
            roster.markStarted(rank, lease: lease, worker: worker, now: now)
        else {
            ignoredEventCount += 1
            return
        }
        if ledger[rank].state == .leased, ledger[rank].active.contains(lease) {
            ledger.move(rank, to: .started, by: worker, now: now)
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
        if let answered = roster.answer(rank, unit: unit, lease: lease, worker: worker, now: now) {
            roster.credit(worker, cost: unit.cost)
            if let started = answered.started {
                fitTimes.add(seconds: now.seconds(since: started), cost: unit.cost)
            }
        }
        switch ledger[rank].state {
        case .pending, .leased, .started:
            ledger[rank].digest = digest
            ledger.move(rank, to: .written, by: worker, now: now)
            deathsSinceRow = 0
            cancelOthers(rank, &actions)
            let attempt = ledger[rank].lostAttempts + 1
            actions.append(.write(perturbation, from: worker, attempt: attempt))
        case .written, .durable:
            let same = ledger[rank].digest == nil || ledger[rank].digest == digest
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
            strikeOff(rank, lease, worker)
        else {
            ignoredEventCount += 1
            return
        }
        guard ledger[rank].active.contains(lease) else { return }
        ledger[rank].fitFailures += 1
        ledger[rank].lostAttempts += 1
        ledger[rank].reasons.append("\(worker): the fit failed: \(reason)")
        ledger[rank].failure = reason
        ledger[rank].avoidance = .worker(worker)
        release(rank, from: lease, alone: false, by: worker, &actions)
    }

    /// Strikes a unit off a lease that its worker answered for; false when it owed nothing.
    private mutating func strikeOff(_ rank: Int, _ lease: LeaseID, _ worker: WorkerID) -> Bool {
        let unit = ledger[rank].unit
        return roster.answer(rank, unit: unit, lease: lease, worker: worker, now: now) != nil
    }

    /// A worker gave units back that it was asked for, or has done with those that were cancelled.
    private mutating func returned(
        _ worker: WorkerID,
        _ lease: LeaseID,
        _ perturbations: [PerturbationIndex],
        _ actions: inout [SchedulerAction]
    ) {
        roster.heard(worker, now: now)
        for perturbation in perturbations {
            guard let rank = ledger.rank(of: perturbation),
                strikeOff(rank, lease, worker)
            else {
                ignoredEventCount += 1
                continue
            }
            anyoneMayTakeWork = true
            // Who could not begin it shall not be the next to get it.
            if ledger[rank].avoidance == .nobody { ledger[rank].avoidance = .worker(worker) }
            release(rank, from: lease, alone: false, by: worker, &actions)
        }
    }

    private mutating func drain(_ actions: inout [SchedulerAction]) {
        guard progression == .running else {
            ignoredEventCount += 1
            return
        }
        progression = .draining
        closeInquests(&actions)
        // With everything settled the end is announced anyway, once.
        if ledger.counts.settled < ledger.counts.total {
            actions.append(.finishWorkers)
        }
    }

    /// Ends a unit's stay on a lease; when it is out on no other, it waits again or is given up.
    mutating func release(
        _ rank: Int,
        from lease: LeaseID,
        alone: Bool,
        by worker: WorkerID,
        _ actions: inout [SchedulerAction]
    ) {
        // A unit whose row came from elsewhere is out on no lease.
        guard let position = ledger[rank].active.firstIndex(of: lease) else { return }
        ledger[rank].active.remove(at: position)
        if alone { ledger.setMustRunAlone(rank) }
        let record = ledger[rank]
        if !record.active.isEmpty {
            let isStarted = record.active.contains { isBegun(rank, lease: $0) }
            let state: UnitPhase = isStarted ? .started : .leased
            if state != record.state { ledger.move(rank, to: state, by: worker, now: now) }
        } else if record.fitFailures >= policy.fitTries {
            ledger.move(rank, to: .failed, by: worker, now: now)
            failures[Self.withoutNumbers(record.failure), default: 0] += 1
            actions.append(
                .markFailed(
                    record.unit.perturbation,
                    reason: record.failure,
                    attempts: record.lostAttempts
                )
            )
        } else if record.strikes >= policy.strikesToQuarantine
            || record.lostAttempts >= policy.maximumAttempts
        {
            ledger.move(rank, to: .quarantined, by: worker, now: now)
            actions.append(.markQuarantined(record.unit.perturbation, reasons: record.reasons))
        } else {
            ledger.move(rank, to: .pending, by: worker, now: now)
            anyoneMayTakeWork = true
        }
    }

    /// A reason by which failures can be counted, whatever gene or cell they name.
    private static func withoutNumbers(_ reason: String) -> String {
        String(String.UnicodeScalarView(reason.unicodeScalars.filter { !("0"..."9" ~= $0) }))
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
        } else if let (reason, count, finished) = commonFailure {
            stop(.commonFailure(reason: reason, count: count, finished: finished), &actions)
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

    /// The reason for which too many units failed, if there is one.
    private var commonFailure: (reason: String, count: Int, finished: Int)? {
        let finished = ledger.counts.settled + ledger.counts.written - ledger.alreadyDoneCount
        guard finished >= policy.finishedToStop,
            let (reason, count) = failures.max(by: { ($0.value, $1.key) < ($1.value, $0.key) }),
            Double(count) > policy.failureShare * Double(finished)
        else { return nil }
        return (reason, count, finished)
    }

    private mutating func stop(_ reason: StopReason, _ actions: inout [SchedulerAction]) {
        progression = .stopped
        actions.append(.stop(reason))
    }
}
