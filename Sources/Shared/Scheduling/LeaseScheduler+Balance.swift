// The end of a run: work that waits behind a busy worker is asked back for idle ones, and what takes
// far too long is fitted a second time elsewhere.

extension LeaseScheduler {
    /// Asks back and copies, once nothing waits any more.
    mutating func balance(_ event: SchedulerEvent, _ actions: inout [SchedulerAction]) {
        guard progression == .running, ledger.waiting.count == 0 else { return }
        askBack(&actions)
        if case .tick = event, ledger.soloQueue.isEmpty { copyStragglers(&actions) }
    }

    // MARK: - Asking back

    /// Asks busy workers for as many unstarted units as idle threads could begin at once.
    private mutating func askBack(_ actions: inout [SchedulerAction]) {
        let idle = idleWorkers()
        var wanted = idle.reduce(0) { $0 + $1.record.idleThreads } - unitsAskedBack
        guard wanted > 0 else { return }
        // Those with the longest queues for their threads wait longest for their last unit.
        let busy = roster.workers
            .filter { $0.value.duty == .ordinary || $0.value.duty == .reserved }
            .sorted { left, right in
                let (a, b) = (queueLength(left.value), queueLength(right.value))
                return (b, left.key) < (a, right.key)
            }
        for (id, record) in busy where wanted > 0 {
            let spare = spareUnits(of: id, record, for: idle, atMost: wanted)
            wanted -= spare.count
            var byLease: [LeaseID: [PerturbationIndex]] = [:]
            for (rank, lease) in spare {
                roster.markAskedBack(rank, lease: lease)
                ledger[rank].revocations += 1
                byLease[lease, default: []].append(ledger[rank].unit.perturbation)
            }
            for (lease, perturbations) in byLease.sorted(by: { $0.key < $1.key }) {
                actions.append(.revoke(id, lease, perturbations))
            }
        }
    }

    /// Whether something could be asked back and is not; never so after an event.
    var couldAskBack: Bool {
        let idle = idleWorkers()
        guard idle.reduce(0, { $0 + $1.record.idleThreads }) > unitsAskedBack else { return false }
        return roster.workers.contains { id, worker in
            (worker.duty == .ordinary || worker.duty == .reserved)
                && !spareUnits(of: id, worker, for: idle, atMost: 1).isEmpty
        }
    }

    private var unitsAskedBack: Int {
        roster.leases.values.reduce(0) { $0 + $1.outstanding.count { $0.isAskedBack } }
    }

    private func queueLength(_ worker: WorkerRecord) -> Double {
        Double(worker.unfinishedCount) / Double(worker.threads)
    }

    /// Workers that could begin something at once, those with the most free threads first.
    private func idleWorkers() -> [(id: WorkerID, record: WorkerRecord)] {
        roster.workers
            .filter { $0.value.duty == .ordinary && $0.value.idleThreads > 0 }
            .sorted { ($1.value.idleThreads, $0.key) < ($0.value.idleThreads, $1.key) }
            .map { ($0.key, $0.value) }
    }

    private func couldTake(_ rank: Int, _ id: WorkerID, _ worker: WorkerRecord) -> Bool {
        let room = worker.blockBytesLimit.subtractingOrZero(worker.unfinishedBytes)
        return mayTry(rank, id)
            && (worker.unfinishedCount == 0 || ledger[rank].unit.blockBytes <= room)
    }

    /// Units that a worker has not begun and will not begin soon, the last ones first.
    private func spareUnits(
        of id: WorkerID,
        _ worker: WorkerRecord,
        for idle: [(id: WorkerID, record: WorkerRecord)],
        atMost limit: Int
    ) -> [(rank: Int, lease: LeaseID)] {
        let owed = worker.leases.flatMap { lease in
            (roster.leases[lease]?.outstanding ?? []).map { (lease: lease, unit: $0) }
        }
        // What is asked back already leaves the queue, what its threads can take stays.
        let asked = owed.count { $0.unit.isAskedBack }
        var excess = worker.unfinishedCount - asked - worker.threads
        var spare: [(rank: Int, lease: LeaseID)] = []
        for (lease, unit) in owed.reversed() where spare.count < limit {
            let record = ledger[unit.rank]
            let isLate = now.nanoseconds(since: unit.granted) > policy.stragglerAge.wholeNanoseconds
            guard !unit.isStarted, !unit.isAskedBack, record.active == [lease],
                roster.leases[lease]?.kind == .ordinary, excess > 0 || isLate,
                record.revocations < policy.revocationsPerUnit,
                idle.contains(where: { $0.id != id && couldTake(unit.rank, $0.id, $0.record) })
            else { continue }
            excess -= 1
            spare.append((unit.rank, lease))
        }
        return spare
    }

    // MARK: - Copies

    /// Gives what takes far too long to a second worker.
    private mutating func copyStragglers(_ actions: inout [SchedulerAction]) {
        var free = max(1, roster.threadCount / max(1, policy.slotsPerCopy)) - copiesOut
        guard free > 0, fitTimes.count >= policy.fitsToPredict else { return }
        for (rank, holder) in stragglers() where free > 0 {
            guard let helper = helper(for: rank, besides: holder) else { continue }
            free -= 1
            let bytes = ledger[rank].unit.blockBytes
            grant([rank], bytes: bytes, to: helper, as: .copy, &actions)
        }
    }

    private var copiesOut: Int {
        roster.leases.values.count { $0.kind == .copy }
    }

    /// Units that run far longer than others of their size, longest first.
    private func stragglers() -> [(rank: Int, holder: WorkerID)] {
        var found: [(started: Instant, rank: Int, holder: WorkerID)] = []
        for (lease, record) in roster.leases where record.kind != .solo {
            for unit in record.outstanding {
                guard let started = unit.started, ledger[unit.rank].active == [lease],
                    !ledger[unit.rank].mustRunAlone,
                    let usual = fitTimes.seconds(cost: ledger[unit.rank].unit.cost, share: 0.9)
                else { continue }
                let patience = max(
                    policy.stragglerFactor * usual,
                    policy.stragglerAge.nonNegativeSeconds
                )
                if now.seconds(since: started) > patience {
                    found.append((started, unit.rank, record.worker))
                }
            }
        }
        return found.sorted { ($0.started, $0.rank) < ($1.started, $1.rank) }
            .map { ($0.rank, $0.holder) }
    }

    /// An idle worker, of another machine if there is one.
    private func helper(for rank: Int, besides holder: WorkerID) -> WorkerID? {
        let able = idleWorkers().filter { $0.id != holder && couldTake(rank, $0.id, $0.record) }
        let host = roster[holder]?.host
        return (able.first { $0.record.host != host } ?? able.first)?.id
    }

    /// Tells everybody else who has a unit that its row is here.
    mutating func cancelOthers(_ rank: Int, _ actions: inout [SchedulerAction]) {
        let perturbation = ledger[rank].unit.perturbation
        for lease in ledger[rank].active {
            guard let record = roster.leases[lease],
                record.outstanding.contains(where: { $0.rank == rank })
            else { continue }
            actions.append(.cancel(record.worker, lease, perturbation))
        }
        ledger[rank].active = []
    }
}
