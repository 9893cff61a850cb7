/// A point in time of a monotonic clock, in nanoseconds since an arbitrary start.
///
/// The state machines never read a clock: whoever runs them passes the time in, so a test can make
/// any time it likes.
package struct Instant: Hashable, Comparable, Sendable {
    /// Nanoseconds since the clock's start.
    package let nanoseconds: UInt64

    /// The clock's start.
    package static let zero = Instant(nanoseconds: 0)

    /// Makes a point in time.
    package init(nanoseconds: UInt64) {
        self.nanoseconds = nanoseconds
    }

    /// Orders points in time, earliest first.
    package static func < (left: Instant, right: Instant) -> Bool {
        left.nanoseconds < right.nanoseconds
    }

    /// The point in time a non-negative duration after another; stops at the clock's end.
    package static func + (instant: Instant, duration: Duration) -> Instant {
        let (sum, overflow) = instant.nanoseconds.addingReportingOverflow(duration.wholeNanoseconds)
        return Instant(nanoseconds: overflow ? .max : sum)
    }

    /// Nanoseconds from an earlier point in time to this one; 0 when the other is later.
    package func nanoseconds(since earlier: Instant) -> UInt64 {
        nanoseconds > earlier.nanoseconds ? nanoseconds - earlier.nanoseconds : 0
    }

    /// Seconds from an earlier point in time to this one; 0 when the other is later.
    package func seconds(since earlier: Instant) -> Double {
        Double(nanoseconds(since: earlier)) / 1e9
    }
}

extension Duration {
    /// The duration in nanoseconds: 0 when negative, `UInt64.max` when longer than 584 years.
    var wholeNanoseconds: UInt64 {
        let parts = components
        guard parts.seconds >= 0, parts.attoseconds >= 0 else { return 0 }
        let (whole, overflow) = UInt64(parts.seconds).multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, carry) = whole.addingReportingOverflow(
            UInt64(parts.attoseconds) / 1_000_000_000
        )
        return overflow || carry ? .max : sum
    }

    /// The duration in seconds; 0 when negative.
    var nonNegativeSeconds: Double { Double(wholeNanoseconds) / 1e9 }
}
