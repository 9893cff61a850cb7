/// Every limit and waiting time of the scheduler, in one place.
package struct SchedulingPolicy: Equatable, Sendable {
    /// The work of one lease beyond a worker's minimum, as time at the worker's observed rate.
    package var leaseDuration: Duration = .seconds(30)
    /// A lease takes at most the waiting cost divided by this number times all workers' threads.
    package var leaseShare = 4
    /// The most units one lease names, so that its message stays small.
    package var maximumUnitsPerLease = 256
    /// A worker's unfinished blocks take at most its memory divided by this number.
    package var memoryDivisor: UInt64 = 2
    /// How long a worker may be silent before its session is closed.
    package var silence: Duration = .seconds(60)
    /// How long the run waits without any worker while units are pending.
    package var noWorkerTimeout: Duration = .seconds(1800)
    /// Process deaths with a unit started alone after which the unit is quarantined.
    package var strikesToQuarantine = 2
    /// Attempts lost or failed after which a unit is quarantined, whoever was to blame.
    package var maximumAttempts = 5
    /// Attempts lost after which a unit is retried alone even if no process death was seen.
    ///
    /// It keeps the verdict of `maximumAttempts` about the unit and not about its neighbours.
    package var lossesToSolo = 2
    /// Fits that report failure before the unit is failed for good.
    package var fitTries = 2
    /// Process deaths in a row, without a row in between, that stop the run.
    package var deathsToStop = 20
    /// How often a unit that nobody has begun may be asked back for an idle worker.
    package var revocationsPerUnit = 3
    /// A fit is copied when it takes this many times what nine of ten fits of its size took.
    package var stragglerFactor = 3.0
    /// No fit is copied, and no unstarted unit of a worker with free threads asked back, earlier.
    package var stragglerAge: Duration = .seconds(60)
    /// At most one of this many slots fits a copy; one may always.
    package var slotsPerCopy = 10
    /// Finished fits without which nothing can be said about how long others take.
    package var fitsToPredict = 3
    /// How long a fit may take before its process is ended.
    package var fitTimeout: Duration = .seconds(1800)
    /// A fit may always take this many times what is usual for its size.
    package var fitTimeoutFactor = 10.0
    /// Workers of one machine that vanish within this time are lost with the machine.
    package var hostLossWindow: Duration = .seconds(5)
    /// Losses of a machine that a unit survives before they count as attempts.
    package var hostLossesForgiven = 2
    /// How long a worker that has been here before may take to say what it holds.
    package var offerPatience: Duration = .seconds(10)
    /// Finished units before their failures can stop the run.
    package var finishedToStop = 20
    /// The share of finished units that may fail for one reason.
    package var failureShare = 0.1
    /// How many transitions are kept for diagnostics.
    package var transitionLogCapacity = 1024

    /// The limits that suit a real run.
    package init() {}
}
