import ComputeThreads
import Glibc
import Testing

@Suite("A mailbox")
struct MailboxTests {
    @Test("gives all events in the order they were posted")
    func order() {
        let box = Mailbox<Int>()
        for event in 0..<100 { box.post(event) }
        #expect(box.take() == Array(0..<100))
        #expect(box.take(waitingAtMost: 0).isEmpty)
    }

    @Test("keeps the order of each of many posters and loses nothing")
    func manyPosters() {
        let box = Mailbox<(poster: Int, event: Int)>()
        let threads = JobThreads(threadCount: 4)
        for poster in 0..<4 {
            threads.submit {
                for event in 0..<1000 { box.post((poster, event)) }
            }
        }
        var seen = [[Int]](repeating: [], count: 4)
        while seen.reduce(0, { $0 + $1.count }) < 4000 {
            for (poster, event) in box.take() { seen[poster].append(event) }
        }
        #expect(seen.allSatisfy { $0 == Array(0..<1000) })
    }

    @Test("waits no longer and no shorter than asked", arguments: [1, 30, 250])
    func timeout(_ milliseconds: Int) {
        let box = Mailbox<Int>()
        let start = monotonicNanoseconds()
        #expect(box.take(waitingAtMost: milliseconds).isEmpty)
        let waited = Int(monotonicNanoseconds() - start)
        #expect(waited >= milliseconds * 1_000_000)
        // Generous, for machines that are busy with something else.
        #expect(waited < milliseconds * 1_000_000 + 5_000_000_000)
    }

    @Test("a reader that waits is woken by an event")
    func wakening() {
        let box = Mailbox<String>()
        for timeout in [nil, 20_000] {
            startDetachedThread {
                usleep(20_000)
                box.post("now")
            }
            let start = monotonicNanoseconds()
            #expect(box.take(waitingAtMost: timeout) == ["now"])
            #expect(monotonicNanoseconds() - start < 15_000_000_000)
        }
    }

    @Test("the clock never goes back")
    func clock() {
        var last = monotonicNanoseconds()
        for _ in 0..<10_000 {
            let now = monotonicNanoseconds()
            #expect(now >= last)
            last = now
        }
    }
}

@Suite("Waiting for an asynchronous step")
struct WaitingTests {
    private struct Failure: Error, Equatable {
        let code: Int
    }

    /// Runs `body` on a plain thread, which may wait.
    private func onPlainThread<Value: Sendable>(
        _ body: @escaping @Sendable () -> Value
    ) async -> Value {
        await withCheckedContinuation { continuation in
            startDetachedThread { continuation.resume(returning: body()) }
        }
    }

    @Test("gives what the step returns, suspensions included")
    func value() async {
        let found = await onPlainThread {
            try? waitFor {
                var sum = 0
                for number in 1...20 {
                    await Task.yield()
                    sum += number
                }
                return sum
            }
        }
        #expect(found == 210)
    }

    @Test("throws what the step throws")
    func error() async {
        let found = await onPlainThread { () -> Failure? in
            do {
                _ = try waitFor { () async throws -> Int in
                    await Task.yield()
                    throw Failure(code: 7)
                }
                return nil
            } catch {
                return error as? Failure
            }
        }
        #expect(found == Failure(code: 7))
    }
}
