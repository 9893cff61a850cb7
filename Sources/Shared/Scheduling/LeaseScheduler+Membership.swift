// Who is there: joining, leaving, falling silent, and what becomes of the units of those who left.

extension LeaseScheduler {
    mutating func workerJoined(
        _ worker: WorkerID,
        _ threads: Int,
        _ memoryBytes: UInt64,
        _ host: String,
        _ actions: inout [SchedulerAction]
    ) {
        guard roster[worker] == nil else {
            ignoredEventCount += 1
            return
        }
        guard progression == .running else {
            actions.append(.closeWorker(worker, .runIsEnding))
            return
        }
        let record = WorkerRecord(
            host: host,
            threads: max(1, threads),
            memoryBytes: memoryBytes,
            blockBytesLimit: memoryBytes / max(1, policy.memoryDivisor),
            lastHeard: now
        )
        roster.add(worker, record)
    }

    mutating func workerLeft(
        _ worker: WorkerID,
        _ departure: Departure,
        _ actions: inout [SchedulerAction]
    ) {
        guard let record = roster[worker] else {
            ignoredEventCount += 1
            return
        }
        let owed = roster.remove(worker)
        // A unit that another worker should have tried may have no other worker now.
        anyoneMayTakeWork = true
        switch departure {
        case .processDied(let description):
            deathsSinceRow += 1
            lastDeath = description
            takeBackFromDead(worker, record.host, owed, description, &actions)
        case .networkLost:
            takeBackFromLost(worker, owed, "the connection was lost", &actions)
        case .goodbye:
            for (lease, unit) in owed where ledger[unit.rank].state.lease == lease {
                requeue(unit.rank, alone: false, by: worker)
            }
        }
    }

    mutating func closeSilentWorkers(_ actions: inout [SchedulerAction]) {
        let limit = policy.silence.wholeNanoseconds
        let silent = roster.workers.filter { now.nanoseconds(since: $0.value.lastHeard) >= limit }
        for worker in silent.keys.sorted() {
            guard let lastHeard = roster[worker]?.lastHeard else { continue }
            let owed = roster.remove(worker)
            anyoneMayTakeWork = true
            let seconds = now.seconds(since: lastHeard)
            actions.append(.closeWorker(worker, .silent(seconds: seconds)))
            takeBackFromLost(worker, owed, "nothing was heard for \(Int(seconds)) s", &actions)
        }
    }

    /// Keeps count of the time without any worker.
    mutating func noteWorkers() {
        if roster.count > 0 {
            isWorkerless = false
        } else if !isWorkerless {
            isWorkerless = true
            workerlessSince = now
        }
    }

    /// Blames a process death on the one unit that was started, or on none of several.
    private mutating func takeBackFromDead(
        _ worker: WorkerID,
        _ host: String,
        _ owed: [(lease: LeaseID, unit: OutstandingUnit)],
        _ description: String,
        _ actions: inout [SchedulerAction]
    ) {
        // A unit whose row came from elsewhere counts too: it may be the one that did it.
        let startedCount = owed.count { $0.unit.isStarted }
        for (lease, unit) in owed where ledger[unit.rank].state.lease == lease {
            guard unit.isStarted else {
                requeue(unit.rank, alone: false, by: worker)
                continue
            }
            ledger[unit.rank].lostAttempts += 1
            if startedCount == 1 {
                ledger[unit.rank].strikes += 1
                ledger[unit.rank].avoidance = host.isEmpty ? .nobody : .host(host)
                ledger[unit.rank].reasons.append("\(worker): \(description)")
            } else {
                ledger[unit.rank].reasons.append(
                    "\(worker): \(description), with \(startedCount) perturbations started"
                )
            }
            if ledger[unit.rank].strikes >= policy.strikesToQuarantine
                || ledger[unit.rank].lostAttempts >= policy.maximumAttempts
            {
                quarantine(unit.rank, by: worker, &actions)
            } else {
                requeue(unit.rank, alone: true, by: worker)
            }
        }
    }

    /// Takes units back from a worker of which nothing is known: no strike, but an attempt.
    private mutating func takeBackFromLost(
        _ worker: WorkerID,
        _ owed: [(lease: LeaseID, unit: OutstandingUnit)],
        _ description: String,
        _ actions: inout [SchedulerAction]
    ) {
        for (lease, unit) in owed where ledger[unit.rank].state.lease == lease {
            guard unit.isStarted else {
                requeue(unit.rank, alone: false, by: worker)
                continue
            }
            ledger[unit.rank].lostAttempts += 1
            ledger[unit.rank].reasons.append("\(worker): \(description)")
            let attempts = ledger[unit.rank].lostAttempts
            if attempts >= policy.maximumAttempts {
                quarantine(unit.rank, by: worker, &actions)
            } else {
                requeue(unit.rank, alone: attempts >= policy.lossesToSolo, by: worker)
            }
        }
    }
}
