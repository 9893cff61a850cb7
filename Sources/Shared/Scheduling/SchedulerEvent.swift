/// What can happen to the coordinator's scheduler.
///
/// A worker's `workerLeft` must follow everything read from its link: what arrives later is taken
/// for the message of an ended session, of which only rows still count.
package enum SchedulerEvent: Hashable, Sendable {
    /// A worker was welcomed: it fits on `threads` threads and may use `memoryBytes`.
    ///
    /// `host` names the machine it runs on, so that a retry can go to another one; empty when
    /// unknown.
    case workerJoined(WorkerID, threads: Int, memoryBytes: UInt64, host: String = "")
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
    /// Time passed; to be sent about once a second, and once after the scheduler is made.
    case tick
    /// The run is to stop early: nothing is leased any more.
    case drain
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
