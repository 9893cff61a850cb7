/// Estimates how fast a run goes and how long it will take, for a progress bar.
///
/// The rate is that of the last minute, so it follows workers that join and leave; while nothing
/// was finished in that time, as with few and large perturbations, it is that of the whole run.
package struct ProgressEstimator: Sendable {
    private struct Sample {
        var instant: Instant
        var doneCost: Double
    }

    private static let samplesPerWindow: UInt64 = 60

    private let windowNanoseconds: UInt64
    private let first: Sample
    private var samples: [Sample]
    private var latest: ProgressSnapshot

    /// Starts to watch a run.
    ///
    /// - Parameters:
    ///   - snapshot: How far the run is now; what is done already does not count into the rate.
    ///   - now: The time of the snapshot.
    ///   - window: The time the rate is taken over.
    package init(_ snapshot: ProgressSnapshot, now: Instant, window: Duration = .seconds(60)) {
        windowNanoseconds = max(1, window.wholeNanoseconds)
        first = Sample(instant: now, doneCost: snapshot.doneCost)
        samples = [first]
        latest = snapshot
    }

    /// Takes note of how far the run is; as often as one likes, in order of time.
    package mutating func record(_ snapshot: ProgressSnapshot, now: Instant) {
        latest = snapshot
        let sample = Sample(instant: now, doneCost: snapshot.doneCost)
        // Close samples are merged, which bounds how many there are. The first one stays.
        if samples.count >= 2,
            now.nanoseconds(since: samples[samples.count - 2].instant)
                < windowNanoseconds / Self.samplesPerWindow
        {
            samples[samples.count - 1] = sample
        } else {
            samples.append(sample)
        }
        // One sample at or before the window's beginning stays, to measure from.
        let outside = samples.prefix {
            now.nanoseconds(since: $0.instant) >= windowNanoseconds
        }
        samples.removeFirst(max(0, outside.count - 1))
    }

    /// The share of the cost that is done, from 0 to 1; 1 when there is nothing to do.
    package var fraction: Double {
        guard latest.totalCost > 0 else { return latest.done >= latest.total ? 1 : 0 }
        return min(1, max(0, latest.doneCost / latest.totalCost))
    }

    /// Cost per second at a time; nil while nothing was finished.
    package func ratePerSecond(now: Instant) -> Double? {
        rate(since: samples[0], now: now) ?? rate(since: first, now: now)
    }

    /// Cost per second since the watching began; nil while nothing was finished.
    package func overallRatePerSecond(now: Instant) -> Double? { rate(since: first, now: now) }

    /// Units per second at a rate of cost per second; nil while nothing was finished.
    ///
    /// Costs are not units: what a unit costs on average follows from those done.
    package func unitsPerSecond(_ costPerSecond: Double?) -> Double? {
        guard let costPerSecond, latest.doneCost > 0 else { return nil }
        return costPerSecond * Double(latest.done) / latest.doneCost
    }

    /// Seconds until everything is done at the present rate; nil while nothing was finished.
    package func secondsLeft(now: Instant) -> Double? {
        let left = max(0, latest.totalCost - latest.doneCost)
        guard latest.done < latest.total else { return 0 }
        return ratePerSecond(now: now).map { left / $0 }
    }

    private func rate(since sample: Sample, now: Instant) -> Double? {
        let seconds = now.seconds(since: sample.instant)
        let cost = latest.doneCost - sample.doneCost
        return seconds > 0 && cost > 0 ? cost / seconds : nil
    }
}
