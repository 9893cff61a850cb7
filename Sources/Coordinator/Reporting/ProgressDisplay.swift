import ComputeThreads
import Logging
import Reporting
import Scheduling

/// Shows how far a run is: a bar on a terminal, a log line now and then elsewhere.
final class ProgressDisplay {
    private let log: Logger
    private let isBar: Bool
    private var estimator: ProgressEstimator?
    private var lastShown: UInt64 = 0
    private var stage = ""

    /// A display.
    ///
    /// - Parameters:
    ///   - log: Where progress is told when there is no terminal.
    ///   - isQuiet: Whether no bar is drawn.
    init(log: Logger, isQuiet: Bool) {
        self.log = log
        isBar = ErrorStream.isTerminal && !isQuiet
    }

    /// Shows a step that counts things, such as cells read.
    ///
    /// - Parameters:
    ///   - stage: What is going on.
    ///   - done: Things done.
    ///   - total: All things.
    ///   - unit: What they are called.
    func show(_ stage: String, done: Int, total: Int, unit: String) {
        let snapshot = ProgressSnapshot(
            done: done,
            total: total,
            doneCost: Double(done),
            totalCost: Double(total)
        )
        show(stage, snapshot, unit: unit)
    }

    /// Shows a step by its scheduler's own account.
    func show(_ stage: String, _ snapshot: ProgressSnapshot, unit: String) {
        let now = monotonicNanoseconds()
        let instant = Instant(nanoseconds: now)
        if stage != self.stage {
            self.stage = stage
            estimator = ProgressEstimator(snapshot, now: instant)
            lastShown = 0
            if !isBar { lastShown = now }
        }
        estimator?.record(snapshot, now: instant)
        // A bar moves ten times a second; a log gets a line every ten seconds.
        guard now - lastShown >= (isBar ? 100_000_000 : 10_000_000_000) else { return }
        lastShown = now
        let text = line(stage, snapshot, unit, instant)
        if isBar {
            ErrorStream.draw(bar: text)
        } else {
            log.info("\(text)")
        }
    }

    /// Removes the bar.
    func clear() {
        if isBar { ErrorStream.draw(bar: "") }
        stage = ""
    }

    private func line(
        _ stage: String,
        _ snapshot: ProgressSnapshot,
        _ unit: String,
        _ now: Instant
    ) -> String {
        let fraction = estimator?.fraction ?? 0
        var text = "\(stage) "
        if isBar {
            let filled = Int(fraction * 24)
            text += "[" + String(repeating: "#", count: filled)
            text += String(repeating: ".", count: 24 - filled) + "] "
        }
        text += "\(Int(fraction * 100)) %  \(snapshot.done) of \(snapshot.total) \(unit)"
        if let rate = estimator?.ratePerSecond(now: now), snapshot.doneCost > 0 {
            // Costs are not things: the rate in things follows from the share of the cost done.
            let things = rate * Double(snapshot.done) / snapshot.doneCost
            text += ", " + (things >= 10 ? "\(Int(things))" : Self.oneDecimal(things)) + "/s"
        }
        if let left = estimator?.secondsLeft(now: now), left > 0 {
            text += ", " + Self.duration(left) + " left"
        }
        return text
    }

    private static func oneDecimal(_ value: Double) -> String {
        let tenths = Int((value * 10).rounded())
        return "\(tenths / 10).\(tenths % 10)"
    }

    /// Seconds for a person: `42 s`, `3 min`, `2 h 5 min`.
    static func duration(_ seconds: Double) -> String {
        let whole = Int(min(seconds, 1e9).rounded(.up))
        if whole < 120 { return "\(whole) s" }
        if whole < 7200 { return "\(whole / 60) min" }
        return "\(whole / 3600) h \(whole % 3600 / 60) min"
    }
}
