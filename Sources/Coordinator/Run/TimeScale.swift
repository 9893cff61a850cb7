import Glibc

/// Shortens the waiting times of a run for fault tests: `CRISPYX_TIME_SCALE=0.05` makes them a
/// twentieth.
///
/// It holds for heartbeats, the silence limit, group commits, the wait of a stopping run and the
/// owner's sign of life; results do not depend on any of them.
enum TimeScale {
    private static let factor: Double = {
        guard let value = getenv("CRISPYX_TIME_SCALE"), let scale = Double(String(cString: value)),
            scale > 0, scale <= 1
        else { return 1 }
        return scale
    }()

    /// A waiting time, shortened but never below 10 ms.
    static func milliseconds(_ full: Int) -> Int {
        factor == 1 ? full : max(10, Int(Double(full) * factor))
    }
}
