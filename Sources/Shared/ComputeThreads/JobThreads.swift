import Glibc
import Synchronization

/// Threads that run jobs one after the other, first come first served.
package final class JobThreads: Sendable {
    /// How many jobs run at once.
    package let threadCount: Int

    private let queue = JobQueue()

    /// Starts `threadCount` threads, at least 1.
    package init(threadCount: Int) {
        self.threadCount = max(1, threadCount)
        for _ in 0..<self.threadCount {
            startDetachedThread { [queue] in queue.serve() }
        }
    }

    deinit { queue.stop() }

    /// Queues a job.
    package func submit(_ job: @escaping @Sendable () -> Void) {
        queue.add(job)
    }
}

/// The jobs that wait, and the threads' way of getting them.
private final class JobQueue: Sendable {
    private struct State {
        var jobs: [@Sendable () -> Void] = []
        var isStopped = false
    }

    private let state = Mutex(State())
    private let signal = Gate.Counting()

    func add(_ job: @escaping @Sendable () -> Void) {
        state.withLock { $0.jobs.append(job) }
        signal.post()
    }

    func stop() {
        state.withLock { $0.isStopped = true }
        // One post wakes one thread, which wakes the next before it ends.
        signal.post()
    }

    func serve() {
        while true {
            signal.wait()
            let (job, isStopped) = state.withLock { state in
                (state.jobs.isEmpty ? nil : state.jobs.removeFirst(), state.isStopped)
            }
            if let job {
                job()
            } else if isStopped {
                signal.post()
                return
            }
        }
    }
}
