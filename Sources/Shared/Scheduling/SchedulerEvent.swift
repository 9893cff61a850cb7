package import Digests

/// What can happen to the coordinator's scheduler.
///
/// A worker's `workerLeft` must follow everything read from its link: what arrives later is taken
/// for the message of an ended session, of which only rows still count.
package enum SchedulerEvent: Hashable, Sendable {
    /// A worker was welcomed: it fits on `threads` threads and may use `memoryBytes`.
    ///
    /// `host` names the machine it runs on, so that a retry can go to another one; empty when
    /// unknown.
    ///
    /// A session of the same process that is still there ends: the process has but one connection.
    case workerJoined(
        WorkerID,
        threads: Int,
        memoryBytes: UInt64,
        host: String = "",
        identity: WorkerIdentity? = nil
    )
    /// A worker's session ended.
    case workerLeft(WorkerID, Departure)
    /// Some bytes came from a worker, so it is alive.
    case heard(WorkerID)
    /// A worker begins to fit a perturbation of a lease.
    case started(WorkerID, LeaseID, PerturbationIndex)
    /// A complete row came whose length and digest were checked.
    case rowArrived(WorkerID, LeaseID, PerturbationIndex, digest: RowDigest)
    /// The rows of these perturbations, and their journal records, are safe on disk.
    case rowsDurable([PerturbationIndex])
    /// A worker reports that a fit failed, or sent a row that cannot be used.
    case fitFailed(WorkerID, LeaseID, PerturbationIndex, reason: String)
    /// A worker has dropped units that were asked back, or ended fits that were cancelled.
    case returned(WorkerID, LeaseID, [PerturbationIndex])
    /// A worker that has been here before says what rows it holds and what it is fitting.
    case rowsOffered(WorkerID, [OfferedUnit])
    /// Time passed; to be sent about once a second, and once after the scheduler is made.
    case tick
    /// The run is to stop early: nothing is leased any more.
    case drain
}

/// The process behind a session.
package struct WorkerIdentity: Hashable, Sendable {
    /// Names the process; survives its reconnecting.
    package let process: Digest128
    /// How many connections it had before.
    package let incarnation: UInt32
    /// Whether it begins by offering the rows that it holds.
    package let offersRows: Bool

    /// Describes a process.
    package init(process: Digest128, incarnation: UInt32, offersRows: Bool) {
        self.process = process
        self.incarnation = incarnation
        self.offersRows = offersRows
    }
}

/// What a worker brings along from an earlier session.
package struct OfferedUnit: Hashable, Sendable {
    /// The perturbation.
    package let perturbation: PerturbationIndex
    /// Digest of its row; nil while it is still being fitted.
    package let digest: RowDigest?

    /// Describes an offer.
    package init(perturbation: PerturbationIndex, digest: RowDigest?) {
        self.perturbation = perturbation
        self.digest = digest
    }
}

/// How a worker's session ended.
package enum Departure: Hashable, Sendable {
    /// The fitting process died; the text says how, such as `killed by signal 11`.
    case processDied(String)
    /// The connection broke, and nothing is known about the process.
    case networkLost
    /// The worker took its leave and returns what it has not fitted.
    case goodbye
}
