/// What a worker has to do, in the order given.
package enum SessionAction: Hashable, Sendable {
    /// Fetch a whole resource, in as many requests as the protocol needs.
    case fetch(ResourceDemand)
    /// Forget a block: it is no longer needed, or no longer worth fetching.
    case release(String)
    /// Tell the coordinator that a fit begins.
    ///
    /// It must be with the operating system before the `startFit` that follows: a process that
    /// dies without having said what it was doing cannot be told from an innocent one.
    case sendStarted(LeaseID, PerturbationIndex)
    /// Begin to fit on a free thread, from the block named.
    case startFit(PerturbationIndex, lease: LeaseID, block: String)
    /// Send a finished row, then report `rowSent`.
    case sendRow(PerturbationIndex, lease: LeaseID)
    /// Forget a row: it is safe, or of no use any more.
    case forgetRow(PerturbationIndex)
    /// Tell the coordinator that these units will get no answer.
    case sendReturned(LeaseID, [PerturbationIndex])
    /// Tell the coordinator what is left from earlier connections: finished rows, and fits that have
    /// not ended.
    case offerRows([PerturbationIndex], running: [PerturbationIndex])
    /// Look for a coordinator; what is being fitted goes on meanwhile.
    case reconnect(String)
    /// Tell the coordinator that a fit failed.
    case sendFitFailed(LeaseID, PerturbationIndex, reason: String)
    /// Take leave; everything leased and not answered goes back.
    case sendGoodbye(reason: String)
    /// End the process once everything before has left it.
    case exit(SessionExit)
}

/// How a worker's session ended.
package enum SessionExit: Hashable, Sendable {
    /// The worker left in order.
    case finished
    /// The coordinator would not have it; `retry` says whether a later try may succeed.
    case refused(String, retry: Bool)
    /// The link, or what came over it, could not be used; what was leased goes elsewhere.
    case lost(String)
}

/// Where a worker's session is in its life.
package enum SessionPhase: String, Hashable, Sendable, CaseIterable {
    /// Waits for the coordinator's welcome.
    case greeting
    /// Fetches, fits and sends.
    case working
    /// Has lost its link and finishes what it is fitting, to offer the rows later.
    case detached
    /// Finishes what it is fitting and sends what it has.
    case leaving
    /// Is over: every event is ignored.
    case ended
}
