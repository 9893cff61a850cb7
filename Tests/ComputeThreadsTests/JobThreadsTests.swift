import ComputeThreads
import Glibc
import Synchronization
import Testing

@Suite("Threads for jobs")
struct JobThreadsTests {
    @Test("one thread does jobs first come first served")
    func order() {
        let threads = JobThreads(threadCount: 1)
        let done = Mailbox<Int>()
        for job in 0..<200 { threads.submit { done.post(job) } }
        var seen: [Int] = []
        while seen.count < 200 { seen += done.take() }
        #expect(seen == Array(0..<200))
    }

    @Test("several threads do jobs at once")
    func together() {
        let threads = JobThreads(threadCount: 3)
        #expect(threads.threadCount == 3)
        let meeting = Meeting(3)
        let done = Mailbox<Int>()
        for job in 0..<3 {
            threads.submit {
                meeting.meet()
                done.post(job)
            }
        }
        var seen: [Int] = []
        while seen.count < 3 { seen += done.take() }
        #expect(Set(seen) == [0, 1, 2] && meeting.isComplete)
    }

    @Test("there is at least one thread")
    func atLeastOne() {
        let threads = JobThreads(threadCount: 0)
        let done = Mailbox<Int>()
        threads.submit { done.post(1) }
        #expect(threads.threadCount == 1)
        #expect(done.take() == [1])
    }

    @Test("jobs queued before the owner goes are done all the same, then the threads end")
    func afterTheOwner() {
        let done = Mailbox<Int>()
        final class Watched: Sendable {
            let done: Mailbox<Int>
            init(_ done: Mailbox<Int>) { self.done = done }
            deinit { done.post(-1) }
        }
        do {
            let threads = JobThreads(threadCount: 2)
            let watched = Watched(done)
            for job in 0..<50 {
                threads.submit {
                    usleep(200)
                    watched.done.post(job)
                }
            }
        }
        var seen: [Int] = []
        while seen.count < 51 {
            let new = done.take(waitingAtMost: 10_000)
            if new.isEmpty { break }
            seen += new
        }
        // The last job lets go of what it holds, and nothing is done twice.
        #expect(Set(seen) == Set(-1..<50) && seen.count == 51)
    }

    @Test("a detached thread blocks all signals and leaves the caller's as they were")
    func signals() {
        @Sendable func blocked() -> [Bool] {
            var mask = sigset_t()
            pthread_sigmask(SIG_BLOCK, nil, &mask)
            return [SIGINT, SIGTERM, SIGHUP, SIGCHLD, SIGPIPE].map {
                sigismember(&mask, $0) == 1
            }
        }
        let before = blocked()
        let inside = Mailbox<[Bool]>()
        startDetachedThread { inside.post(blocked()) }
        #expect(inside.take() == [[true, true, true, true, true]])
        #expect(blocked() == before)
    }
}
