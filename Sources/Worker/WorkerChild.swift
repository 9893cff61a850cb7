import ChildProcesses
import ComputeThreads
import Foundation
import Glibc
import Logging
import NodeTopology
import Synchronization
import Transport
import WireProtocol

/// The process that fits: pinned to one NUMA node, connected to one coordinator.
struct WorkerChild {
    /// Failed handshakes in a row after which the token or certificate is taken to be wrong.
    private static let mostRefusals = 5

    private let command: WorkerCommand
    private let target: WorkerTarget
    private let credentials: CredentialSource
    private let log: Logger

    init(
        command: WorkerCommand,
        target: WorkerTarget,
        credentials: CredentialSource,
        log: Logger
    ) {
        self.command = command
        self.target = target
        self.credentials = credentials
        self.log = log
    }

    /// Works until the session ends; over TCP a lost coordinator is looked for again.
    ///
    /// Every connection is a session of its own. What the lost one had begun is finished meanwhile, and
    /// the next one begins by offering the rows.
    ///
    /// - Returns: The exit status.
    func run() throws -> Int32 {
        let placement = try pin()
        var random = SystemRandomNumberGenerator()
        var hello = Hello(
            role: .fitter,
            workerID: Bytes16.randomUUID(using: &random),
            host: ProcessInfo.processInfo.hostName,
            processID: UInt32(getpid()),
            threads: UInt32(command.threads ?? placement?.threads ?? 1),
            memoryBytes: UInt64(command.memoryBytes),
            numaNode: placement?.numaNode.map { UInt32($0) }
        )
        let stop = StopRequest()
        let signals = try SignalWatch.start([.terminate, .interrupt, .user1, .hangup]) { _ in
            stop.ask()
        }
        defer { signals.stop() }
        try watchParent(stop)
        Self.offerToTheKernel()
        let loops = EventLoops()
        var patience = command.connectTimeout
        var runner = newRunner(hello)
        while true {
            stop.forward(to: runner)
            switch try connect(stop, loops, patience, runner.onEvent) {
            case .success(let connected):
                runner.hello.runID = connected.runID
                let exit = runner.run(over: connected.link)
                guard case .lost(let reason) = exit, comesBack, !stop.isAsked else {
                    return ended(exit)
                }
                log.warning(
                    "the coordinator is gone, looking for it",
                    metadata: ["why": "\(reason)"]
                )
                hello.incarnation += 1
                if !runner.continues(as: hello.incarnation) {
                    runner = newRunner(hello)
                }
                patience = command.reconnectTimeout
            case .failure(let failure):
                if stop.isAsked {
                    log.notice("asked to end while no coordinator answered")
                    return 0
                }
                log.error("\(failure.description)")
                return hello.incarnation > 0 && failure.status == 69 ? 75 : failure.status
            }
        }
    }

    private func newRunner(_ hello: Hello) -> SessionRunner {
        SessionRunner(hello: hello, log: log, comesBack: comesBack, runDirectory: runDirectory)
    }

    /// Sees to it that this process does not outlive its parent.
    private func watchParent(_ stop: StopRequest) throws {
        guard let lifeline = command.lifeline else { return }
        if case .descriptor = target {
            // The parent is the coordinator: there is nobody left to take leave of.
            try ParentWatch.start(descriptor: lifeline)
            return
        }
        try ParentWatch.start(descriptor: lifeline) {
            // A word to the coordinator, or it would blame what is being fitted for the end.
            stop.abandon()
            sleep(2)
            _exit(75)
        }
    }

    /// Makes this process the one that the kernel ends when memory runs out: its work is done again
    /// by another, which cannot be said of a coordinator or a supervisor on the same machine.
    private static func offerToTheKernel() {
        let descriptor = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        _ = "500".withCString { write(descriptor, $0, 3) }
    }

    /// Where resources are looked for before they are asked for.
    private var runDirectory: String? {
        if case .runDirectory(let path) = target { return command.runDir ?? path }
        return command.runDir
    }

    /// Whether a lost coordinator may be found again.
    private var comesBack: Bool {
        if case .descriptor = target { return false }
        return command.reconnectTimeout > 0
    }

    private func ended(_ exit: WorkerExit) -> Int32 {
        switch exit {
        case .finished: log.debug("left in order")
        case .refused(let reason): log.error("refused by the coordinator: \(reason)")
        case .lost(let reason): log.warning("the coordinator is gone: \(reason)")
        }
        return exit.status
    }

    /// Keeps this process to its CPUs and memory; threads made later inherit both.
    private func pin() throws -> ChildPlacement? {
        guard let argument = command.placement else { return nil }
        let placement = try ChildPlacement(argument: argument)
        let report = ThreadPinning.apply(placement)
        log.debug("pinned", metadata: ["placement": "\(argument)", "outcome": "\(report)"])
        return placement
    }

    private struct ConnectFailure: Error {
        let status: Int32
        let description: String
    }

    private struct Connected: Sendable {
        let link: WorkerLink
        /// The run, when the target names it.
        let runID: Bytes16?
    }

    private func connect(
        _ stop: StopRequest,
        _ loops: EventLoops,
        _ patience: Int,
        _ onEvent: @escaping LinkEventHandler<CoordinatorMessage>
    ) throws -> Result<Connected, ConnectFailure> {
        if case .descriptor(let number) = target {
            let link = try waitFor {
                try await LocalSocket.workerLink(descriptor: number, on: loops, onEvent: onEvent)
            }
            return .success(Connected(link: link, runID: nil))
        }
        let limit = UInt64(max(0, patience)) * 1_000_000_000
        let deadline = monotonicNanoseconds() + limit
        var backoff = ConnectBackoff()
        var refusals = 0
        while true {
            let last: String
            do {
                return .success(try attempt(loops, onEvent))
            } catch let error as TransportError where !error.isWorthRetrying {
                refusals += 1
                guard mayBeMisled(error), refusals < Self.mostRefusals else {
                    return .failure(ConnectFailure(status: error.status, description: "\(error)"))
                }
                last = "\(error)"
            } catch {
                // Also a run directory without an address: its coordinator may still be reading.
                last = "\(error)"
            }
            guard monotonicNanoseconds() < deadline, !stop.isAsked else {
                return .failure(ConnectFailure(status: 69, description: last))
            }
            var left = backoff.nextMilliseconds()
            while left > 0, !stop.isAsked {
                usleep(UInt32(min(left, 100)) * 1000)
                left -= 100
            }
        }
    }

    /// Whether a failed handshake may be due to something other than a wrong token.
    ///
    /// A coordinator that starts again in the same run directory makes a new token, which may fall
    /// between reading the old one and using it; and of several addresses one may be a stranger's.
    private func mayBeMisled(_ error: TransportError) -> Bool {
        guard case .notAuthenticated = error else { return false }
        switch (target, credentials) {
        case (.addresses(let addresses), _): return addresses.count > 1
        case (.runDirectory, .tokenFile(nil)): return true
        default: return false
        }
    }

    /// Tries every address once.
    private func attempt(
        _ loops: EventLoops,
        _ onEvent: @escaping LinkEventHandler<CoordinatorMessage>
    ) throws -> Connected {
        let plan = try ConnectionPlan(target, credentials)
        var last: any Error = WorkerFailure("the run directory names no address")
        // An address that leads nowhere must not keep the others waiting for long.
        let deadline: Duration = plan.addresses.count > 1 ? .seconds(4) : .seconds(10)
        for address in plan.addresses {
            do {
                let link = try waitFor {
                    try await Connector.connect(
                        host: address.host,
                        port: address.port,
                        credentials: plan.credentials,
                        deadline: deadline,
                        on: loops,
                        onEvent: onEvent
                    )
                }
                return Connected(link: link, runID: plan.runID)
            } catch let error as TransportError where !error.isWorthRetrying {
                // Somebody else's port may answer at one address and the coordinator at the next.
                last = error
            } catch {
                if (last as? TransportError)?.isWorthRetrying != false { last = error }
            }
        }
        throw last
    }
}

/// Whether somebody asked the process to stop, and the session that is to hear of it.
private final class StopRequest: Sendable {
    private struct State: Sendable {
        var isAsked = false
        var terminate: (@Sendable () -> Void)?
        var abandon: (@Sendable () -> Void)?
    }

    private let state = Mutex(State())

    var isAsked: Bool { state.withLock(\.isAsked) }

    /// Asks to leave in order; callable from any thread.
    func ask() { request(\.terminate) }

    /// Asks to leave without finishing anything; callable from any thread.
    func abandon() { request(\.abandon) }

    private func request(_ way: @Sendable (State) -> (@Sendable () -> Void)?) {
        let session = state.withLock { state in
            state.isAsked = true
            return way(state)
        }
        session?()
    }

    /// Names the session of this moment, which hears at once of what was asked before.
    func forward(to session: SessionRunner) {
        let terminate = session.terminate
        let abandon = session.abandon
        let isAsked = state.withLock { state in
            state.terminate = terminate
            state.abandon = abandon
            return state.isAsked
        }
        if isAsked { terminate() }
    }
}

extension TransportError {
    /// The exit status of a worker that can do nothing about it.
    var status: Int32 {
        if case .certificateFile = self { 64 } else { 77 }
    }

    /// Whether a later attempt may succeed without anybody changing anything.
    fileprivate var isWorthRetrying: Bool {
        switch self {
        case .cannotConnect, .handshakeTimedOut: true
        default: false
        }
    }
}
