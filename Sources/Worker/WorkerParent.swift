import ChildProcesses
import ComputeThreads
import Foundation
import Logging
import NodeTopology
import Reporting

/// The small process above the ones that fit: starts one for each NUMA node, tells the coordinator
/// how they end, and starts again those that died.
struct WorkerParent {
    private enum Event: Sendable {
        case ended(slot: Int, ExitStatus)
        case signal(WatchedSignal)
    }

    private static let deathsBeforeGivingUp = 20
    private static let lifelineDescriptor: Int32 = 3

    private let command: WorkerCommand
    private let log: Logger

    init(command: WorkerCommand, log: Logger) {
        self.command = command
        self.log = log
    }

    /// Runs until every child has ended.
    ///
    /// - Returns: The exit status: 0 when all left in order, otherwise that of the first that did not.
    func run() throws -> Int32 {
        let topology = Topology.discover()
        let placements = topology.plan(threads: command.threads)
        let mailbox = Mailbox<Event>()
        let signals = try SignalWatch.start([.terminate, .interrupt]) { mailbox.post(.signal($0)) }
        defer { signals.stop() }
        let executable = try ExecutableLocation.current()
        var children: [Int: ChildProcess] = [:]
        for (slot, placement) in placements.enumerated() {
            children[slot] = try start(executable, slot, placement, placements.count, mailbox)
        }
        let supervisor = Supervisor(command: command, log: log)
        var status: Int32 = 0
        var deaths = 0
        var isEnding = false
        while !children.isEmpty {
            for event in mailbox.take() {
                switch event {
                case .signal(let signal):
                    isEnding = true
                    for child in children.values { _ = child.send(signal: signal.rawValue) }
                case .ended(let slot, .exited(let code)):
                    children[slot] = nil
                    if status == 0 { status = code }
                case .ended(let slot, let death):
                    children[slot] = nil
                    deaths += 1
                    log.warning("a worker process died", metadata: ["how": "\(death)"])
                    if !isEnding, deaths < Self.deathsBeforeGivingUp {
                        children[slot] = try start(
                            executable,
                            slot,
                            placements[slot],
                            placements.count,
                            mailbox
                        )
                    } else if !isEnding {
                        status = 70
                    }
                    // The new process comes first: telling takes its time.
                    supervisor.report(death)
                }
            }
        }
        return status
    }

    private func start(
        _ executable: String,
        _ slot: Int,
        _ placement: ChildPlacement,
        _ count: Int,
        _ mailbox: Mailbox<Event>
    ) throws -> ChildProcess {
        var arguments = [
            "--connect", command.connect,
            "--placement", placement.argument,
            "--lifeline", "\(Self.lifelineDescriptor)",
            "--memory-limit", "\(command.memoryBytes / count)",
            "--connect-timeout", "\(command.connectTimeout)",
            "--log-format", command.logFormat.rawValue,
        ]
        if let tokenFile = command.tokenFile { arguments += ["--token-file", tokenFile] }
        if command.quiet { arguments.append("--quiet") }
        if command.verbose { arguments.append("--verbose") }
        return try ChildProcess.spawn(
            ChildCommand(
                executable: executable,
                arguments: arguments,
                standardOutput: .null,
                ownProcessGroup: true,
                lifelineDescriptor: Self.lifelineDescriptor
            )
        ) { mailbox.post(.ended(slot: slot, $0)) }
    }
}
