internal import CHDF5
internal import ComputeThreads
internal import Glibc

/// The one thread on which every call into libhdf5 runs.
///
/// libhdf5 holds a global lock, keeps its error stack per thread and must not be used by two
/// threads that share an identifier. So one thread owns the library for the life of the process;
/// everybody else hands it work and waits. Work is done in the order it was handed over.
package enum HDF5Thread {
    private static let queue = LibraryQueue()

    /// Runs `work` on the library's thread and returns what it returns.
    ///
    /// Blocks the calling thread. May be nested: work that already runs on the library's thread
    /// goes on there. Several calls wrapped into one `perform` change threads once.
    package static func perform<Value, Failure: Error>(
        _ work: () throws(Failure) -> Value
    ) throws(Failure) -> Value {
        if queue.isCurrentThread { return try work() }
        var outcome: Result<Value, Failure>?
        withoutActuallyEscaping(
            {
                do throws(Failure) {
                    outcome = .success(try work())
                } catch {
                    outcome = .failure(error)
                }
            },
            do: { queue.run($0) }
        )
        guard let outcome else { preconditionFailure("the HDF5 thread lost a piece of work") }
        return try outcome.get()
    }
}

/// The work waiting for the library's thread.
///
/// `@unchecked` because the compiler does not see that `mutex` guards every stored variable and
/// that the closures run while their owner waits for them.
private final class LibraryQueue: @unchecked Sendable {
    private final class Job {
        let work: () -> Void
        var done = false
        init(_ work: @escaping () -> Void) { self.work = work }
    }

    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let arrival = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private let completion = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var waiting: [Job] = []
    private var thread: pthread_t?

    init() {
        mutex.initialize(to: pthread_mutex_t())
        arrival.initialize(to: pthread_cond_t())
        completion.initialize(to: pthread_cond_t())
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(arrival, nil)
        pthread_cond_init(completion, nil)
        startDetachedThread { [self] in serve() }
        pthread_mutex_lock(mutex)
        while thread == nil { pthread_cond_wait(completion, mutex) }
        pthread_mutex_unlock(mutex)
    }

    var isCurrentThread: Bool {
        guard let thread else { return false }
        return pthread_equal(thread, pthread_self()) != 0
    }

    func run(_ work: @escaping () -> Void) {
        let job = Job(work)
        pthread_mutex_lock(mutex)
        waiting.append(job)
        pthread_cond_signal(arrival)
        while !job.done { pthread_cond_wait(completion, mutex) }
        pthread_mutex_unlock(mutex)
    }

    private func serve() {
        // Without this the library cleans up at exit on whichever thread ends the process, where
        // an identifier left open by an interrupted read has been seen to crash it.
        _ = H5dont_atexit()
        _ = H5open()
        chdf5_silence()
        LZF.register()
        pthread_mutex_lock(mutex)
        thread = pthread_self()
        pthread_cond_broadcast(completion)
        while true {
            while waiting.isEmpty { pthread_cond_wait(arrival, mutex) }
            let job = waiting.removeFirst()
            pthread_mutex_unlock(mutex)
            job.work()
            pthread_mutex_lock(mutex)
            job.done = true
            pthread_cond_broadcast(completion)
        }
    }
}
