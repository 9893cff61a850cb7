import ChildProcesses
import ComputeThreads
import Foundation
import Logging
import NodeTopology
import Synchronization
import Transport
import WireProtocol

/// The process that fits: pinned to one NUMA node, connected to one coordinator.
struct WorkerChild {
    private let command: WorkerCommand
    private let target: WorkerTarget
    private let log: Logger

    init(command: WorkerCommand, target: WorkerTarget, log: Logger) {
        self.command = command
        self.target = target
        self.log = log
    }

    /// Works until the session ends.
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
        if case .runDirectory = target {
            // The run is known once its directory can be read; the greeting names it then.
            hello.runID = try? ConnectionPlan(target, tokenFile: command.tokenFile).runID
        }
        let runner = SessionRunner(hello: hello, log: log)
        let terminate = runner.terminate
        let isTerminating = StopFlag()
        let signals = try SignalWatch.start([.terminate, .interrupt]) { _ in
            isTerminating.set()
            terminate()
        }
        defer { signals.stop() }
        if let lifeline = command.lifeline { try ParentWatch.start(descriptor: lifeline) }
        let loops = EventLoops()
        let link: WorkerLink
        switch try connect(isTerminating, loops, runner.onEvent) {
        case .success(let connected): link = connected
        case .failure(let failure):
            log.error("\(failure.description)")
            return failure.status
        }
        let exit = runner.run(over: link)
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

    private func connect(
        _ isTerminating: StopFlag,
        _ loops: EventLoops,
        _ onEvent: @escaping LinkEventHandler<CoordinatorMessage>
    ) throws -> Result<WorkerLink, ConnectFailure> {
        if case .descriptor(let number) = target {
            return .success(
                try waitFor {
                    try await LocalSocket.workerLink(
                        descriptor: number,
                        on: loops,
                        onEvent: onEvent
                    )
                }
            )
        }
        let limit = UInt64(max(0, command.connectTimeout)) * 1_000_000_000
        let deadline = monotonicNanoseconds() + limit
        var pause: UInt32 = 100_000
        while true {
            let last: String
            do {
                return .success(try attempt(loops, onEvent))
            } catch let error as TransportError where !error.isWorthRetrying {
                return .failure(ConnectFailure(status: 77, description: "\(error)"))
            } catch {
                // Also a run directory without an address: its coordinator may still be reading.
                last = "\(error)"
            }
            guard monotonicNanoseconds() < deadline, !isTerminating.isSet else {
                return .failure(ConnectFailure(status: 69, description: last))
            }
            usleep(pause)
            pause = min(pause * 2, 1_000_000)
        }
    }

    /// Tries every address once.
    private func attempt(
        _ loops: EventLoops,
        _ onEvent: @escaping LinkEventHandler<CoordinatorMessage>
    ) throws -> WorkerLink {
        let plan = try ConnectionPlan(target, tokenFile: command.tokenFile)
        var last: any Error = WorkerFailure("the run directory names no address")
        for host in plan.hosts {
            do {
                return try waitFor {
                    try await Connector.connect(
                        host: host,
                        port: plan.port,
                        token: plan.token,
                        on: loops,
                        onEvent: onEvent
                    )
                }
            } catch {
                last = error
            }
        }
        throw last
    }
}

/// Whether somebody asked the process to stop.
private final class StopFlag: Sendable {
    private let flag = Atomic<Bool>(false)

    var isSet: Bool { flag.load(ordering: .relaxed) }

    func set() { flag.store(true, ordering: .relaxed) }
}

extension TransportError {
    /// Whether a later attempt may succeed without anybody changing anything.
    fileprivate var isWorthRetrying: Bool {
        switch self {
        case .cannotConnect, .handshakeTimedOut: true
        default: false
        }
    }
}
