internal import Glibc
internal import Synchronization

/// Collects every child that `ChildProcess` starts, on one thread that lives while there are any.
///
/// One for the process, since the kernel has one list of children. It only looks at children that
/// are not its own, so that other code in the process can have some too.
final class ChildReaper: Sendable {
    static let shared = ChildReaper()

    private struct State: Sendable {
        var children: [ObjectIdentifier: ChildProcess] = [:]
        var isRunning = false
    }

    private let state = Mutex(State())

    private init() {
        // A launcher that ignores SIGCHLD hands that down, and the kernel then keeps no statuses.
        var action = sigaction()
        guard sigaction(SIGCHLD, nil, &action) == 0 else { return }
        let isIgnored = unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self) == 1
        if isIgnored || action.sa_flags & Int32(SA_NOCLDWAIT) != 0 {
            action = sigaction()
            sigaction(SIGCHLD, &action, nil)
        }
    }

    /// Takes over a child that has just been started.
    func adopt(_ child: ChildProcess) throws(ChildProcessError) {
        try state.withLock { state throws(ChildProcessError) in
            if !state.isRunning {
                try PlainThread.start(purpose: "collects child processes") { self.run() }
                state.isRunning = true
            }
            state.children[ObjectIdentifier(child)] = child
        }
    }

    private func run() {
        var hasJustWaited = false
        while let children = childrenOrEnd() {
            let ended = children.filter { $0.collectIfEnded() }
            for child in ended {
                state.withLock { _ = $0.children.removeValue(forKey: ObjectIdentifier(child)) }
                child.announceEnd()
            }
            guard ended.isEmpty else {
                hasJustWaited = false
                continue
            }
            // Woken for a child of other code, which has not collected it yet.
            if hasJustWaited { usleep(10_000) }
            var information = siginfo_t()
            waitid(P_ALL, 0, &information, WEXITED | WNOWAIT)
            hasJustWaited = true
        }
    }

    /// The children to look after; nil when there are none and the thread is to end.
    private func childrenOrEnd() -> [ChildProcess]? {
        state.withLock { state in
            state.isRunning = !state.children.isEmpty
            return state.isRunning ? Array(state.children.values) : nil
        }
    }
}
