// What must hold after every event. Meant for tests: it looks at everything.

extension LeaseScheduler {
    /// Checks that the state is consistent and that no worker is idle for want of a decision.
    ///
    /// - Returns: One sentence for each violation; empty when all is well.
    ///
    /// Cost: O(units x workers).
    package func checkInvariants() -> [String] {
        var violations: [String] = []
        checkUnits(&violations)
        checkLeases(&violations)
        checkWorkers(&violations)
        if progression == .running {
            checkNothingIsIdle(&violations)
        }
        let isSettled = ledger.counts.settled == ledger.counts.total
        if progression == .settled && !isSettled {
            violations.append("the run is called settled with units open")
        }
        return violations
    }

    private func checkUnits(_ violations: inout [String]) {
        var counted = UnitCounts()
        var waitingCost = 0.0
        for (rank, record) in ledger.records.enumerated() {
            let name = record.unit.perturbation.description
            counted[record.state] += 1
            let isPending = record.state == .pending
            let isWaiting = ledger.waiting.contains(rank)
            let soloPlaces = ledger.soloQueue.count { $0 == rank }
            if isWaiting != (isPending && !record.mustRunAlone)
                || soloPlaces != (isPending && record.mustRunAlone ? 1 : 0)
            {
                violations.append("\(name) is not in exactly the queue it belongs to")
            }
            waitingCost += isWaiting ? record.unit.cost : 0
            checkWhereabouts(rank, record, &violations)
            if record.state == .pending,
                record.strikes >= policy.strikesToQuarantine
                    || record.lostAttempts >= policy.maximumAttempts
                    || record.fitFailures >= policy.fitTries
            {
                violations.append("\(name) has had its attempts and is still tried")
            }
            if record.strikes > record.lostAttempts {
                violations.append("\(name) has more strikes than lost attempts")
            }
        }
        if counted != ledger.counts {
            violations.append("counts \(ledger.counts) are not the units' \(counted)")
        }
        if abs(waitingCost - ledger.waitingCost) > 1e-6 * max(1, ledger.totalCost) {
            violations.append("the waiting cost is not the sum of the waiting units")
        }
    }

    private func checkWhereabouts(
        _ rank: Int,
        _ record: UnitRecord,
        _ violations: inout [String]
    ) {
        let name = record.unit.perturbation.description
        let isOut = record.state == .leased || record.state == .started
        if isOut == record.active.isEmpty || record.active.count > 2 {
            violations.append("\(name) is \(record.state) on \(record.active.count) leases")
        }
        for lease in record.active {
            let out = roster.leases[lease]?.outstanding.count { $0.rank == rank } ?? 0
            let inquired = inquests.count { inquest in
                inquest.started.contains { $0.lease == lease && $0.rank == rank }
            }
            if out + inquired != 1 {
                violations.append("\(name) is out on \(lease), which does not name it once")
            }
        }
        let isBegun = record.active.contains { self.isBegun(rank, lease: $0) }
        if isOut, isBegun != (record.state == .started) {
            violations.append("\(name) is \(record.state) but its leases disagree")
        }
    }

    private func checkLeases(_ violations: inout [String]) {
        for (id, lease) in roster.leases {
            guard let worker = roster[lease.worker] else {
                violations.append("\(id) is with \(lease.worker), who is absent")
                continue
            }
            if worker.leases.count(where: { $0 == id }) != 1 {
                violations.append("\(id) is not listed once by its worker")
            }
            if lease.outstanding.isEmpty {
                violations.append("\(id) is open with nothing outstanding")
            }
            for unit in lease.outstanding {
                let record = ledger[unit.rank]
                let isSuperseded = record.state == .written || record.state == .durable
                let isBrought = lease.kind == .rejoin
                if !record.active.contains(id) && !isSuperseded && !isBrought {
                    violations.append("\(id) names a unit that is \(record.state)")
                }
            }
        }
    }

    private func checkWorkers(_ violations: inout [String]) {
        var threads = 0
        for (id, worker) in roster.workers {
            threads += worker.threads
            let owed = worker.leases.flatMap { roster.leases[$0]?.outstanding ?? [] }
            let bytes = owed.reduce(0) { $0 + ledger[$1.rank].unit.blockBytes }
            if owed.count != worker.unfinishedCount || bytes != worker.unfinishedBytes {
                violations.append("\(id) does not hold what its leases say")
            }
            // What a worker brought along is not held against it.
            let rejoined = worker.leases.contains { roster.leases[$0]?.kind == .rejoin }
            if bytes > worker.blockBytesLimit && owed.count > 1 && !rejoined {
                violations.append("\(id) holds more blocks than its memory allows")
            }
            let soloLeases = worker.leases.count { roster.leases[$0]?.kind == .solo }
            if (worker.duty == .solo) != (soloLeases == 1) || soloLeases > 1 {
                violations.append("\(id) is on duty \(worker.duty) with \(soloLeases) solo leases")
            }
            if soloLeases > 0 && owed.count != 1 && !rejoined {
                violations.append("\(id) has something beside a unit that must run alone")
            }
        }
        if threads != roster.threadCount {
            violations.append("the thread count is not the workers' sum")
        }
    }

    private func checkNothingIsIdle(_ violations: inout [String]) {
        for (id, worker) in roster.workers
        where worker.duty == .ordinary && worker.unfinishedCount < worker.wantedCount {
            let room = worker.blockBytesLimit.subtractingOrZero(worker.unfinishedBytes)
            let couldTake = ledger.records.indices.contains { rank in
                ledger.waiting.contains(rank) && mayTry(rank, id)
                    && (worker.unfinishedCount == 0 || ledger[rank].unit.blockBytes <= room)
            }
            if couldTake {
                violations.append("\(id) holds too little while units wait")
            }
        }
        let serving = roster.workers.values.contains { $0.duty != .ordinary }
        if ledger.waiting.count == 0 && couldAskBack {
            violations.append("units wait behind a busy worker and another one is idle")
        }
        if !ledger.soloQueue.isEmpty && roster.count > 0 && !serving {
            violations.append("units wait to run alone and no worker is kept for them")
        }
        let reserved = roster.workers.values.count { $0.duty == .reserved }
        if ledger.soloQueue.isEmpty && reserved > 0 {
            violations.append("a worker is kept for units that must run alone, and there are none")
        }
    }
}
