import ChildProcesses
import ComputeThreads
import Logging
import NodeTopology
import Synchronization
import Transport
import WireProtocol

/// Gives every connection its number, in the order they are made.
final class ConnectionNumbers: Sendable {
    private let last = Atomic<UInt64>(0)

    /// A number never given before.
    func next() -> UInt64 { last.wrappingAdd(1, ordering: .relaxed).newValue }
}

/// The worker processes that this process starts on its own machine, each over a socket pair.
///
/// A child that dies while the run goes on is started again, so that a perturbation which kills its
/// worker leaves somebody to fit the others.
final class LocalWorkers {
    private struct Slot {
        let placement: ChildPlacement
        var process: ChildProcess?
        var connection: UInt64?
        var startsWithoutWork = 0
    }

    /// What the end of a child means.
    struct Ended {
        /// The connection that died with it.
        var connection: UInt64?
        /// Set when children end again and again before they greet.
        var failure: RunFailure?
    }

    private static let startsBeforeGivingUp = 5
    private static let socketDescriptor: Int32 = 3
    private static let lifelineDescriptor: Int32 = 4

    private let executable: String
    private let arguments: [String]
    private let loops: EventLoops
    private let mailbox: Mailbox<ServeEvent>
    private let numbers: ConnectionNumbers
    private let log: Logger
    private var slots: [Slot]
    private var slotOfConnection: [UInt64: Int] = [:]

    /// Prepares children; none is started yet.
    ///
    /// - Parameters:
    ///   - placements: Where each child computes.
    ///   - arguments: Arguments common to all children, such as the memory limit.
    ///   - loops: The threads that serve the sockets.
    ///   - mailbox: Receives what happens to links and children.
    ///   - numbers: Gives connections their numbers.
    ///   - log: Where starts and failures are told.
    /// - Throws: ``RunFailure`` when there is no worker program beside this one.
    init(
        placements: [ChildPlacement],
        arguments: [String],
        loops: EventLoops,
        mailbox: Mailbox<ServeEvent>,
        numbers: ConnectionNumbers,
        log: Logger
    ) throws(RunFailure) {
        do throws(ChildProcessError) {
            executable = try ExecutableLocation.sibling(named: "crispyx-worker")
        } catch {
            throw RunFailure(.internalError, "\(error)")
        }
        self.arguments = arguments
        self.loops = loops
        self.mailbox = mailbox
        self.numbers = numbers
        self.log = log
        slots = placements.map { Slot(placement: $0) }
    }

    /// Starts every child.
    func startAll() {
        for slot in slots.indices { start(slot) }
    }

    /// Starts the child of a slot; a failure to do so is reported like its death.
    func start(_ slot: Int) {
        do {
            try launch(slot)
        } catch {
            log.error("a worker cannot be started", metadata: ["why": "\(error)"])
            mailbox.post(.childEnded(slot: slot, .exited(code: 127)))
        }
    }

    private func launch(_ slot: Int) throws {
        slots[slot].startsWithoutWork += 1
        let pair = try SocketPair.make()
        defer { pair.closeChildEnd() }
        let id = numbers.next()
        slots[slot].connection = id
        slotOfConnection[id] = slot
        let mailbox = mailbox
        let loops = loops
        _ = try waitFor {
            try await LocalSocket.coordinatorLink(descriptor: pair.parent, on: loops) { link in
                mailbox.post(.connected(id, link))
                return { mailbox.post(.link(id, $0)) }
            }
        }
        let command = ChildCommand(
            executable: executable,
            arguments: [
                "--connect", "fd:\(Self.socketDescriptor)",
                "--placement", slots[slot].placement.argument,
                "--lifeline", "\(Self.lifelineDescriptor)",
            ] + arguments,
            inherited: [.init(parent: pair.child, child: Self.socketDescriptor)],
            // Standard output belongs to the coordinator's result.
            standardOutput: .null,
            // A terminal's Ctrl-C is for the coordinator, which stops its workers in order.
            ownProcessGroup: true,
            lifelineDescriptor: Self.lifelineDescriptor
        )
        slots[slot].process = try ChildProcess.spawn(command) { status in
            mailbox.post(.childEnded(slot: slot, status))
        }
        log.debug(
            "worker started",
            metadata: ["process": "\(slots[slot].process?.processID ?? 0)", "slot": "\(slot)"]
        )
    }

    /// The slot behind a connection; nil for workers that others started.
    func slot(of connection: UInt64) -> Int? { slotOfConnection[connection] }

    /// Notes that a child's worker began a fit: it is not one that can never work.
    func worked(_ connection: UInt64) {
        if let slot = slotOfConnection[connection] { slots[slot].startsWithoutWork = 0 }
    }

    /// Ends the child behind a connection, which has lost its link.
    func end(_ connection: UInt64) {
        guard let slot = slotOfConnection[connection] else { return }
        slots[slot].process?.terminate(grace: .seconds(2))
    }

    /// Takes in the end of a child.
    func ended(_ slot: Int, _ status: ExitStatus) -> Ended {
        let connection = slots[slot].connection
        slots[slot].process = nil
        slots[slot].connection = nil
        if let connection { slotOfConnection[connection] = nil }
        let starts = slots[slot].startsWithoutWork
        guard starts >= Self.startsBeforeGivingUp else { return Ended(connection: connection) }
        return Ended(
            connection: connection,
            failure: RunFailure(
                .internalError,
                "\(executable) ended \(starts) times before it fitted anything: \(status)"
            )
        )
    }

    /// Waits for the children to leave, and ends those that do not in time.
    func endAll(patience: Duration) {
        // Nobody has told a child that did not join yet that the run is over.
        for slot in slots where slot.startsWithoutWork > 0 {
            slot.process?.terminate(grace: .seconds(2))
        }
        let running = slots.compactMap(\.process)
        let clock = ContinuousClock()
        let deadline = clock.now + patience
        let late = running.filter { process in
            process.wait(timeout: max(clock.now.duration(to: deadline), .zero)) == nil
        }
        for process in late { process.terminate(grace: .seconds(2)) }
        for process in late { _ = process.wait() }
    }
}
