internal import Glibc
internal import Synchronization

/// A child process; its end is noticed and collected whether or not anyone holds on to this.
///
/// No method blocks unless it says so, and all may be called from any thread. Signals go to the
/// child or to nobody: its number is not given back to the kernel while a signal is being sent.
package final class ChildProcess: Sendable {
    /// The kernel's number of the process.
    package let processID: Int32

    private let ownsProcessGroup: Bool
    private let latch = ExitLatch()
    private let state: Mutex<State>

    private struct State: Sendable {
        var exitStatus: ExitStatus?
        var lifeline: Int32?
        var observers: [@Sendable (ExitStatus) -> Void] = []
    }

    private init(processID: Int32, ownsProcessGroup: Bool, lifeline: Int32?) {
        self.processID = processID
        self.ownsProcessGroup = ownsProcessGroup
        state = Mutex(State(lifeline: lifeline))
    }

    /// Starts a program; it blocks no signals and ignores none but those ignored on a shell's
    /// behalf (hangup, interrupt, quit).
    ///
    /// - Parameters:
    ///   - command: The program and its descriptors.
    ///   - onExit: Called once with the child's end, as by `notify`; perhaps before this returns.
    /// - Returns: The child, which runs the program already.
    /// - Throws: `ChildProcessError`; no child is left then.
    package static func spawn(
        _ command: ChildCommand,
        onExit: (@Sendable (ExitStatus) -> Void)? = nil
    ) throws(ChildProcessError) -> ChildProcess {
        var ends: StreamPair?
        if command.lifelineDescriptor != nil { ends = try StreamPair() }
        let processID: Int32
        do throws(ChildProcessError) {
            processID = try Spawn.start(command, lifeline: ends?.child)
        } catch {
            if let ends { close(ends.own) }
            if let ends { close(ends.child) }
            throw error
        }
        if let ends { close(ends.child) }
        let child = ChildProcess(
            processID: processID,
            ownsProcessGroup: command.ownProcessGroup,
            lifeline: ends?.own
        )
        if let onExit { child.notify(onExit) }
        do throws(ChildProcessError) {
            try ChildReaper.shared.adopt(child)
        } catch {
            child.send(signal: SIGKILL)
            while !child.collectIfEnded() {
                usleep(1000)
            }
            throw error
        }
        return child
    }

    /// How the child ended; nil while it runs.
    package var exitStatus: ExitStatus? { state.withLock(\.exitStatus) }

    /// Calls `observer` once when the child has ended, at once if it has.
    ///
    /// It runs on the thread that collects all children, one observer at a time (or on the calling
    /// thread when the child has ended already): it must not block, least of all wait for a child.
    package func notify(_ observer: @escaping @Sendable (ExitStatus) -> Void) {
        let ended: ExitStatus? = state.withLock { state in
            if state.exitStatus == nil { state.observers.append(observer) }
            return state.exitStatus
        }
        if let ended { observer(ended) }
    }

    /// Suspends until the child has ended.
    package func ended() async -> ExitStatus {
        await withCheckedContinuation { continuation in
            notify { continuation.resume(returning: $0) }
        }
    }

    /// Blocks the calling thread until the child has ended.
    @discardableResult
    package func wait() -> ExitStatus {
        latch.wait()
        return exitStatus ?? .unknown
    }

    /// Blocks the calling thread until the child has ended or the time is up.
    ///
    /// - Returns: nil when the child still runs.
    package func wait(timeout: Duration) -> ExitStatus? {
        latch.wait(timeout: timeout) ? exitStatus : nil
    }

    /// Sends a signal to the child, or to its process group when it leads one.
    ///
    /// - Returns: Whether there was anyone to receive it.
    @discardableResult
    package func send(signal: Int32) -> Bool {
        state.withLock { state in
            guard state.exitStatus == nil else { return false }
            return kill(ownsProcessGroup ? -processID : processID, signal) == 0
        }
    }

    /// Asks the child to end and kills it when it has not after `grace`.
    ///
    /// Sends SIGTERM now, with SIGCONT in case the child is stopped, and SIGKILL later. Returns at
    /// once: `wait`, `ended` or an observer tell when the child is gone.
    package func terminate(grace: Duration) {
        guard send(signal: SIGTERM) else { return }
        send(signal: SIGCONT)
        do throws(ChildProcessError) {
            try PlainThread.start(purpose: "ends a child after its grace period") {
                if self.wait(timeout: grace) == nil { self.send(signal: SIGKILL) }
            }
        } catch {
            // Without a thread there is nobody to wait, and a child that stays is worse.
            send(signal: SIGKILL)
        }
    }

    /// Takes the child's status from the kernel if it has ended, without waiting.
    ///
    /// - Returns: Whether this call took it; `announceEnd` must follow.
    func collectIfEnded() -> Bool {
        state.withLock { state in
            guard state.exitStatus == nil else { return false }
            var waitStatus: Int32 = 0
            var result: Int32
            repeat {
                result = waitpid(processID, &waitStatus, WNOHANG)
            } while result < 0 && errno == EINTR
            guard result != 0 else { return false }
            state.exitStatus = result < 0 ? .unknown : ExitStatus(waitStatus: waitStatus)
            if let lifeline = state.lifeline { close(lifeline) }
            state.lifeline = nil
            return true
        }
    }

    /// Tells those who wait that the child has ended.
    func announceEnd() {
        latch.open()
        let (status, observers) = state.withLock { state in
            let observers = state.observers
            state.observers = []
            return (state.exitStatus ?? .unknown, observers)
        }
        for observer in observers {
            observer(status)
        }
    }
}
