import Foundation
package import Logging

/// How log lines look.
package enum LogFormat: String, Sendable, CaseIterable {
    /// Time, level, message and `key=value` pairs.
    case text
    /// One JSON object a line.
    case json
}

/// Writes log lines to standard error, whole lines at a time.
package struct ErrorStreamLog: LogHandler {
    package var metadata: Logger.Metadata = [:]
    package var logLevel: Logger.Level
    private let format: LogFormat
    private let program: String

    /// A log of one program.
    ///
    /// - Parameters:
    ///   - program: Name that stands in every line.
    ///   - level: Lowest level written.
    ///   - format: Plain text or JSON.
    package init(program: String, level: Logger.Level, format: LogFormat) {
        self.program = program
        logLevel = level
        self.format = format
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        let all = metadata.merging(event.metadata ?? [:]) { $1 }
        let time = Date().formatted(.iso8601)
        let line =
            switch format {
            case .text: textLine(time, event, all)
            case .json: jsonLine(time, event, all)
            }
        ErrorStream.write(line + "\n")
    }

    private func textLine(_ time: String, _ event: LogEvent, _ all: Logger.Metadata) -> String {
        let pairs = all.sorted { $0.key < $1.key }.map { " \($0.key)=\($0.value)" }.joined()
        return "\(time) \(event.level) \(program): \(event.message)\(pairs)"
    }

    private func jsonLine(_ time: String, _ event: LogEvent, _ all: Logger.Metadata) -> String {
        var object = all.mapValues { "\($0)" }
        object["time"] = time
        object["level"] = "\(event.level)"
        object["program"] = program
        object["message"] = "\(event.message)"
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let data = try? encoder.encode(object) else { return "\(event.message)" }
        return String(decoding: data, as: UTF8.self)
    }
}

extension Logger {
    /// The logger of a program, writing to standard error.
    package init(program: String, level: Logger.Level, format: LogFormat) {
        self.init(label: program) { _ in
            ErrorStreamLog(program: program, level: level, format: format)
        }
    }
}
