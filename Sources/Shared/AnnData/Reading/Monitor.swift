internal import Glibc

/// A lock with a condition to wait for.
///
/// `@unchecked` because the compiler cannot see that the operating system's lock is made to be
/// shared; the pointers are set once and freed when nobody holds the object any more.
final class Monitor: @unchecked Sendable {
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

    init() {
        mutex.initialize(to: pthread_mutex_t())
        condition.initialize(to: pthread_cond_t())
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(condition, nil)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    func locked<Value>(_ body: () throws -> Value) rethrows -> Value {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return try body()
    }

    /// Waits, inside ``locked(_:)``, until somebody calls ``notify()``.
    func wait() { pthread_cond_wait(condition, mutex) }

    /// Wakes everybody who waits.
    func notify() { pthread_cond_broadcast(condition) }
}
