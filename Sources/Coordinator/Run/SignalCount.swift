package import ChildProcesses
package import Scheduling

/// What another signal means, once one has asked the run to stop.
///
/// Batch systems send the same signal twice within moments, to the job and to its step; that is one
/// request. Anybody who asks later, or by another signal, does not want to wait any more.
package struct SignalCount: Sendable {
    /// What to do about a signal.
    package enum Answer: Equatable, Sendable {
        /// Stop in order.
        case stop
        /// Nothing: it was asked for already.
        case ignore
        /// End at once; what is journalled is kept.
        case leave
    }

    /// Signals of one kind within this time are one request.
    private static let echo = Duration.seconds(1)
    private var first: (signal: WatchedSignal, time: Instant)?

    /// No signal so far.
    package init() {}

    /// Takes a signal in and says what to do about it.
    package mutating func arrived(_ signal: WatchedSignal, now: Instant) -> Answer {
        guard let first else {
            first = (signal, now)
            return .stop
        }
        return signal == first.signal && now < first.time + Self.echo ? .ignore : .leave
    }
}
