import ChildProcesses
import ComputeThreads
import Synchronization

/// Where a signal goes: to the serving loop while there is one, otherwise to the process itself.
///
/// Before the run directory exists there is nothing to save, and while the result is published every
/// row is safe already: in both cases the process may simply end.
final class RunSignals: Sendable {
    private let mailbox = Mutex<Mailbox<ServeEvent>?>(nil)
    private let seen = Atomic<Bool>(false)

    /// Starts watching.
    func start() throws(ChildProcessError) {
        _ = try SignalWatch.start { [self] signal in arrived(signal) }
    }

    /// Sends signals to a serving loop from now on; nil ends that.
    func deliver(to mailbox: Mailbox<ServeEvent>?) {
        self.mailbox.withLock { $0 = mailbox }
    }

    private func arrived(_ signal: WatchedSignal) {
        let isFirst = !seen.exchange(true, ordering: .relaxed)
        if isFirst, let mailbox = mailbox.withLock({ $0 }) {
            mailbox.post(.signal(signal))
        } else {
            SignalWatch.endProcess(by: signal)
        }
    }
}
