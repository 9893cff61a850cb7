import ChildProcesses
import ComputeThreads
import Logging
import Reporting
import Scheduling
import Transport

/// The workers that this process starts on other machines, each behind an `ssh` of its own.
///
/// The remote worker connects back over TCP like any other and ends when its standard input does:
/// when this process dies, however it dies, `ssh` loses its input and the worker its own.
final class HostWorkers {
    private struct Connection {
        var process: ChildProcess
        /// The stream that keeps the remote worker alive.
        var input: Int32
    }

    private let hosts: [HostEntry]
    private let addresses: [String]
    private let port: Int
    private let admission: WorkerListener.Admission
    private let runDirectory: String?
    private let mailbox: Mailbox<ServeEvent>
    private let log: Logger
    private let logs: [HostLog]
    private var starts: HostStarts
    private var connections: [Int: Connection] = [:]

    /// Prepares the workers; none is started yet.
    ///
    /// - Parameters:
    ///   - hosts: The machines.
    ///   - listener: Where workers come to, and with which secret.
    ///   - runDirectory: Where workers look for what they would fetch; nil not to look.
    ///   - format: How log lines look.
    ///   - mailbox: Receives the ends of workers.
    ///   - log: Where starts and failures are told.
    init(
        hosts: [HostEntry],
        listener: WorkerListener,
        runDirectory: String? = nil,
        format: LogFormat,
        mailbox: Mailbox<ServeEvent>,
        log: Logger
    ) {
        self.hosts = hosts
        addresses = listener.hosts
        port = listener.port
        admission = listener.admission
        self.runDirectory = runDirectory
        self.mailbox = mailbox
        self.log = log
        logs = hosts.map { HostLog(name: $0.name, format: format, log: log) }
        starts = HostStarts(hostCount: hosts.count, now: Self.now)
    }

    /// Whether no machine has a worker or will have one.
    var isOver: Bool { starts.isOver }

    private static var now: Instant { Instant(nanoseconds: monotonicNanoseconds()) }

    /// Starts the workers that are due; to be called again and again.
    func startDue() {
        for index in starts.due(now: Self.now) {
            do {
                try launch(index)
            } catch {
                log.error(
                    "ssh cannot be started",
                    metadata: ["host": "\(hosts[index].name)", "why": "\(error)"]
                )
                ended(index, .exited(code: 255))
            }
        }
    }

    /// Takes in the end of a machine's `ssh`, which is that of its worker.
    func ended(_ index: Int, _ status: ExitStatus) {
        if let connection = connections.removeValue(forKey: index) {
            StreamPair.close(connection.input)
        }
        let name = "\(hosts[index].name)"
        switch starts.ended(index, status, now: Self.now) {
        case .left:
            log.info("the worker of a machine has left", metadata: ["host": "\(name)"])
        case .again(let seconds):
            log.warning(
                "no worker on a machine, trying again",
                metadata: [
                    "host": "\(name)", "why": "\(HostStarts.meaning(of: status))",
                    "seconds": "\(Int(seconds))",
                ]
            )
        case .givenUp(let reason):
            log.error(
                "a machine is given up",
                metadata: [
                    "host": "\(name)", "why": "\(reason)",
                    "last": "\(HostStarts.meaning(of: status))",
                ]
            )
        }
    }

    private func launch(_ index: Int) throws {
        let entry = hosts[index]
        let command = RemoteCommand(
            entry,
            addresses: addresses(for: entry),
            runDirectory: runDirectory,
            certificates: certificates,
            loudness: loudness
        )
        let input = try StreamPair()
        defer { StreamPair.close(input.child) }
        let output: StreamPair
        do {
            output = try StreamPair()
        } catch {
            StreamPair.close(input.own)
            throw error
        }
        defer { StreamPair.close(output.child) }
        let mailbox = mailbox
        let process: ChildProcess
        do {
            if case .token(let token) = admission {
                guard StreamPair.write(TokenFile.line(of: token), to: input.own) else {
                    throw RunFailure(.internalError, "the token cannot be passed to ssh")
                }
            }
            process = try ChildProcess.spawn(
                ChildCommand(
                    executable: "ssh",
                    arguments: command.arguments,
                    standardInput: .descriptor(input.child),
                    standardOutput: .descriptor(output.child),
                    standardError: .descriptor(output.child),
                    // A terminal's Ctrl-C is for the coordinator, which ends its workers in order.
                    ownProcessGroup: true
                )
            ) { mailbox.post(.hostEnded(index, $0)) }
        } catch {
            StreamPair.close(input.own)
            StreamPair.close(output.own)
            throw error
        }
        connections[index] = Connection(process: process, input: input.own)
        let hostLog = logs[index]
        try LineReader.start(descriptor: output.own, onLine: { hostLog.say($0) })
        log.debug(
            "ssh started",
            metadata: ["host": "\(entry.name)", "process": "\(process.processID)"]
        )
    }

    private var certificates: CertificateFiles? {
        if case .certificates(let files) = admission { files } else { nil }
    }

    private var loudness: RemoteCommand.Loudness {
        log.logLevel <= .debug ? .verbose : log.logLevel >= .warning ? .quiet : .normal
    }

    /// Addresses to tell a machine: the one its route leads back to, then all others.
    private func addresses(for entry: HostEntry) -> [String] {
        var hosts = addresses
        if hosts.count > 1, let source = NetworkAddresses.source(towards: entry.host) {
            hosts.removeAll { $0 == source }
            if !NetworkAddresses.isLoopback(source) { hosts.insert(source, at: 0) }
        }
        return hosts.prefix(8).map { $0.contains(":") ? "[\($0)]:\(port)" : "\($0):\(port)" }
    }

    /// Waits for the workers to leave and ends those that do not.
    ///
    /// Closing the input ends a worker that still works; an `ssh` that is still connecting, or whose
    /// machine is silent, is ended itself.
    func endAll() {
        let all = Array(connections.values)
        wait(for: all, seconds: 3)
        for connection in all { StreamPair.close(connection.input) }
        connections = [:]
        wait(for: all, seconds: 4)
        let late = all.filter { $0.process.exitStatus == nil }
        for connection in late { connection.process.terminate(grace: .seconds(2)) }
        for connection in late { connection.process.wait() }
    }

    private func wait(for connections: [Connection], seconds: UInt64) {
        let deadline = monotonicNanoseconds() + seconds * 1_000_000_000
        for connection in connections {
            let left = Int64(deadline) - Int64(monotonicNanoseconds())
            _ = connection.process.wait(timeout: .nanoseconds(max(left, 0)))
        }
    }
}
