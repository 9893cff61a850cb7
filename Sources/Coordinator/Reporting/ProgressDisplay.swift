import ComputeThreads
import Logging
import Monitoring
import Reporting
import Scheduling

/// Shows how far a run is: a bar on a terminal, a log line now and then elsewhere.
final class ProgressDisplay {
    private let log: Logger
    private let isBar: Bool
    private var progress: StageProgress?
    private var lastShown: UInt64 = 0
    /// Told of every step, whether it is drawn or not.
    var watch: (StageProgress) -> Void = { _ in }

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
        var progress =
            progress?.stage == stage
            ? progress : nil
        if progress == nil { lastShown = isBar ? 0 : now }
        progress = progress ?? StageProgress(stage, snapshot, unit: unit, now: instant)
        progress?.record(snapshot, now: instant)
        self.progress = progress
        guard let progress else { return }
        watch(progress)
        // A bar moves ten times a second; a log gets a line every ten seconds.
        guard now - lastShown >= (isBar ? 100_000_000 : 10_000_000_000) else { return }
        lastShown = now
        let text = line(stage, progress.progress(now: instant))
        if isBar {
            ErrorStream.draw(bar: text)
        } else {
            log.info("\(text)")
        }
    }

    /// Removes the bar.
    func clear() {
        if isBar { ErrorStream.draw(bar: "") }
        progress = nil
    }

    private func line(_ stage: String, _ progress: RunStatus.Progress) -> String {
        var text = "\(stage) "
        if isBar { text += Self.bar(progress.fraction) + " " }
        text += "\(Int(progress.fraction * 100)) %  \(progress.done) of \(progress.total) "
        text += progress.unit
        if let rate = progress.perSecond { text += ", " + Self.rate(rate) }
        if let left = progress.secondsLeft, left > 0 {
            text += ", " + Self.duration(left) + " left"
        }
        return text
    }

    /// A bar of 24 characters.
    static func bar(_ fraction: Double) -> String {
        let filled = Int(fraction * 24)
        return "[" + String(repeating: "#", count: filled)
            + String(repeating: ".", count: 24 - filled) + "]"
    }

    /// A rate for a person: `12/s`, `0.4/s`.
    static func rate(_ perSecond: Double) -> String {
        (perSecond >= 10 ? "\(Int(perSecond))" : oneDecimal(perSecond)) + "/s"
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
