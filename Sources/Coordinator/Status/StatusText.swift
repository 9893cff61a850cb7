import ChildProcesses
import Foundation
package import Monitoring
import NodeTopology

/// A status for a terminal: aligned, with everything from elsewhere made harmless.
package struct StatusText {
    private static let longestName = 60
    private static let longestReason = 160

    /// The text, every line ended.
    package private(set) var text = ""

    /// The text of one status.
    package init(_ status: RunStatus) {
        line("run", "\(clean(status.method)) of \(status.input.map(clean) ?? "a screen")")
        line("state", state(status))
        if let progress = status.progress { describe(progress, status) }
        if let perturbations = status.perturbations { describe(perturbations) }
        if let memory = status.memory {
            line("memory", "\(size(memory.residentBytes)) here, limit \(size(memory.limitBytes))")
        }
        if let traffic = status.traffic {
            line(
                "on the way",
                "rows \(size(Int(clamping: traffic.rowBytes))), blocks "
                    + size(Int(clamping: traffic.blockBytes))
            )
        }
        if let output = status.output { line("result", clean(output)) }
        line("record", clean(status.runDirectory))
        describeWorkers(status)
        describeTrouble(status)
        describeDepartures(status)
        if let remedy = status.remedy { line("next", clean(remedy, longest: 4096)) }
    }

    // MARK: - Parts

    private func state(_ status: RunStatus) -> String {
        var words: [String]
        switch status.standing {
        case .live: words = [status.phase?.rawValue ?? "running"]
        case .stopped: words = ["stopped, can be resumed"]
        case .finished: words = [status.givenUp.isEmpty ? "finished" : "finished, with losses"]
        case .elsewhere: words = ["of another machine, may be running"]
        }
        if let process = status.process, status.standing == .live || status.standing == .elsewhere {
            words.append("process \(process) on \(clean(status.host ?? "this machine"))")
        }
        if let started = status.startedAt { words.append("since \(clean(started))") }
        if let seconds = status.elapsedSeconds {
            words.append("(\(ProgressDisplay.duration(max(0, seconds))))")
        }
        return words.joined(separator: ", ").replacing(", (", with: " (")
    }

    private mutating func describe(_ progress: RunStatus.Progress, _ status: RunStatus) {
        let fraction = min(1, max(0, progress.fraction.isFinite ? progress.fraction : 0))
        line(
            "progress",
            "\(ProgressDisplay.bar(fraction)) \(Int(fraction * 100)) %  \(progress.done) of "
                + "\(progress.total) \(clean(progress.unit))"
        )
        var rates: [String] = []
        if let rate = progress.perSecond { rates.append("\(ProgressDisplay.rate(rate))") }
        if let rate = progress.perSecondOverall {
            rates.append("\(ProgressDisplay.rate(rate)) overall")
        }
        if let left = progress.secondsLeft, left > 0 {
            rates.append("\(ProgressDisplay.duration(left)) left")
        }
        if !rates.isEmpty { line("rate", rates.joined(separator: ", ")) }
    }

    private mutating func describe(_ perturbations: RunStatus.Perturbations) {
        var parts = perturbations.byState.filter { $0.count > 0 }.map { "\($0.state) \($0.count)" }
        if perturbations.resumed > 0 { parts.append("(\(perturbations.resumed) from before)") }
        line("by state", parts.joined(separator: "  "))
    }

    private mutating func describeWorkers(_ status: RunStatus) {
        guard status.standing == .live else { return }
        let threads = status.workers.reduce(0) { $0 + $1.threads }
        line("workers", "\(status.workers.count), \(threads) threads")
        table(
            [
                "worker", "node", "threads", "rows", "rows/s", "memory", "silent", "since",
                "fitting",
            ],
            numeric: 1..<8,
            status.workers.map { worker in
                var fitting = worker.running.prefix(3).map(clean).joined(separator: ", ")
                if worker.running.count > 3 { fitting += ", ..." }
                if worker.strikes > 0 { fitting += " (struck before)" }
                return [
                    clean(worker.host) + "/\(worker.process)",
                    worker.numaNode.map { "\($0)" } ?? "-", "\(worker.threads)",
                    "\(worker.finished)",
                    worker.perSecond.map { String(ProgressDisplay.rate($0).dropLast(2)) } ?? "-",
                    worker.residentBytes.map { size(Int(clamping: $0)) } ?? "-",
                    ProgressDisplay.duration(worker.silentSeconds),
                    ProgressDisplay.duration(worker.connectedSeconds),
                    fitting,
                ]
            }
        )
    }

    private mutating func describeTrouble(_ status: RunStatus) {
        guard !status.givenUp.isEmpty || !status.retried.isEmpty else { return }
        line("trouble", "\(status.givenUp.count) given up, \(status.retried.count) retried")
        let lost = status.givenUp.map { lost in
            [
                clean(lost.perturbation), clean(lost.kind), "\(lost.reasons.count)",
                clean(lost.reasons.joined(separator: "; "), longest: Self.longestReason),
            ]
        }
        let retried = status.retried.map { unit in
            [
                clean(unit.perturbation), clean(unit.state), "\(unit.lostAttempts)",
                clean(unit.reason, longest: Self.longestReason),
            ]
        }
        table(["perturbation", "state", "attempts", "why"], numeric: 2..<3, lost + retried)
    }

    private mutating func describeDepartures(_ status: RunStatus) {
        guard !status.departures.isEmpty else { return }
        line("left", "\(status.departures.count) workers lately")
        table(
            ["worker", "rows", "ago", "how"],
            numeric: 1..<3,
            status.departures.map { gone in
                [
                    clean(gone.worker), "\(gone.finished)",
                    ProgressDisplay.duration(gone.secondsAgo),
                    clean(gone.how, longest: Self.longestReason),
                ]
            }
        )
    }

    // MARK: - Format

    private mutating func line(_ name: String, _ value: String) {
        text += name.padding(toLength: 12, withPad: " ", startingAt: 0) + value + "\n"
    }

    private mutating func table(_ names: [String], numeric: Range<Int>, _ rows: [[String]]) {
        guard !rows.isEmpty else { return }
        let widths = names.indices.map { column in
            ([names] + rows).map { $0[column].count }.max() ?? 0
        }
        for row in [names] + rows {
            var parts: [String] = []
            for (column, field) in row.enumerated() {
                let padding = String(repeating: " ", count: widths[column] - field.count)
                let isLast = column == row.count - 1
                parts.append(
                    numeric.contains(column) ? padding + field : isLast ? field : field + padding
                )
            }
            var line = "  " + parts.joined(separator: "  ")
            while line.last == " " { line.removeLast() }
            text += line + "\n"
        }
    }

    private func clean(_ text: String) -> String { clean(text, longest: 1024) }

    private func clean(_ text: String, longest: Int) -> String {
        HarmlessText.cleaned(text, longest: longest).replacing("\t", with: " ")
    }

    private func size(_ bytes: Int) -> String {
        bytes > 0 ? MemorySize(bytes: bytes).description : "0 B"
    }
}
