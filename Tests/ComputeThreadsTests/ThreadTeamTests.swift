import ComputeThreads
import Glibc
import Synchronization
import Testing

/// Counters that many threads add to.
private final class Tally: Sendable {
    private let counts: Mutex<[Int]>

    init(_ count: Int) { counts = Mutex([Int](repeating: 0, count: count)) }

    func add(_ index: Int) { counts.withLock { $0[index] += 1 } }

    var values: [Int] { counts.withLock { $0 } }
}

@Suite("A team of threads")
struct ThreadTeamTests {
    @Test("does every index once and returns when all are done", arguments: [1, 2, 3, 8])
    func everyIndexOnce(_ threads: Int) {
        let team = ThreadTeam(threadCount: threads)
        #expect(team.threadCount == threads)
        for count in [0, 1, 2, 3, 7, 1000] {
            let tally = Tally(count)
            team.forEach(count) { tally.add($0) }
            #expect(tally.values == [Int](repeating: 1, count: count))
        }
    }

    @Test("has at least the calling thread")
    func atLeastOne() {
        for threads in [-3, 0, 1] {
            let team = ThreadTeam(threadCount: threads)
            #expect(team.threadCount == 1)
            let caller = pthread_self()
            let tally = Tally(5)
            team.forEach(5) { index in
                if pthread_equal(caller, pthread_self()) != 0 { tally.add(index) }
            }
            #expect(tally.values == [1, 1, 1, 1, 1])
        }
    }

    @Test("works with as many threads at once as it has")
    func together() {
        let team = ThreadTeam(threadCount: 3)
        let meeting = Meeting(3)
        // No index can finish before three threads have begun one.
        team.forEach(3) { _ in meeting.meet() }
        #expect(meeting.isComplete)
    }

    @Test("shows the caller what the bodies wrote")
    func visibility() {
        final class Cells: @unchecked Sendable {
            let values = UnsafeMutableBufferPointer<Int>.allocate(capacity: 500)
            deinit { values.deallocate() }
        }
        let team = ThreadTeam(threadCount: 4)
        let cells = Cells()
        for round in 0..<300 {
            team.forEach(500) { cells.values[$0] = $0 * round }
            #expect((0..<500).allSatisfy { cells.values[$0] == $0 * round })
        }
    }

    @Test("takes loops inside loops and from several threads at once")
    func nested() {
        let team = ThreadTeam(threadCount: 3)
        let tally = Tally(40)
        team.forEach(4) { outer in
            team.forEach(10) { inner in tally.add(outer * 10 + inner) }
        }
        #expect(tally.values == [Int](repeating: 1, count: 40))
        let callers = JobThreads(threadCount: 4)
        let shared = Tally(400)
        let ended = Mailbox<Int>()
        for caller in 0..<4 {
            callers.submit {
                team.forEach(100) { shared.add(caller * 100 + $0) }
                ended.post(caller)
            }
        }
        var seen: [Int] = []
        while seen.count < 4 { seen += ended.take() }
        #expect(shared.values == [Int](repeating: 1, count: 400))
    }
}

/// Threads wait here for each other.
final class Meeting: Sendable {
    private struct State {
        var missing: Int
        var isGivenUp = false
    }

    private let state: Mutex<State>

    init(_ expected: Int) { state = Mutex(State(missing: expected)) }

    /// Whether all came while the others were still waiting.
    var isComplete: Bool { state.withLock { $0.missing == 0 && !$0.isGivenUp } }

    /// Waits until all have come; after ten seconds everybody gives up.
    func meet() {
        state.withLock { $0.missing -= 1 }
        let start = monotonicNanoseconds()
        while state.withLock({ $0.missing > 0 && !$0.isGivenUp }) {
            if monotonicNanoseconds() - start > 10_000_000_000 {
                state.withLock { $0.isGivenUp = true }
            }
            usleep(100)
        }
    }
}
