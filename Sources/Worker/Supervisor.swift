import ChildProcesses
import ComputeThreads
import Foundation
import Logging
import Transport
import WireProtocol

/// Tells the coordinator how a child died, over a connection of its own.
///
/// The news is for people: the coordinator acts on the child's closed connection already. A report
/// that cannot be delivered is therefore only logged.
struct Supervisor {
    private let target: WorkerTarget
    private let credentials: CredentialSource
    private let log: Logger

    init(target: WorkerTarget, credentials: CredentialSource, log: Logger) {
        self.target = target
        self.credentials = credentials
        self.log = log
    }

    /// Connects, greets as a supervisor, reports and leaves.
    ///
    /// - Parameters:
    ///   - status: How the child ended.
    ///   - description: The same for people, with what else is known.
    func report(_ status: ExitStatus, _ description: String) {
        do {
            let plan = try ConnectionPlan(target, credentials)
            guard let address = plan.addresses.first else { return }
            let loops = EventLoops()
            let mailbox = Mailbox<LinkEvent<CoordinatorMessage>>()
            let link = try waitFor {
                try await Connector.connect(
                    host: address.host,
                    port: address.port,
                    credentials: plan.credentials,
                    on: loops
                ) { mailbox.post($0) }
            }
            var random = SystemRandomNumberGenerator()
            let hello = Hello(
                role: .supervisor,
                workerID: Bytes16.randomUUID(using: &random),
                host: ProcessInfo.processInfo.hostName,
                processID: UInt32(getpid()),
                threads: 0,
                memoryBytes: 0,
                runID: plan.runID
            )
            try link.send(.hello(hello))
            for event in mailbox.take(waitingAtMost: 5000) {
                guard case .message(.welcome) = event else { continue }
                try link.send(
                    .childExited(
                        ChildExit(
                            workerID: hello.workerID,
                            description: description,
                            status: wire(status)
                        )
                    )
                )
                try link.send(.goodbye(reason: "reported"))
            }
            link.close()
            try waitFor { try await loops.shutdown() }
        } catch {
            log.debug("the coordinator was not told", metadata: ["why": "\(error)"])
        }
    }

    private func wire(_ status: ExitStatus) -> ChildStatus {
        switch status {
        case .exited(let code): .exited(code: UInt32(code))
        case .signalled(let number, _): .signalled(number: UInt32(number))
        default: .exited(code: 255)
        }
    }
}
