import Foundation
import Glibc

/// Which process works in a run directory.
struct RunOwner: Codable, Equatable {
    /// What can be said about an owner from this machine.
    enum Liveness: Equatable {
        /// It has ended.
        case gone
        /// It lives on this machine; it may be this process.
        case alive
        /// It runs, or ran, on another machine: only its signs of life tell.
        case elsewhere
    }

    var host: String
    var bootID: String
    var processID: Int32
    var processStart: String

    /// This process.
    static var current: RunOwner {
        RunOwner(
            host: host,
            bootID: bootID,
            processID: getpid(),
            processStart: processStart(getpid()) ?? ""
        )
    }

    private static var host: String { ProcessInfo.processInfo.hostName }

    private static var bootID: String {
        (try? String(contentsOfFile: "/proc/sys/kernel/random/boot_id", encoding: .utf8)) ?? ""
    }

    /// The owner that a record names; nil for one that cannot be understood.
    init?(json: [UInt8]) {
        guard let owner = try? JSONDecoder().decode(RunOwner.self, from: Data(json)) else {
            return nil
        }
        self = owner
    }

    private init(host: String, bootID: String, processID: Int32, processStart: String) {
        self.host = host
        self.bootID = bootID
        self.processID = processID
        self.processStart = processStart
    }

    /// The record of this owner.
    var json: [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        return Array((try? encoder.encode(self)) ?? Data())
    }

    /// Whether the owner still lives, as far as can be told from here.
    var liveness: Liveness {
        guard host == Self.host else { return .elsewhere }
        guard bootID == Self.bootID else { return .gone }
        return Self.processStart(processID) == processStart ? .alive : .gone
    }

    /// When a process started, as the kernel counts it; nil when there is no such process.
    ///
    /// A process id alone may have been given to somebody else since.
    private static func processStart(_ processID: Int32) -> String? {
        guard let text = try? String(contentsOfFile: "/proc/\(processID)/stat", encoding: .utf8),
            let end = text.lastIndex(of: ")")
        else { return nil }
        let fields = text[end...].split(separator: " ")
        return fields.count > 20 ? String(fields[20]) : nil
    }
}
