// What becomes of the units of a worker that is gone, and who is to blame.
//
// A unit that was fitted alone when its process died gets a strike. Before that is said, a few
// seconds pass if the machine has other workers: when one of those goes too, the machine is to blame.

import Digests

/// A worker that is gone while it was fitting, on a machine that has other workers.
struct Inquest {
    let worker: WorkerID
    let identity: WorkerIdentity?
    let host: String
    let instant: Instant
    let cause: LossCause
    /// Units that were being fitted, those included whose rows came from elsewhere.
    let started: [(lease: LeaseID, rank: Int)]
}

/// A worker that is gone, whatever it was doing.
struct Vanishing {
    let host: String
    let instant: Instant
}

/// What a unit was held to answer for when a session ended.
struct Charge {
    let process: Digest128
    let rank: Int
    let isStrike: Bool
    let reason: String
}

/// How a worker was lost.
enum LossCause {
    /// The process died; the text says how.
    case death(String)
    /// Nothing is known about the process.
    case silence(String)
}

extension LeaseScheduler {
    /// Takes back what a lost worker had, at once or when it is clear what was to blame.
    mutating func takeBack(
        from worker: WorkerID,
        _ record: WorkerRecord,
        _ owed: [(lease: LeaseID, unit: OutstandingUnit)],
        _ cause: LossCause,
        _ actions: inout [SchedulerAction]
    ) {
        let started = owed.filter(\.unit.isStarted).map { (lease: $0.lease, rank: $0.unit.rank) }
        for (lease, unit) in owed where !unit.isStarted {
            release(unit.rank, from: lease, alone: false, by: worker, &actions)
        }
        let inquest = Inquest(
            worker: worker,
            identity: record.identity,
            host: record.host,
            instant: now,
            cause: cause,
            started: started
        )
        guard !record.host.isEmpty else {
            blame(inquest, &actions)
            return
        }
        // Only workers that were there together can have been lost together: one that was started
        // in place of another says nothing about the machine.
        let isHostLoss = vanished.contains {
            $0.host == record.host && record.joined < $0.instant
                && now.nanoseconds(since: $0.instant) <= policy.hostLossWindow.wholeNanoseconds
        }
        vanished.append(Vanishing(host: record.host, instant: now))
        if isHostLoss {
            let together = inquests.filter {
                $0.host == record.host && record.joined < $0.instant
            }
            let workers = Set(together.map(\.worker))
            inquests.removeAll { workers.contains($0.worker) }
            for other in together { forgive(other, &actions) }
            forgive(inquest, &actions)
        } else if roster.hasWorker(on: record.host), progression == .running, !started.isEmpty {
            inquests.append(inquest)
        } else {
            blame(inquest, &actions)
        }
    }

    /// Ends inquests whose time is over; all of them when the run is to stop.
    mutating func closeInquests(_ actions: inout [SchedulerAction]) {
        let window = policy.hostLossWindow.wholeNanoseconds
        vanished.removeAll { now.nanoseconds(since: $0.instant) > window }
        let due = inquests.filter {
            progression != .running || now.nanoseconds(since: $0.instant) > window
        }
        guard !due.isEmpty else { return }
        let closed = Set(due.map(\.worker))
        inquests.removeAll { closed.contains($0.worker) }
        for inquest in due { blame(inquest, &actions) }
    }

    private mutating func blame(_ inquest: Inquest, _ actions: inout [SchedulerAction]) {
        for (lease, rank) in inquest.started where ledger[rank].active.contains(lease) {
            ledger[rank].lostAttempts += 1
            let attempts = ledger[rank].lostAttempts
            var alone = true
            var isStrike = false
            switch inquest.cause {
            case .silence(let text):
                ledger[rank].reasons.append("\(inquest.worker): \(text)")
                alone = attempts >= policy.lossesToSolo
            case .death(let text) where inquest.started.count == 1:
                isStrike = true
                strike(rank, on: inquest.host, "\(inquest.worker): \(text)")
            case .death(let text):
                let count = inquest.started.count
                ledger[rank].reasons.append(
                    "\(inquest.worker): \(text), with \(count) perturbations started"
                )
            }
            if let process = inquest.identity?.process {
                let reason = ledger[rank].reasons.last ?? ""
                charges.append(
                    Charge(process: process, rank: rank, isStrike: isStrike, reason: reason)
                )
            }
            release(rank, from: lease, alone: alone, by: inquest.worker, &actions)
        }
    }

    private mutating func strike(_ rank: Int, on host: String, _ reason: String) {
        ledger[rank].strikes += 1
        ledger[rank].avoidance = host.isEmpty ? .nobody : .host(host)
        ledger[rank].reasons.append(reason)
    }

    /// Puts back what was lost with a whole machine; only a unit that always loses one pays for it.
    private mutating func forgive(_ inquest: Inquest, _ actions: inout [SchedulerAction]) {
        for (lease, rank) in inquest.started where ledger[rank].active.contains(lease) {
            ledger[rank].hostLosses += 1
            let counts = ledger[rank].hostLosses > policy.hostLossesForgiven
            if counts {
                ledger[rank].lostAttempts += 1
                ledger[rank].reasons.append("\(inquest.worker): lost with its machine")
            }
            release(rank, from: lease, alone: counts, by: inquest.worker, &actions)
        }
    }

    /// Whether a unit was started under a lease, also of a worker that is gone and under inquest.
    func isBegun(_ rank: Int, lease: LeaseID) -> Bool {
        roster.isStarted(rank, lease: lease)
            || inquests.contains { inquest in
                inquest.started.contains { $0.lease == lease && $0.rank == rank }
            }
    }

    /// Takes back what was held against units because of the end of a process that is alive.
    ///
    /// A connection that breaks can look like a death; a process that comes back has not died.
    mutating func pardon(_ process: Digest128, _ actions: inout [SchedulerAction]) {
        let mistaken = inquests.filter { $0.identity?.process == process }
        inquests.removeAll { $0.identity?.process == process }
        for inquest in mistaken {
            for (lease, rank) in inquest.started {
                release(rank, from: lease, alone: false, by: inquest.worker, &actions)
            }
        }
        for charge in charges where charge.process == process {
            guard !ledger[charge.rank].state.isSettled,
                let position = ledger[charge.rank].reasons.firstIndex(of: charge.reason)
            else { continue }
            ledger[charge.rank].reasons.remove(at: position)
            ledger[charge.rank].lostAttempts -= 1
            ledger[charge.rank].strikes -= charge.isStrike ? 1 : 0
            if charge.isStrike { ledger[charge.rank].avoidance = .nobody }
        }
        charges.removeAll { $0.process == process }
    }

    // MARK: - Time limit

    /// Seconds that a fit may take: the limit, or ten times what is usual for its size.
    func timeLimit(_ rank: Int) -> Double {
        let limit = policy.fitTimeout.nonNegativeSeconds
        guard fitTimes.count >= policy.fitsToPredict,
            let usual = fitTimes.seconds(cost: ledger[rank].unit.cost, share: 0.5)
        else { return limit }
        return max(limit, policy.fitTimeoutFactor * usual)
    }

    /// Ends processes that hold work and begin none of it, whose threads must be stuck; nobody is
    /// blamed.
    mutating func endStalledWorkers(_ actions: inout [SchedulerAction]) {
        let limit = policy.fitTimeout.nonNegativeSeconds
        for (worker, record) in roster.workers.sorted(by: { $0.key < $1.key }) {
            let owed = record.leases.flatMap { roster.leases[$0]?.outstanding ?? [] }
            guard let first = owed.first, !owed.contains(where: \.isStarted),
                now.seconds(since: record.lastProgress) > limit
            else { continue }
            let reason = "the worker has begun nothing for \(Int(limit)) s"
            let perturbation = ledger[first.rank].unit.perturbation
            actions.append(.endProcess(worker, perturbation, reason: reason))
            anyoneMayTakeWork = true
            for (lease, unit) in roster.remove(worker) {
                release(unit.rank, from: lease, alone: false, by: worker, &actions)
            }
        }
    }

    /// Ends processes whose fits take too long; what else they had goes to others without blame.
    mutating func endLongFits(_ actions: inout [SchedulerAction]) {
        for worker in roster.workers.keys.sorted() {
            let owed = roster[worker]?.leases.flatMap { roster.leases[$0]?.outstanding ?? [] } ?? []
            let late = owed.filter { unit in
                guard let started = unit.started else { return false }
                return now.seconds(since: started) > timeLimit(unit.rank)
            }
            guard let first = late.first, let record = roster[worker] else { continue }
            let seconds = Int(timeLimit(first.rank))
            let reason = "time limit: the fit took longer than \(seconds) s"
            let perturbation = ledger[first.rank].unit.perturbation
            actions.append(.endProcess(worker, perturbation, reason: reason))
            deathsSinceRow += 1
            lastDeath = reason
            anyoneMayTakeWork = true
            let lateRanks = Set(late.map(\.rank))
            for (lease, unit) in roster.remove(worker) {
                let isLate = lateRanks.contains(unit.rank)
                if isLate, ledger[unit.rank].active.contains(lease) {
                    ledger[unit.rank].lostAttempts += 1
                    strike(unit.rank, on: record.host, "\(worker): \(reason)")
                }
                release(unit.rank, from: lease, alone: isLate, by: worker, &actions)
            }
        }
    }
}
