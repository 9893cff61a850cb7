import ComputeThreads
import Logging
import Reporting
import Synchronization

/// Passes on what the workers of other machines say, each line with the machine's name.
///
/// The lines are the machine's own log lines, or what `ssh` says. A machine that talks without end
/// is cut short, so that it can neither drown the others nor fill the disk.
final class HostLog: Sendable {
    private let name: String
    private let format: LogFormat
    private let log: Logger
    private let budget = Mutex(LineBudget())

    init(name: String, format: LogFormat, log: Logger) {
        self.name = name
        self.format = format
        self.log = log
    }

    /// Passes on one line; callable from any thread.
    func say(_ line: String) {
        let now = monotonicNanoseconds()
        switch budget.withLock({ $0.verdict(nanoseconds: now) }) {
        case .drop: return
        case .pass(let dropped):
            if dropped > 0 { write("(\(dropped) lines left out)") }
            write(line)
        }
    }

    private func write(_ line: String) {
        switch format {
        case .text: ErrorStream.write("\(name)| \(line)\n")
        case .json: log.notice("a worker says", metadata: ["host": "\(name)", "line": "\(line)"])
        }
    }
}

/// How many lines a machine may say: a few hundred in ten seconds.
package struct LineBudget: Sendable {
    /// What happens to a line.
    package enum Verdict: Equatable, Sendable {
        /// It is shown, after a word on how many were not.
        case pass(dropped: Int)
        /// It is not shown.
        case drop
    }

    /// Lines of one interval.
    package static let lines = 200
    private static let interval: UInt64 = 10_000_000_000

    private var start: UInt64 = 0
    private var count = 0
    private var dropped = 0

    /// A budget of which nothing is spent.
    package init() {}

    /// What to do with a line that comes now.
    package mutating func verdict(nanoseconds now: UInt64) -> Verdict {
        if now >= start + Self.interval {
            start = now
            count = 0
        }
        guard count < Self.lines else {
            dropped += 1
            return .drop
        }
        count += 1
        defer { dropped = 0 }
        return .pass(dropped: dropped)
    }
}
