// Workers that were here before: one connection for each process, and rows that need no second fit.

extension LeaseScheduler {
    /// Ends the earlier session of a process; false when the new one is the older of the two.
    mutating func supersede(
        by worker: WorkerID,
        _ identity: WorkerIdentity?,
        _ actions: inout [SchedulerAction]
    ) -> Bool {
        guard let identity else { return true }
        let others = roster.workers.filter { $0.value.identity?.process == identity.process }
        for (id, record) in others.sorted(by: { $0.key < $1.key }) {
            guard let incarnation = record.identity?.incarnation,
                incarnation < identity.incarnation
            else {
                actions.append(.closeWorker(worker, .superseded))
                return false
            }
            actions.append(.closeWorker(id, .superseded))
            // The process is alive: nothing that it was fitting is to blame for anything.
            for (lease, unit) in roster.remove(id) {
                release(unit.rank, from: lease, alone: false, by: id, &actions)
            }
            anyoneMayTakeWork = true
        }
        return true
    }

    /// Takes in what a worker kept from an earlier session.
    mutating func rowsOffered(
        _ worker: WorkerID,
        _ offers: [OfferedUnit],
        _ actions: inout [SchedulerAction]
    ) {
        guard let record = roster[worker] else {
            ignoredEventCount += 1
            return
        }
        roster.heard(worker, now: now)
        if record.duty == .awaitingOffer {
            roster.setDuty(.ordinary, of: worker)
            anyoneMayTakeWork = true
        }
        var verdict = OfferVerdict()
        var wanted: [Brought] = []
        for offer in offers {
            switch use(of: offer) {
            case .want(let rank):
                wanted.append(Brought(rank: rank, isRunning: offer.digest == nil, isOpen: true))
                verdict.wanted.append(offer.perturbation)
            case .occupies(let rank):
                wanted.append(Brought(rank: rank, isRunning: true, isOpen: false))
                verdict.wanted.append(offer.perturbation)
            case .isDurable: verdict.durable.append(offer.perturbation)
            case .keep: verdict.kept.append(offer.perturbation)
            case .forget: verdict.unneeded.append(offer.perturbation)
            }
        }
        if !wanted.isEmpty { verdict.lease = takeOver(wanted, from: worker) }
        actions.append(.answerOffer(worker, verdict))
        if let lease = verdict.lease {
            for unit in wanted where !unit.isOpen {
                let perturbation = ledger[unit.rank].unit.perturbation
                actions.append(.cancel(worker, lease, perturbation))
            }
        }
    }

    /// A row or fit that a worker brings along.
    private struct Brought {
        let rank: Int
        let isRunning: Bool
        /// Whether its row is wanted.
        let isOpen: Bool
    }

    private enum OfferUse {
        case want(Int)
        /// The fit is of no use, but takes a thread until it ends, and may never do so.
        case occupies(Int)
        case isDurable
        case keep
        case forget
    }

    private func use(of offer: OfferedUnit) -> OfferUse {
        guard let rank = ledger.rank(of: offer.perturbation) else { return .forget }
        let record = ledger[rank]
        if offer.digest == nil, record.state.isSettled || record.state == .written {
            return .occupies(rank)
        }
        switch record.state {
        case .pending, .leased, .started:
            // Two others have it already: a third would only add to what may go wrong.
            if record.active.count < 2 { return .want(rank) }
            return offer.digest == nil ? .occupies(rank) : .forget
        case .written:
            return record.digest == offer.digest ? .keep : .forget
        case .durable:
            // The digest of a row from an earlier run is the journal's business.
            return record.digest == nil || record.digest == offer.digest ? .isDurable : .forget
        case .failed, .quarantined:
            return .forget
        }
    }

    /// Puts what a worker holds or is fitting on a lease of its own.
    private mutating func takeOver(
        _ units: [Brought],
        from worker: WorkerID
    ) -> LeaseID {
        let lease = roster.openLease(
            for: worker,
            ranks: units.map(\.rank),
            bytes: units.reduce(0) { $0 + ledger[$1.rank].unit.blockBytes },
            kind: .rejoin,
            now: now
        )
        for unit in units {
            let rank = unit.rank
            ledger[rank].leases.append(lease)
            if unit.isOpen { ledger[rank].active.append(lease) }
            if unit.isOpen, ledger[rank].state == .pending {
                ledger.move(rank, to: .leased, by: worker, now: now)
            }
            guard unit.isRunning else { continue }
            _ = roster.markStarted(rank, lease: lease, worker: worker, now: now)
            if unit.isOpen, ledger[rank].state == .leased {
                ledger.move(rank, to: .started, by: worker, now: now)
            }
        }
        return lease
    }

    /// Gives work to workers that should have said what they hold and did not.
    mutating func stopAwaitingOffers() {
        let limit = policy.offerPatience.wholeNanoseconds
        for (id, worker) in roster.workers
        where worker.duty == .awaitingOffer && now.nanoseconds(since: worker.joined) >= limit {
            roster.setDuty(.ordinary, of: id)
            anyoneMayTakeWork = true
        }
    }
}
