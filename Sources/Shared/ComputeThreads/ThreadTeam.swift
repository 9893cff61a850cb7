import Synchronization

/// A fixed set of operating-system threads for arithmetic, apart from the threads that answer peers.
///
/// Kernels never run on a cooperative executor or an event loop: a fit of several seconds there
/// would silence the heartbeat. The team hands out indices dynamically, so which thread computes
/// an index depends on luck; bodies must therefore write only to places owned by their index.
package final class ThreadTeam: Sendable {
    /// How many threads take part in a loop, the calling thread included; at least 1.
    package let threadCount: Int

    private let helpers: JobThreads?

    /// Starts the threads.
    ///
    /// - Parameter threadCount: Threads that work together, the caller of ``forEach(_:_:)`` included.
    package init(threadCount: Int) {
        self.threadCount = max(1, threadCount)
        helpers = threadCount > 1 ? JobThreads(threadCount: threadCount - 1) : nil
    }

    /// Runs `body` once for every index below `count` and returns when all have finished.
    ///
    /// - Parameters:
    ///   - count: Number of indices.
    ///   - body: Called concurrently with distinct indices; what it writes must belong to its index.
    package func forEach(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
        guard count > 0 else { return }
        guard let helpers, count > 1 else {
            for index in 0..<count { body(index) }
            return
        }
        let loop = Loop(count: count, body: body)
        for _ in 0..<min(helpers.threadCount, count - 1) {
            helpers.submit { loop.takePart() }
        }
        loop.takePart()
        loop.waitUntilDone()
    }
}

/// One parallel loop: a counter of indices given out and a counter of indices finished.
private final class Loop: Sendable {
    let count: Int
    let body: @Sendable (Int) -> Void
    private let next = Atomic<Int>(0)
    private let finished = Atomic<Int>(0)
    private let gate = Gate()

    init(count: Int, body: @escaping @Sendable (Int) -> Void) {
        self.count = count
        self.body = body
    }

    func takePart() {
        var done = 0
        while true {
            let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
            if index >= count { break }
            body(index)
            done += 1
        }
        guard done > 0 else { return }
        if finished.wrappingAdd(done, ordering: .acquiringAndReleasing).newValue == count {
            gate.open()
        }
    }

    func waitUntilDone() {
        gate.wait()
        // The gate orders the bodies' writes before this return; the load states it for readers.
        precondition(finished.load(ordering: .acquiring) == count)
    }
}
