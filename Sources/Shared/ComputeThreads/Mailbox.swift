import Glibc

/// A queue that many threads put events into and one thread takes them out of.
///
/// `@unchecked`: the lock guards the events; lock and condition are set up once in `init`.
package final class Mailbox<Event: Sendable>: @unchecked Sendable {
    private let lock = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let filled = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var events: [Event] = []

    /// An empty mailbox.
    package init() {
        lock.initialize(to: pthread_mutex_t())
        pthread_mutex_init(lock, nil)
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        // Waiting must not notice when somebody sets the clock.
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        filled.initialize(to: pthread_cond_t())
        pthread_cond_init(filled, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(filled)
        pthread_mutex_destroy(lock)
        filled.deallocate()
        lock.deallocate()
    }

    /// Adds an event and wakes the reader; callable from any thread.
    package func post(_ event: Event) {
        pthread_mutex_lock(lock)
        events.append(event)
        pthread_cond_signal(filled)
        pthread_mutex_unlock(lock)
    }

    /// Takes all events in the order they were posted, waiting for the first one.
    ///
    /// - Parameter milliseconds: Longest wait; nil to wait for ever.
    /// - Returns: At least one event, or none when the time is over.
    package func take(waitingAtMost milliseconds: Int? = nil) -> [Event] {
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        if let milliseconds {
            var deadline = timespec()
            clock_gettime(CLOCK_MONOTONIC, &deadline)
            deadline.tv_sec += milliseconds / 1000
            deadline.tv_nsec += (milliseconds % 1000) * 1_000_000
            if deadline.tv_nsec >= 1_000_000_000 {
                deadline.tv_sec += 1
                deadline.tv_nsec -= 1_000_000_000
            }
            while events.isEmpty {
                if pthread_cond_timedwait(filled, lock, &deadline) == ETIMEDOUT { break }
            }
        } else {
            while events.isEmpty { pthread_cond_wait(filled, lock) }
        }
        defer { events = [] }
        return events
    }
}

/// Nanoseconds of a clock that nobody can set, for intervals only.
package func monotonicNanoseconds() -> UInt64 {
    var now = timespec()
    clock_gettime(CLOCK_MONOTONIC, &now)
    return UInt64(now.tv_sec) * 1_000_000_000 + UInt64(now.tv_nsec)
}
