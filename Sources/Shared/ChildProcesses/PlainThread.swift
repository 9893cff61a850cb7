internal import Glibc

/// A detached thread that blocks every signal, for work that waits in the kernel.
///
/// Such waits would hold up a pool that also computes, and a signal meant for the process must not
/// interrupt them.
enum PlainThread {
    /// Runs `body` on a new thread.
    ///
    /// - Parameters:
    ///   - purpose: What the thread does, for the error: "collects children".
    ///   - body: Runs once; the thread ends with it.
    /// - Returns: The thread, which may have ended already.
    /// - Throws: `ChildProcessError.cannotStartThread`.
    @discardableResult
    static func start(
        purpose: String,
        _ body: @escaping @Sendable () -> Void
    ) throws(ChildProcessError) -> pthread_t {
        var everySignal = sigset_t()
        var previous = sigset_t()
        sigfillset(&everySignal)
        pthread_sigmask(SIG_SETMASK, &everySignal, &previous)
        defer { pthread_sigmask(SIG_SETMASK, &previous, nil) }
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        defer { pthread_attr_destroy(&attributes) }
        pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
        let box = Unmanaged.passRetained(Body(body))
        var thread = pthread_t()
        let code = pthread_create(
            &thread,
            &attributes,
            { raw in
                guard let raw else { return nil }
                Unmanaged<Body>.fromOpaque(raw).takeRetainedValue().run()
                return nil
            },
            box.toOpaque()
        )
        guard code == 0 else {
            box.release()
            throw .cannotStartThread(purpose: purpose, code: code)
        }
        return thread
    }
}

private final class Body: Sendable {
    let run: @Sendable () -> Void

    init(_ run: @escaping @Sendable () -> Void) {
        self.run = run
    }
}
