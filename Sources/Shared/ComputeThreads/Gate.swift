import Glibc

/// A door that stays shut until somebody opens it once.
final class Gate: Sendable {
    private let semaphore = Counting()

    func open() { semaphore.post() }

    func wait() { semaphore.wait() }

    /// A counting semaphore of the operating system.
    ///
    /// `@unchecked` because the compiler cannot see that `sem_t` is made to be shared; the pointer
    /// is set once in `init` and freed when nobody holds the object any more.
    final class Counting: @unchecked Sendable {
        private let handle = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)

        init() {
            handle.initialize(to: sem_t())
            sem_init(handle, 0, 0)
        }

        deinit {
            sem_destroy(handle)
            handle.deallocate()
        }

        func post() { sem_post(handle) }

        func wait() {
            // A signal may interrupt the wait; the count is then unchanged.
            while sem_wait(handle) != 0 {}
        }
    }
}

/// Starts a detached thread that runs `body` with all signals blocked.
///
/// Signals stay with the thread that waits for them, so that none of them interrupts a kernel.
package func startDetachedThread(_ body: @escaping @Sendable () -> Void) {
    final class Box: Sendable {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
    var all = sigset_t()
    var previous = sigset_t()
    sigfillset(&all)
    pthread_sigmask(SIG_SETMASK, &all, &previous)
    var thread = pthread_t()
    let status = pthread_create(
        &thread,
        &attributes,
        { pointer in
            guard let pointer else { return nil }
            Unmanaged<Box>.fromOpaque(pointer).takeRetainedValue().body()
            return nil
        },
        Unmanaged.passRetained(Box(body)).toOpaque()
    )
    precondition(status == 0, "the system refuses another thread: \(status)")
    pthread_sigmask(SIG_SETMASK, &previous, nil)
    pthread_attr_destroy(&attributes)
}
