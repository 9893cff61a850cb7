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
    /// Ask the worker to give units back unless it has begun them; `returned` tells which it did.
    case revoke(WorkerID, LeaseID, [PerturbationIndex])
    /// Tell the worker that it need not answer for a unit whose row came from elsewhere.
    case cancel(WorkerID, LeaseID, PerturbationIndex)
    /// Tell the worker what becomes of what it offered.
    case answerOffer(WorkerID, OfferVerdict)
    /// End the worker's process, which cannot be asked to stop a fit, and close its link.
    case endProcess(WorkerID, PerturbationIndex, reason: String)
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
    /// Whether the one perturbation named is being fitted elsewhere, too slowly.
    package let isCopy: Bool

    /// Describes a lease.
    package init(
        lease: LeaseID,
        solo: Bool,
        perturbations: [PerturbationIndex],
        isCopy: Bool = false
    ) {
        self.lease = lease
        self.solo = solo
        self.perturbations = perturbations
        self.isCopy = isCopy
    }
}

/// What becomes of the rows that a worker offered.
package struct OfferVerdict: Hashable, Sendable {
    /// The lease under which wanted rows are to be sent; nil when none is wanted.
    package internal(set) var lease: LeaseID?
    /// Rows to send, and fits to go on with.
    package internal(set) var wanted: [PerturbationIndex] = []
    /// Rows that are durable already.
    package internal(set) var durable: [PerturbationIndex] = []
    /// Rows that are written: to be kept by the worker until they are durable.
    package internal(set) var kept: [PerturbationIndex] = []
    /// Rows to forget.
    package internal(set) var unneeded: [PerturbationIndex] = []

    init() {}
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
    /// The same process has a newer connection.
    case superseded

    /// Text for the log and for the worker.
    package var description: String {
        switch self {
        case .silent(let seconds): "nothing was heard from the worker for \(Int(seconds)) s"
        case .runIsEnding: "the run is ending and has no more work"
        case .superseded: "the worker has a newer connection"
        }
    }
}

/// Why a run ends before every perturbation is settled.
package enum StopReason: Hashable, Sendable, CustomStringConvertible {
    /// Worker processes died one after another without a single row in between.
    case tooManyDeaths(count: Int, lastReason: String)
    /// No worker was there for too long while perturbations were waiting.
    case noWorkers(seconds: Double)
    /// Too large a share of the perturbations failed in the same way.
    case commonFailure(reason: String, count: Int, finished: Int)
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
        case .commonFailure(let reason, let count, let finished):
            "\(count) of the first \(finished) perturbations failed in the same way: \(reason)"
        case .drained:
            "stopped early as asked; what is finished is kept"
        }
    }
}
