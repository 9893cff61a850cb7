import ChildProcesses
import ComputeThreads
import Foundation
import Logging
import NodeTopology
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
        var plan: ConnectionPlan?
        if case .descriptor = target {
        } else {
            plan = try ConnectionPlan(target, tokenFile: command.tokenFile)
            hello.runID = plan?.runID
        }
        let runner = SessionRunner(hello: hello, log: log)
        let terminate = runner.terminate
        let signals = try SignalWatch.start([.terminate, .interrupt]) { _ in terminate() }
        defer { signals.stop() }
        if let lifeline = command.lifeline { try ParentWatch.start(descriptor: lifeline) }
        let loops = EventLoops()
        let link: WorkerLink
        switch try connect(plan, loops, runner.onEvent) {
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
        _ plan: ConnectionPlan?,
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
        guard let plan else { throw WorkerFailure("nowhere to connect to") }
        let deadline =
            monotonicNanoseconds() + UInt64(max(0, command.connectTimeout)) * 1_000_000_000
        var pause: UInt32 = 100_000
        while true {
            var last = "no address"
            for host in plan.hosts {
                do {
                    return .success(
                        try waitFor {
                            try await Connector.connect(
                                host: host,
                                port: plan.port,
                                token: plan.token,
                                on: loops,
                                onEvent: onEvent
                            )
                        }
                    )
                } catch let error as TransportError where !error.isWorthRetrying {
                    return .failure(ConnectFailure(status: 77, description: "\(error)"))
                } catch {
                    last = "\(error)"
                }
            }
            guard monotonicNanoseconds() < deadline else {
                return .failure(ConnectFailure(status: 69, description: last))
            }
            usleep(pause)
            pause = min(pause * 2, 2_000_000)
        }
    }
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
