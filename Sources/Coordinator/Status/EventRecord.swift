import Foundation

/// What the event log of a run tells about its last session: since a coordinator last began to serve.
struct EventRecord {
    /// A worker that joined and has not left.
    struct Worker {
        var host: String
        var process: UInt32
        var threads: Int
        var joined: Date
        var finished = 0
    }

    /// The beginning of the session; empty when the log does not tell.
    private(set) var start: [String: String] = [:]
    /// When serving began.
    private(set) var startedAt: Date?
    /// When the coordinator began, before it read its input.
    private(set) var beganAt: Date?
    /// How the session ended, when it came to that.
    private(set) var end: String?
    /// The last time anything was written.
    private(set) var lastAt: Date?
    /// When each row of the session was taken.
    private(set) var rows: [Date] = []
    private(set) var workers: [(number: UInt64, worker: Worker)] = []
    private(set) var givenUp: [[String: String]] = []
    private(set) var joined = 0
    private(set) var left: [String: Int] = [:]

    /// Reads a log; lines that are cut short or are of no known kind are skipped.
    init(_ bytes: [UInt8]) {
        let decoder = JSONDecoder()
        for line in bytes.split(separator: UInt8(ascii: "\n")) {
            guard let event = try? decoder.decode([String: String].self, from: Data(line)) else {
                continue
            }
            take(event)
        }
    }

    private mutating func take(_ event: [String: String]) {
        let time = event["time"].flatMap { try? Date($0, strategy: .iso8601) }
        if event["event"] == "started" {
            self = EventRecord([])
            start = event
            startedAt = time
            beganAt = event["began"].flatMap { try? Date($0, strategy: .iso8601) } ?? time
        }
        lastAt = time ?? lastAt
        let number = event["connection"].flatMap { UInt64($0) } ?? 0
        let position = workers.firstIndex { $0.number == number }
        switch event["event"] {
        case "row":
            if let time { rows.append(time) }
            if let position { workers[position].worker.finished += 1 }
        case "worker_joined":
            joined += 1
            let worker = Worker(
                host: event["host"] ?? "?",
                process: event["process"].flatMap { UInt32($0) } ?? 0,
                threads: event["threads"].flatMap { Int($0) } ?? 0,
                joined: time ?? .distantPast
            )
            workers.append((number, worker))
        case "worker_left", "session_ended":
            // A lost session may be told of once more when its link is closed at last.
            guard let position else { break }
            workers.remove(at: position)
            let how = event["how"] ?? ""
            let reason =
                how.hasPrefix("processDied") ? "died" : how.hasPrefix("goodbye") ? "left" : "lost"
            left[reason, default: 0] += 1
        case "given_up": givenUp.append(event)
        case "ended": end = event["how"]
        default: break
        }
    }

    /// Rows per second of the last minute and of the whole session, up to a time.
    func rates(until now: Date) -> (recent: Double?, overall: Double?) {
        guard let startedAt, !rows.isEmpty else { return (nil, nil) }
        let whole = max(now.timeIntervalSince(startedAt), 1)
        let window = min(whole, 60)
        let recent = rows.count { now.timeIntervalSince($0) <= window }
        return (recent > 0 ? Double(recent) / window : nil, Double(rows.count) / whole)
    }
}
