import Foundation
import Glibc
import Synchronization

/// The run's diary for people and scripts: one JSON object a line, appended as things happen.
///
/// It is not needed to resume: a line lost in a crash loses no row.
final class EventLog: Sendable {
    private let descriptor: Int32

    /// Opens the log, keeping what earlier attempts at the run wrote.
    init(_ path: String) throws(RunFailure) {
        descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw PlainFile.failure("open", path) }
    }

    deinit { close(descriptor) }

    /// Appends an event.
    func note(_ event: String, _ fields: [String: String] = [:]) {
        var object = fields
        object["event"] = event
        object["time"] = Date().formatted(.iso8601)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard var line = try? encoder.encode(object) else { return }
        line.append(UInt8(ascii: "\n"))
        // One write keeps the line whole; a diary that cannot be written does not stop a run.
        _ = line.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
    }
}
