// What somebody who watches a run sees beyond counts: who fits what, and what goes wrong.

/// A lease with something outstanding, for a status report.
package struct OpenLease: Hashable, Sendable {
    /// The lease.
    package let lease: LeaseID
    /// Who has it.
    package let worker: WorkerID
    /// Units of it that are not answered.
    package let unfinishedCount: Int
    /// Of those, the units being fitted.
    package let running: [PerturbationIndex]
}

/// A unit that lost attempts and is not settled, for a status report.
package struct TroubledUnit: Hashable, Sendable {
    /// The unit.
    package let perturbation: PerturbationIndex
    /// Where it is in its life.
    package let phase: UnitPhase
    /// Attempts that began and gave no row.
    package let lostAttempts: Int
    /// Process deaths with this unit started alone.
    package let strikes: Int
    /// What happened last.
    package let lastReason: String
}

extension LeaseScheduler {
    /// The leases with something outstanding, oldest first.
    package var openLeases: [OpenLease] {
        roster.leases.sorted { $0.key < $1.key }.map { id, lease in
            OpenLease(
                lease: id,
                worker: lease.worker,
                unfinishedCount: lease.outstanding.count,
                running: lease.outstanding.filter(\.isStarted).map {
                    ledger[$0.rank].unit.perturbation
                }
            )
        }
    }

    /// Seconds since a worker was heard of; nil when it is not connected.
    package func silence(of worker: WorkerID, now: Instant) -> Double? {
        roster[worker].map { now.seconds(since: $0.lastHeard) }
    }

    /// Rows that a connected worker has sent; 0 when it is not connected.
    package func finishedCount(of worker: WorkerID) -> Int { roster[worker]?.finishedCount ?? 0 }

    /// Units that lost attempts and are not settled, the most struck first.
    ///
    /// Cost: O(units).
    package func troubledUnits(atMost count: Int) -> [TroubledUnit] {
        let troubled = ledger.records.filter { $0.lostAttempts > 0 && !$0.state.isSettled }
        let worst = troubled.sorted {
            ($1.strikes, $1.lostAttempts, $0.unit.perturbation)
                < ($0.strikes, $0.lostAttempts, $1.unit.perturbation)
        }
        return worst.prefix(count).map { record in
            TroubledUnit(
                perturbation: record.unit.perturbation,
                phase: record.state,
                lostAttempts: record.lostAttempts,
                strikes: record.strikes,
                lastReason: record.reasons.last ?? ""
            )
        }
    }
}
