// Who gets what: ordinary batches, largest first, and units that must run alone.

extension LeaseScheduler {
    /// Grants whatever can be granted after an event that concerned one worker.
    mutating func assignWork(to worker: WorkerID?, _ actions: inout [SchedulerAction]) {
        defer { anyoneMayTakeWork = false }
        guard progression == .running else { return }
        assignSolo(&actions)
        if anyoneMayTakeWork {
            for worker in hungriestFirst() {
                topUp(worker, &actions)
            }
        } else if let worker {
            topUp(worker, &actions)
        }
        // With the last ordinary unit granted, every idle worker may take a solo unit.
        if ledger.waiting.count == 0 {
            assignSolo(&actions)
        }
    }

    /// Whether a worker may try a unit: one to be avoided may only when there is nobody else.
    func mayTry(_ rank: Int, _ worker: WorkerID) -> Bool {
        switch ledger[rank].avoidance {
        case .nobody:
            true
        case .worker(let avoided):
            avoided != worker || roster.count == 1
        case .host(let avoided):
            avoided != roster[worker]?.host || !roster.hasHost(otherThan: avoided)
        }
    }

    /// The most workers that serve solo units at a time: half of them while ordinary units wait.
    var soloWorkerLimit: Int {
        ledger.waiting.count == 0 ? roster.count : max(1, roster.count / 2)
    }

    private func hungriestFirst() -> [WorkerID] {
        let hunger = roster.workers.map { id, worker in
            (missing: worker.wantedCount - worker.unfinishedCount, id: id)
        }
        return
            hunger
            .sorted { ($1.missing, $0.id) < ($0.missing, $1.id) }
            .map(\.id)
    }

    /// Leases ordinary units to a worker until it holds one for each thread and one more.
    private mutating func topUp(_ id: WorkerID, _ actions: inout [SchedulerAction]) {
        while let worker = roster[id], worker.duty == .ordinary,
            worker.unfinishedCount < worker.wantedCount
        {
            let (ranks, bytes) = chooseBatch(for: id, worker)
            guard !ranks.isEmpty else { return }
            grant(ranks, bytes: bytes, to: id, as: .ordinary, &actions)
        }
    }

    /// The units of a worker's next lease and the bytes of their blocks; none if nothing fits.
    private func chooseBatch(for id: WorkerID, _ worker: WorkerRecord) -> ([Int], UInt64) {
        let budget = leaseBudget(for: worker)
        var ranks: [Int] = []
        var cost = 0.0
        var bytes: UInt64 = 0
        var position = 0
        while ranks.count < policy.maximumUnitsPerLease,
            let rank = ledger.waiting.next(from: position)
        {
            position = rank + 1
            let unit = ledger[rank].unit
            let held = worker.unfinishedCount + ranks.count
            let isWanted = held < worker.wantedCount
            guard isWanted || cost + unit.cost <= budget else { break }
            let room = worker.blockBytesLimit.subtractingOrZero(worker.unfinishedBytes + bytes)
            guard mayTry(rank, id), held == 0 || unit.blockBytes <= room else {
                // Beyond the minimum a smaller unit is not worth the search.
                guard isWanted else { break }
                continue
            }
            ranks.append(rank)
            cost += unit.cost
            bytes += unit.blockBytes
        }
        return (ranks, bytes)
    }

    /// The cost a lease may have beyond the worker's minimum.
    ///
    /// A share of what waits keeps the end of the run even; a limit in time keeps leases short. A
    /// worker without a finished row has no rate yet and gets the minimum.
    private func leaseBudget(for worker: WorkerRecord) -> Double {
        guard let rate = worker.observedRate(now: now) else { return 0 }
        let share = ledger.waitingCost / Double(max(1, policy.leaseShare * roster.threadCount))
        return min(rate * policy.leaseDuration.nonNegativeSeconds, share)
    }

    mutating func grant(
        _ ranks: [Int],
        bytes: UInt64,
        to worker: WorkerID,
        as kind: LeaseKind,
        _ actions: inout [SchedulerAction]
    ) {
        let lease = roster.openLease(
            for: worker,
            ranks: ranks,
            bytes: bytes,
            kind: kind,
            now: now
        )
        for rank in ranks {
            ledger[rank].leases.append(lease)
            ledger[rank].active.append(lease)
            if ledger[rank].state == .pending {
                ledger.move(rank, to: .leased, by: worker, now: now)
            }
        }
        let perturbations = ranks.map { ledger[$0].unit.perturbation }
        actions.append(
            .grant(
                worker,
                GrantedLease(
                    lease: lease,
                    solo: kind == .solo,
                    perturbations: perturbations,
                    isCopy: kind == .copy
                )
            )
        )
    }

    /// Grants solo units to empty workers, and reserves others so that they become empty.
    private mutating func assignSolo(_ actions: inout [SchedulerAction]) {
        let isReserving = roster.workers.values.contains { $0.duty == .reserved }
        guard !ledger.soloQueue.isEmpty || isReserving else { return }
        let reserved = roster.workers.filter { $0.value.duty == .reserved }.keys
        let candidates = soloCandidates()
        for worker in reserved {
            roster.setDuty(.ordinary, of: worker)
        }
        for worker in candidates {
            guard let rank = ledger.soloQueue.first(where: { mayTry($0, worker) }) else { continue }
            if roster[worker]?.unfinishedCount == 0 {
                let bytes = ledger[rank].unit.blockBytes
                grant([rank], bytes: bytes, to: worker, as: .solo, &actions)
            } else {
                roster.setDuty(.reserved, of: worker)
            }
        }
        // One that is reserved no longer can take ordinary units again.
        if reserved.contains(where: { roster[$0]?.duty == .ordinary }) {
            anyoneMayTakeWork = true
        }
    }

    /// The workers to serve the solo queue: the empty ones, those already reserved, then those with
    /// the least to finish; among equals the one with the most memory, because many of these units
    /// died for want of it.
    private func soloCandidates() -> [WorkerID] {
        let busy = roster.workers.values.count { $0.duty == .solo }
        let wanted = min(soloWorkerLimit - busy, ledger.soloQueue.count)
        guard wanted > 0 else { return [] }
        let eligible = roster.workers.filter { id, worker in
            worker.duty != .solo && worker.duty != .awaitingOffer
                && ledger.soloQueue.contains { mayTry($0, id) }
        }
        let ordered = eligible.sorted { left, right in
            let (a, b) = (left.value, right.value)
            if (a.unfinishedCount == 0) != (b.unfinishedCount == 0) {
                return a.unfinishedCount == 0
            }
            if (a.duty == .reserved) != (b.duty == .reserved) { return a.duty == .reserved }
            if a.unfinishedCount != b.unfinishedCount {
                return a.unfinishedCount < b.unfinishedCount
            }
            return (b.memoryBytes, left.key) < (a.memoryBytes, right.key)
        }
        return ordered.prefix(wanted).map(\.key)
    }
}

extension UInt64 {
    /// The difference, or 0 when it would be negative.
    func subtractingOrZero(_ other: UInt64) -> UInt64 {
        self > other ? self - other : 0
    }
}
