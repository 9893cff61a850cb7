/// A status as Prometheus reads it: the text exposition format 0.0.4.
///
/// Label values come from fixed sets and from the program itself, never from a worker or the screen,
/// so that the number of series has a bound: how many workers there are is a value, not a label.
package struct MetricsText {
    /// The media type of the text.
    package static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    /// The text, every line ended.
    package private(set) var text = ""

    /// The metrics of one status.
    package init(_ status: RunStatus) {
        describeRun(status)
        describePerturbations(status)
        describeWorkers(status)
        describeTraffic(status)
    }

    private enum Kind: String {
        case gauge
        case counter
    }

    private mutating func describeRun(_ status: RunStatus) {
        metric("crispyx_build_info", .gauge, "The running program; always 1.") {
            [([("version", status.release)], 1)]
        }
        metric("crispyx_run_info", .gauge, "The analysis; always 1.") {
            [([("method", status.method)], 1)]
        }
        metric("crispyx_phase", .gauge, "1 for the phase the run is in, 0 for the others.") {
            RunStatus.Phase.allCases.map { phase in
                ([("phase", phase.rawValue)], status.phase == phase ? 1 : 0)
            }
        }
        single("crispyx_elapsed_seconds", "Since the coordinator began.", status.elapsedSeconds)
        single(
            "crispyx_phase_progress_ratio",
            "Share of the present phase's work that is done.",
            status.progress?.fraction
        )
        single(
            "crispyx_phase_left_seconds",
            "Estimated time until the present phase ends; absent while it is not known.",
            status.progress?.secondsLeft
        )
    }

    private mutating func describePerturbations(_ status: RunStatus) {
        if let perturbations = status.perturbations {
            metric("crispyx_perturbations", .gauge, "Perturbations by state.") {
                perturbations.byState.map { ([("state", $0.state)], Double($0.count)) }
            }
            single(
                "crispyx_perturbations_resumed",
                "Perturbations whose row an earlier, interrupted run had left.",
                Double(perturbations.resumed)
            )
        }
        let tallies = status.tallies
        single("crispyx_rows_total", "Rows taken from workers.", Double(tallies.rows), .counter)
        single(
            "crispyx_rows_dropped_total",
            "Rows that came twice or too late.",
            Double(tallies.rowsDropped),
            .counter
        )
        single(
            "crispyx_fit_failures_total",
            "Fits that reported failure.",
            Double(tallies.fitFailures),
            .counter
        )
    }

    private mutating func describeWorkers(_ status: RunStatus) {
        let workers = status.workers
        let tallies = status.tallies
        single("crispyx_workers", "Connected worker processes.", Double(workers.count))
        single(
            "crispyx_worker_threads",
            "Fits that connected workers run at once.",
            workers.reduce(0) { $0 + Double($1.threads) }
        )
        single(
            "crispyx_worker_running_fits",
            "Perturbations that connected workers are fitting.",
            status.perturbations.map { Double($0.started) }
        )
        single(
            "crispyx_worker_resident_memory_bytes",
            "Memory of all connected workers by their own word.",
            workers.reduce(0) { $0 + Double($1.residentBytes ?? 0) }
        )
        single(
            "crispyx_worker_silence_seconds",
            "Longest time that a connected worker has not been heard of.",
            workers.map(\.silentSeconds).max() ?? 0
        )
        single(
            "crispyx_worker_joins_total",
            "Workers that joined.",
            Double(tallies.workersJoined),
            .counter
        )
        metric("crispyx_worker_departures_total", .counter, "Workers that are gone, by reason.") {
            [
                ([("reason", "left")], Double(tallies.workersLeft)),
                ([("reason", "died")], Double(tallies.workersDied)),
                ([("reason", "connection_lost")], Double(tallies.workersLost)),
            ]
        }
    }

    private mutating func describeTraffic(_ status: RunStatus) {
        single(
            "crispyx_row_in_flight_bytes",
            "Rows that arrived and are not written yet.",
            status.traffic.map { Double($0.rowBytes) }
        )
        single(
            "crispyx_block_leased_bytes",
            "Count blocks of perturbations that workers have.",
            status.traffic.map { Double($0.blockBytes) }
        )
        single(
            "crispyx_resident_memory_bytes",
            "Memory of the coordinator.",
            status.memory.map { Double($0.residentBytes) }
        )
        single(
            "crispyx_memory_limit_bytes",
            "Memory that all processes of the coordinator's machine may use together.",
            status.memory.map { Double($0.limitBytes) }
        )
    }

    // MARK: - Format

    /// A metric without labels, left out while its value is not known.
    private mutating func single(
        _ name: String,
        _ help: String,
        _ value: Double?,
        _ kind: Kind = .gauge
    ) {
        guard let value else { return }
        metric(name, kind, help) { [([], value)] }
    }

    private mutating func metric(
        _ name: String,
        _ kind: Kind,
        _ help: String,
        _ samples: () -> [(labels: [(name: String, value: String)], value: Double)]
    ) {
        text += "# HELP \(name) \(Self.escaped(help, quotes: false))\n"
        text += "# TYPE \(name) \(kind.rawValue)\n"
        for sample in samples() {
            let labels = sample.labels.map {
                "\($0.name)=\"\(Self.escaped($0.value, quotes: true))\""
            }
            text += name + (labels.isEmpty ? "" : "{" + labels.joined(separator: ",") + "}")
            text += " \(Self.number(sample.value))\n"
        }
    }

    /// A backslash before backslashes, line ends and, in label values, quotes.
    private static func escaped(_ text: String, quotes: Bool) -> String {
        let escaped = text.replacing("\\", with: "\\\\").replacing("\n", with: "\\n")
        return quotes ? escaped.replacing("\"", with: "\\\"") : escaped
    }

    private static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        // Whole numbers without a fraction, as counters are usually written.
        if let whole = Int64(exactly: value) { return "\(whole)" }
        return "\(value)"
    }
}
