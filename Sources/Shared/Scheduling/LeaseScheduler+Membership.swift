// Who is there: joining, leaving, falling silent, and what becomes of the units of those who left.

extension LeaseScheduler {
    mutating func workerJoined(
        _ worker: WorkerID,
        _ threads: Int,
        _ memoryBytes: UInt64,
        _ host: String,
        _ identity: WorkerIdentity?,
        _ actions: inout [SchedulerAction]
    ) {
        guard roster[worker] == nil else {
            ignoredEventCount += 1
            return
        }
        guard supersede(by: worker, identity, &actions) else { return }
        if let identity, identity.incarnation > 0 { pardon(identity.process, &actions) }
        guard progression == .running else {
            actions.append(.closeWorker(worker, .runIsEnding))
            return
        }
        var record = WorkerRecord(
            host: host,
            threads: max(1, threads),
            memoryBytes: memoryBytes,
            blockBytesLimit: memoryBytes / max(1, policy.memoryDivisor),
            identity: identity,
            joined: now,
            lastHeard: now,
            lastProgress: now
        )
        if identity?.offersRows == true { record.duty = .awaitingOffer }
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
        closeInquests(&actions)
        let owed = roster.remove(worker)
        // A unit that another worker should have tried may have no other worker now.
        anyoneMayTakeWork = true
        switch departure {
        case .processDied(let description):
            deathsSinceRow += 1
            lastDeath = description
            takeBack(from: worker, record, owed, .death(description), &actions)
        case .networkLost:
            let cause = LossCause.silence("the connection was lost")
            takeBack(from: worker, record, owed, cause, &actions)
        case .goodbye:
            for (lease, unit) in owed {
                release(unit.rank, from: lease, alone: false, by: worker, &actions)
            }
        }
    }

    mutating func closeSilentWorkers(_ actions: inout [SchedulerAction]) {
        let limit = policy.silence.wholeNanoseconds
        let silent = roster.workers.filter { now.nanoseconds(since: $0.value.lastHeard) >= limit }
        if !silent.isEmpty { closeInquests(&actions) }
        for worker in silent.keys.sorted() {
            guard let record = roster[worker] else { continue }
            let owed = roster.remove(worker)
            anyoneMayTakeWork = true
            let seconds = now.seconds(since: record.lastHeard)
            actions.append(.closeWorker(worker, .silent(seconds: seconds)))
            let cause = LossCause.silence("nothing was heard for \(Int(seconds)) s")
            takeBack(from: worker, record, owed, cause, &actions)
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
}
