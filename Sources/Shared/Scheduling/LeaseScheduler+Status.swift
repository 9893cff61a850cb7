// What others may know: counts, progress, and the story so far.

/// How far a run is, in units and in cost.
package struct ProgressSnapshot: Hashable, Sendable {
    /// Units with a row or a verdict.
    package let done: Int
    /// All units.
    package let total: Int
    /// Cost of the units done.
    package let doneCost: Double
    /// Cost of all units.
    package let totalCost: Double

    /// Describes how far a run is.
    package init(done: Int, total: Int, doneCost: Double, totalCost: Double) {
        self.done = done
        self.total = total
        self.doneCost = doneCost
        self.totalCost = totalCost
    }
}

/// One connected worker, for a status report.
package struct WorkerStatus: Hashable, Sendable {
    /// The worker's session.
    package let worker: WorkerID
    /// The threads it fits on.
    package let threads: Int
    /// Units it has been given and not answered.
    package let unfinishedCount: Int
    /// Bytes of those units' blocks.
    package let unfinishedBytes: UInt64
    /// Rows it has sent.
    package let finishedCount: Int
    /// Cost finished per second since its first lease; nil before its first row.
    package let ratePerSecond: Double?
    /// Whether it is fitting a unit that must run alone.
    package let isSolo: Bool
}

extension LeaseScheduler {
    /// How many units are in each phase.
    package var counts: UnitCounts { ledger.counts }

    /// Whether every unit has its row or verdict and only the commit to disk is missing.
    ///
    /// A good moment to commit at once instead of waiting for more rows.
    package var waitsOnlyForCommit: Bool {
        ledger.counts.open == 0 && ledger.counts.written > 0
    }

    /// How far the run is.
    package var snapshot: ProgressSnapshot {
        ProgressSnapshot(
            done: ledger.counts.settled + ledger.counts.written,
            total: ledger.counts.total,
            doneCost: ledger.doneCost,
            totalCost: ledger.totalCost
        )
    }

    /// Every perturbation that is not settled, ascending.
    ///
    /// Cost: O(units x log units).
    package var unsettledPerturbations: [PerturbationIndex] {
        ledger.records
            .filter { !$0.state.isSettled }
            .map(\.unit.perturbation)
            .sorted()
    }

    /// The connected workers, in the order they joined.
    package var workerStatuses: [WorkerStatus] {
        roster.workers.sorted { $0.key < $1.key }.map { id, worker in
            WorkerStatus(
                worker: id,
                threads: worker.threads,
                unfinishedCount: worker.unfinishedCount,
                unfinishedBytes: worker.unfinishedBytes,
                finishedCount: worker.finishedCount,
                ratePerSecond: worker.observedRate(now: now),
                isSolo: worker.duty == .solo
            )
        }
    }

    /// The last transitions of units, oldest first.
    package var recentTransitions: [Transition] { ledger.log.ordered }

    /// The phase a perturbation is in; nil when the run has no such perturbation.
    package func phase(of perturbation: PerturbationIndex) -> UnitPhase? {
        ledger.rank(of: perturbation).map { ledger[$0].state }
    }

    /// Process deaths that happened with this perturbation started alone.
    package func strikes(of perturbation: PerturbationIndex) -> Int {
        ledger.rank(of: perturbation).map { ledger[$0].strikes } ?? 0
    }
}
