/// What the coordinator has to do, in the order given.
package enum SchedulerAction: Hashable, Sendable {
    /// Send the lease to the worker.
    case grant(WorkerID, GrantedLease)
    /// Write the row that just arrived; `attempt` counts from 1 and goes into the journal.
    case write(PerturbationIndex, from: WorkerID, attempt: Int)
    /// Drop the row that just arrived and return its credit to the worker at once.
    ///
    /// `sameDigest` is false for a duplicate that differs from the row kept: a fit that did not
    /// give the same bytes twice, worth a warning.
    case discard(PerturbationIndex, DiscardReason, sameDigest: Bool)
    /// Record that the perturbation has no row because its fit failed on every try.
    case markFailed(PerturbationIndex, reason: String, attempts: Int)
    /// Record that the perturbation has no row because it was given up, with every reason known.
    case markQuarantined(PerturbationIndex, reasons: [String])
    /// Close the worker's link; what it had goes to others.
    case closeWorker(WorkerID, CloseReason)
    /// Tell every worker to finish what it is fitting and leave.
    case finishWorkers
    /// The run cannot or shall not go on: commit what is written, tell the workers to leave, end.
    case stop(StopReason)
    /// Every perturbation is durable, failed or quarantined: publish.
    case settled
}

/// A batch of perturbations handed to one worker.
package struct GrantedLease: Hashable, Sendable {
    /// The lease's number.
    package let lease: LeaseID
    /// Whether the one perturbation named must be fitted with nothing beside it.
    package let solo: Bool
    /// The perturbations to fit, largest cost first.
    package let perturbations: [PerturbationIndex]

    /// Describes a lease.
    package init(lease: LeaseID, solo: Bool, perturbations: [PerturbationIndex]) {
        self.lease = lease
        self.solo = solo
        self.perturbations = perturbations
    }
}

/// Why a row is not written.
package enum DiscardReason: String, Hashable, Sendable {
    /// A row of this perturbation was taken before.
    case duplicate
    /// The perturbation was failed or quarantined before its row came.
    case late
    /// No lease of this run with that number names such a perturbation.
    case unknown
}

/// Why the coordinator closes a worker's link.
package enum CloseReason: Hashable, Sendable, CustomStringConvertible {
    /// Nothing came from the worker for this many seconds.
    case silent(seconds: Double)
    /// The worker joined when the run had nothing left to give.
    case runIsEnding

    /// Text for the log and for the worker.
    package var description: String {
        switch self {
        case .silent(let seconds): "nothing was heard from the worker for \(Int(seconds)) s"
        case .runIsEnding: "the run is ending and has no more work"
        }
    }
}

/// Why a run ends before every perturbation is settled.
package enum StopReason: Hashable, Sendable, CustomStringConvertible {
    /// Worker processes died one after another without a single row in between.
    case tooManyDeaths(count: Int, lastReason: String)
    /// No worker was there for too long while perturbations were waiting.
    case noWorkers(seconds: Double)
    /// The run was asked to stop, and everything taken is safe on disk.
    case drained

    /// Text for the log and the last line on standard error.
    package var description: String {
        switch self {
        case .tooManyDeaths(let count, let lastReason):
            "\(count) worker processes died in a row without a single row in between; "
                + "the last one: \(lastReason)"
        case .noWorkers(let seconds):
            "no worker was connected for \(Int(seconds)) s while perturbations were waiting"
        case .drained:
            "stopped early as asked; what is finished is kept"
        }
    }
}
