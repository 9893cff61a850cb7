import Monitoring
import Scheduling

/// How far one stage of a run is, with the rate and the time left that follow from it; what the bar
/// on a terminal and the status page both show.
struct StageProgress: Sendable {
    /// What is going on.
    let stage: String
    /// What is counted.
    let unit: String
    private(set) var snapshot: ProgressSnapshot
    private var estimator: ProgressEstimator

    /// A stage that begins.
    init(_ stage: String, _ snapshot: ProgressSnapshot, unit: String, now: Instant) {
        self.stage = stage
        self.unit = unit
        self.snapshot = snapshot
        estimator = ProgressEstimator(snapshot, now: now)
    }

    /// Takes note of how far the stage is.
    mutating func record(_ snapshot: ProgressSnapshot, now: Instant) {
        self.snapshot = snapshot
        estimator.record(snapshot, now: now)
    }

    /// How far the stage is at a time.
    func progress(now: Instant) -> RunStatus.Progress {
        RunStatus.Progress(
            done: snapshot.done,
            total: snapshot.total,
            unit: unit,
            fraction: estimator.fraction,
            perSecond: estimator.unitsPerSecond(estimator.ratePerSecond(now: now)),
            perSecondOverall: estimator.unitsPerSecond(estimator.overallRatePerSecond(now: now)),
            secondsLeft: estimator.secondsLeft(now: now)
        )
    }
}
