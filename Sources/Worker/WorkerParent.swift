import ChildProcesses
import ComputeThreads
import Foundation
import Logging
import NodeTopology
import Reporting
import Transport

/// The small process above the ones that fit: starts one for each NUMA node, tells the coordinator
/// how they end, and starts again those that died.
struct WorkerParent {
    private enum Event: Sendable {
        case ended(slot: Int, ExitStatus)
        case signal(WatchedSignal)
        /// Standard input ended: whoever started this process is gone or wants it gone.
        case launcherGone
    }

    /// What changes while children run.
    private struct State {
        var children: [Int: ChildProcess] = [:]
        var status: Int32 = 0
        var deaths = 0
        var isEnding = false
        var memoryKills = OutOfMemoryKills()
    }

    private static let deathsBeforeGivingUp = 20
    private static let lifelineDescriptor: Int32 = 3
    /// How long children may take to leave once their launcher is gone.
    private static let grace = Duration.seconds(5)

    private let command: WorkerCommand
    private let target: WorkerTarget
    private let credentials: CredentialSource
    private let placements: [ChildPlacement]
    private let log: Logger
    private let mailbox = Mailbox<Event>()

    init(
        command: WorkerCommand,
        target: WorkerTarget,
        credentials: CredentialSource,
        placements: [ChildPlacement],
        log: Logger
    ) {
        self.command = command
        self.target = target
        self.credentials = credentials
        self.placements = placements
        self.log = log
    }

    /// Runs until every child has ended.
    ///
    /// - Returns: The exit status: 0 when all left in order, otherwise that of the first that did not.
    func run() throws -> Int32 {
        let mailbox = mailbox
        let signals = try SignalWatch.start([.terminate, .interrupt, .user1, .hangup]) {
            mailbox.post(.signal($0))
        }
        defer { signals.stop() }
        if command.endWithInput { try InputWatch.start { mailbox.post(.launcherGone) } }
        let executable = try ExecutableLocation.current()
        var state = State()
        for slot in placements.indices { state.children[slot] = try start(executable, slot) }
        let supervisor = Supervisor(target: target, credentials: credentials, log: log)
        while !state.children.isEmpty {
            for event in mailbox.take() {
                switch event {
                case .signal(let signal):
                    state.isEnding = true
                    // Children know no other signal as a request to leave in order.
                    let request = signal == .interrupt ? signal : .terminate
                    for child in state.children.values { child.send(signal: request.rawValue) }
                case .launcherGone:
                    log.warning("standard input ended: nobody waits for this worker any more")
                    state.isEnding = true
                    if state.status == 0 { state.status = 75 }
                    for child in state.children.values { child.terminate(grace: Self.grace) }
                case .ended(let slot, .exited(let code)) where code != WorkerExit.endedStatus:
                    state.children[slot] = nil
                    if state.status == 0 { state.status = code }
                case .ended(let slot, let death):
                    state.children[slot] = nil
                    let how = "\(death)" + (state.memoryKills.explain(death.isKill) ?? "")
                    try died(how, slot, executable, &state)
                    if !state.isEnding { supervisor.report(death, how) }
                }
            }
        }
        return state.status
    }

    /// Starts another child for one that was killed; telling about it takes its time and comes later.
    private func died(
        _ how: String,
        _ slot: Int,
        _ executable: String,
        _ state: inout State
    ) throws {
        state.deaths += 1
        guard !state.isEnding else { return }
        log.warning("a worker process died", metadata: ["how": "\(how)"])
        if state.deaths < Self.deathsBeforeGivingUp {
            state.children[slot] = try start(executable, slot)
        } else {
            state.status = 70
        }
    }

    private func start(_ executable: String, _ slot: Int) throws -> ChildProcess {
        var arguments = [
            "--connect", command.connect ?? "",
            "--placement", placements[slot].argument,
            "--lifeline", "\(Self.lifelineDescriptor)",
            "--memory-limit", "\(max(command.memoryBytes / placements.count, 1))",
            "--connect-timeout", "\(command.connectTimeout)",
            "--reconnect-timeout", "\(command.reconnectTimeout)",
            "--log-format", command.logFormat.rawValue,
        ]
        if let directory = command.runDir { arguments += ["--run-dir", directory] }
        if command.quiet { arguments.append("--quiet") }
        if command.verbose { arguments.append("--verbose") }
        var input: StreamPair?
        switch credentials {
        case .tokenFile(let path): if let path { arguments += ["--token-file", path] }
        case .certificates(let files): arguments += CertificateArguments.words(for: files)
        case .token(let token):
            // Over a stream of the child's own: arguments and variables are open to all.
            let pair = try StreamPair()
            input = pair
            guard StreamPair.write(TokenFile.line(of: token), to: pair.own) else {
                throw WorkerFailure("the token cannot be passed on to a child")
            }
            arguments += ["--token-file", "-"]
        }
        defer {
            if let input {
                StreamPair.close(input.own)
                StreamPair.close(input.child)
            }
        }
        let mailbox = mailbox
        return try ChildProcess.spawn(
            ChildCommand(
                executable: executable,
                arguments: arguments,
                standardInput: input.map { .descriptor($0.child) } ?? .null,
                standardOutput: .null,
                ownProcessGroup: true,
                lifelineDescriptor: Self.lifelineDescriptor
            )
        ) { mailbox.post(.ended(slot: slot, $0)) }
    }
}
