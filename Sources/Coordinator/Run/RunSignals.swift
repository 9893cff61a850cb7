import ChildProcesses
import ComputeThreads
import Scheduling
import Synchronization

/// Where a signal goes: to the serving loop while there is one, otherwise to the process itself.
///
/// Before the run directory exists there is nothing to save, and while the result is published every
/// row is safe already: in both cases the process may simply end.
final class RunSignals: Sendable {
    private struct State: Sendable {
        var mailbox: Mailbox<ServeEvent>?
        var count = SignalCount()
    }

    private let state = Mutex(State())
    private let lastWords: @Sendable (WatchedSignal) -> Void

    /// Prepares to be told of signals.
    ///
    /// - Parameter lastWords: Called on the signals' thread before the process ends by a signal.
    init(lastWords: @escaping @Sendable (WatchedSignal) -> Void) { self.lastWords = lastWords }

    /// Starts watching.
    func start() throws(ChildProcessError) {
        _ = try SignalWatch.start([.interrupt, .terminate, .user1, .hangup]) { [self] signal in
            arrived(signal)
        }
    }

    /// Sends signals to a serving loop from now on; nil ends that.
    func deliver(to mailbox: Mailbox<ServeEvent>?) {
        state.withLock { $0.mailbox = mailbox }
    }

    private func arrived(_ signal: WatchedSignal) {
        let now = Instant(nanoseconds: monotonicNanoseconds())
        let (answer, mailbox) = state.withLock { ($0.count.arrived(signal, now: now), $0.mailbox) }
        if answer == .ignore { return }
        if answer == .stop, let mailbox {
            mailbox.post(.signal(signal))
        } else {
            lastWords(signal)
            SignalWatch.endProcess(by: signal)
        }
    }
}
