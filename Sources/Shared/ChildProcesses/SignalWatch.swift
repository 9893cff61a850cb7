internal import Glibc
internal import Synchronization

/// Delivers signals as values to a closure on a plain thread, where it may lock, log and allocate.
///
/// Started first thing in `main`, it blocks the signals in every thread that follows, so that no
/// system call is interrupted. Threads that were there before forward what reaches them.
package final class SignalWatch: Sendable {
    private let signals: Set<WatchedSignal>
    private let wasBlocked: Set<WatchedSignal>
    private let isStopped = Atomic(false)

    /// The thread that waits for signals, 0 before there is one; it never ends, so that a signal
    /// handler can name it at any time.
    private static let receiver = Atomic<UInt>(0)
    private static let current = Mutex<Current>(Current())

    private struct Current: Sendable {
        var isActive = false
        var handler: (@Sendable (WatchedSignal) -> Void)?
    }

    /// Watches signals until `stop`; a process has one watch at a time.
    ///
    /// - Parameters:
    ///   - requested: The signals; those this process was started to ignore (as shells do for
    ///     background jobs) stay ignored.
    ///   - handler: Runs on the watching thread, for one signal at a time. Signals of one kind that
    ///     arrive while it runs count as one.
    /// - Returns: The watch, to stop it; it goes on whether or not anyone holds on to it.
    /// - Throws: `ChildProcessError.signalsAlreadyWatched` or `.cannotStartThread`.
    package static func start(
        _ requested: Set<WatchedSignal> = [.interrupt, .terminate, .user1],
        handler: @escaping @Sendable (WatchedSignal) -> Void
    ) throws(ChildProcessError) -> SignalWatch {
        let signals = requested.filter { !isIgnored($0) }
        try current.withLock { current throws(ChildProcessError) in
            guard !current.isActive else { throw .signalsAlreadyWatched }
            if receiver.load(ordering: .acquiring) == 0 {
                let thread = try PlainThread.start(purpose: "receives signals", receive)
                receiver.store(thread, ordering: .releasing)
            }
            current = Current(isActive: true, handler: handler)
        }
        var previous = sigset_t()
        var set = signalSet(signals)
        pthread_sigmask(SIG_BLOCK, &set, &previous)
        for signal in signals {
            var action = sigaction()
            action.__sigaction_handler.sa_handler = { number in
                _ = pthread_kill(SignalWatch.receiver.load(ordering: .acquiring), number)
            }
            action.sa_flags = Int32(SA_RESTART)
            sigaction(signal.rawValue, &action, nil)
        }
        let wasBlocked = signals.filter { sigismember(&previous, $0.rawValue) == 1 }
        return SignalWatch(signals: signals, wasBlocked: wasBlocked)
    }

    private init(signals: Set<WatchedSignal>, wasBlocked: Set<WatchedSignal>) {
        self.signals = signals
        self.wasBlocked = wasBlocked
    }

    /// Gives the signals their default effect again, in every thread; a second call does nothing.
    package func stop() {
        guard !isStopped.exchange(true, ordering: .relaxed) else { return }
        for signal in signals {
            Self.restoreDefault(signal)
        }
        Self.current.withLock { $0 = Current() }
        var set = Self.signalSet(signals.subtracting(wasBlocked))
        pthread_sigmask(SIG_UNBLOCK, &set, nil)
    }

    /// Ends the process by the signal itself, so that a shell or batch system sees what ended it.
    ///
    /// Flushes and cleans up nothing: the caller has done so. Where the signal is without effect
    /// (as for the first process of a container) the status is `WatchedSignal.exitCode`.
    package static func endProcess(by signal: WatchedSignal) -> Never {
        restoreDefault(signal)
        deliverHere(signal)
        _exit(signal.exitCode)
    }

    @Sendable private static func receive() {
        var set = signalSet(Set(WatchedSignal.allCases))
        while true {
            var number: Int32 = 0
            guard sigwait(&set, &number) == 0, let signal = WatchedSignal(rawValue: number) else {
                continue
            }
            deliver(signal)
        }
    }

    /// Does what the arrival of a signal does: calls the watch's handler, or has the signal take
    /// its effect on the calling thread when no watch is active, even if the thread blocks it.
    package static func deliver(_ signal: WatchedSignal) {
        if let handler = current.withLock(\.handler) {
            handler(signal)
        } else {
            // Threads started under an earlier watch still block the signal, so nothing else would.
            deliverHere(signal)
        }
    }

    /// Lets a signal have whatever effect it has now, on the calling thread.
    private static func deliverHere(_ signal: WatchedSignal) {
        var set = signalSet([signal])
        var previous = sigset_t()
        pthread_sigmask(SIG_UNBLOCK, &set, &previous)
        raise(signal.rawValue)
        pthread_sigmask(SIG_SETMASK, &previous, nil)
    }

    private static func restoreDefault(_ signal: WatchedSignal) {
        var action = sigaction()
        sigaction(signal.rawValue, &action, nil)
    }

    private static func isIgnored(_ signal: WatchedSignal) -> Bool {
        var action = sigaction()
        guard sigaction(signal.rawValue, nil, &action) == 0 else { return false }
        return unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self) == 1
    }

    private static func signalSet(_ signals: Set<WatchedSignal>) -> sigset_t {
        var set = sigset_t()
        sigemptyset(&set)
        for signal in signals {
            sigaddset(&set, signal.rawValue)
        }
        return set
    }
}
