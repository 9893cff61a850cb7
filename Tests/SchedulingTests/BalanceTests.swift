import Scheduling
import Testing

@Suite("Work that is taken back, and copies of stragglers")
struct BalanceTests {
    @Test("What waits behind a busy worker is asked back for an idle one")
    func askedBack() {
        let bench = SchedulerBench(units([3, 2]))
        #expect(bench.join(1).grants.map(\.lease.perturbations) == [[0, 1]])
        bench.send(.started(1, 1, 0))
        // Nothing is pending, and the second worker has nothing to do.
        #expect(bench.join(2) == [.revoke(1, 1, [1])])
        #expect(bench.send(.tick) == [], "asked once")
        #expect(bench.phase(1) == .leased, "still the first worker's")
        let grants = bench.send(.returned(1, 1, [1])).grants
        #expect(grants.map(\.worker) == [2])
        #expect(grants.map(\.lease.perturbations) == [[1]])
        #expect(bench.scheduler.workerStatuses.map(\.unfinishedCount) == [1, 1])
    }

    @Test("A worker that began it meanwhile keeps it")
    func tooLate() {
        let bench = SchedulerBench(units([3, 2]))
        bench.join(1)
        bench.send(.started(1, 1, 0))
        bench.join(2)
        // The row of 0 and the start of 1 were under way.
        bench.row(1, 1, 0)
        #expect(bench.send(.started(1, 1, 1)) == [])
        #expect(bench.row(1, 1, 1) == [.write(1, from: 1, attempt: 1)])
        #expect(bench.scheduler.workerStatuses.map(\.unfinishedCount) == [0, 0])
    }

    @Test("What a worker's threads can begin stays, unless it does not begin for long")
    func ownThreadsFirst() {
        let bench = SchedulerBench(units([3, 2]))
        bench.join(1, threads: 2)
        #expect(bench.join(2, threads: 4) == [], "two threads, two units")
        bench.send(.heard(1), after: 59)
        bench.send(.heard(2))
        #expect(bench.send(.tick) == [])
        let late = bench.send(.heard(1), after: 2)
        #expect(late == [.revoke(1, 1, [1, 0])])
    }

    @Test("A unit that is always returned is not asked for without end")
    func boundedRevocations() {
        var policy = SchedulingPolicy()
        policy.revocationsPerUnit = 2
        let bench = SchedulerBench(units([3, 2]), policy: policy)
        bench.join(1)
        bench.send(.started(1, 1, 0))
        bench.join(2)
        bench.send(.returned(1, 1, [1]))
        bench.send(.workerLeft(2, .goodbye))
        // It is the first worker's again, and once more an idle one comes.
        #expect(bench.phase(1) == .leased)
        #expect(bench.join(3) == [.revoke(1, 3, [1])])
        bench.send(.returned(1, 3, [1]))
        bench.send(.workerLeft(3, .goodbye))
        #expect(bench.join(4) == [])
    }

    @Test("Units that are not owed are not taken from anybody's hands")
    func strayReturns() {
        let bench = SchedulerBench(units([3, 2]))
        bench.join(1)
        #expect(bench.send(.returned(1, 1, [7])) == [])
        #expect(bench.send(.returned(2, 1, [0])) == [])
        #expect(bench.send(.returned(1, 5, [0])) == [])
        #expect(bench.counts.leased == 2)
        #expect(bench.scheduler.ignoredEventCount == 3)
    }

    // MARK: - Copies

    @Test("A fit that takes far too long is copied once, and the first row wins")
    func copied() throws {
        let bench = SchedulerBench(units([30, 1, 1, 1]))
        bench.join(1, host: "a")
        bench.send(.started(1, 1, 0))
        bench.join(2, host: "b")
        bench.send(.returned(1, 1, [1]))
        for (lease, perturbation): (LeaseID, PerturbationIndex) in [(2, 2), (2, 3), (3, 1)] {
            bench.send(.started(2, lease, perturbation))
            bench.row(2, lease, perturbation, after: 1)
        }
        #expect(bench.counts.open == 1)
        for _ in 0..<8 {
            bench.send(.heard(1), after: 10)
            bench.send(.heard(2))
            #expect(bench.send(.tick) == [], "90 s are three times what is usual")
        }
        bench.send(.heard(1), after: 10)
        bench.send(.heard(2))
        let copy = bench.send(.tick).grants
        #expect(copy.map(\.worker) == [2])
        let lease = try #require(copy.first?.lease)
        #expect(lease.isCopy && !lease.solo && lease.perturbations == [0])
        #expect(bench.send(.tick) == [], "one copy is enough")
        bench.send(.started(2, lease.lease, 0))
        let won = bench.row(2, lease.lease, 0)
        #expect(won == [.cancel(1, 1, 0), .write(0, from: 2, attempt: 1)])
        // The other one is busy with it until it says that it has done.
        #expect(bench.scheduler.workerStatuses.map(\.unfinishedCount) == [1, 0])
        #expect(bench.send(.returned(1, 1, [0])) == [])
        #expect(bench.scheduler.workerStatuses.map(\.unfinishedCount) == [0, 0])
        #expect(bench.send(.rowsDurable([0, 1, 2, 3])).contains(.settled))
    }

    @Test("When the first fit wins after all, the copy is cancelled; a late row is a duplicate")
    func originalWins() throws {
        let (bench, copy) = try copiedBench()
        #expect(bench.row(1, 1, 0) == [.cancel(2, copy, 0), .write(0, from: 1, attempt: 1)])
        let late = bench.row(2, copy, 0)
        #expect(late == [.discard(0, .duplicate, sameDigest: true)])
    }

    @Test("The death of one of the two leaves the unit with the other")
    func oneDies() throws {
        let (bench, copy) = try copiedBench()
        bench.send(.started(2, copy, 0))
        bench.die(1)
        #expect(bench.phase(0) == .started)
        #expect(bench.scheduler.strikes(of: 0) == 1)
        bench.die(2)
        #expect(bench.phase(0) == .quarantined, "both died of it alone")
    }

    @Test("A copy that fails leaves the first fit alone")
    func copyFails() throws {
        let (bench, copy) = try copiedBench()
        #expect(bench.send(.fitFailed(2, copy, 0, reason: "no")) == [])
        #expect(bench.phase(0) == .started)
        #expect(bench.row(1, 1, 0) == [.write(0, from: 1, attempt: 2)])
    }

    /// A unit that is fitted by worker 1 on lease 1 and copied to worker 2.
    private func copiedBench() throws -> (SchedulerBench, LeaseID) {
        var policy = SchedulingPolicy()
        policy.stragglerAge = .seconds(2)
        policy.fitsToPredict = 1
        let bench = SchedulerBench(units([1, 0.1]), policy: policy)
        bench.join(1, host: "a")
        bench.send(.started(1, 1, 0))
        bench.join(2, host: "b")
        bench.send(.returned(1, 1, [1]))
        bench.send(.started(2, 2, 1))
        bench.row(2, 2, 1, after: 0.1)
        bench.send(.heard(1), after: 10)
        let copy = bench.send(.tick).grants
        return (bench, try #require(copy.first?.lease.lease))
    }

    @Test("A tenth of the slots fit copies at most, other machines first")
    func copyLimit() {
        var policy = SchedulingPolicy()
        policy.stragglerAge = .seconds(2)
        policy.fitsToPredict = 1
        let bench = SchedulerBench(units([1, 1, 1, 1, 0.1]), policy: policy)
        bench.join(1, threads: 4, host: "a")
        for unit: UInt32 in 0..<4 { bench.send(.started(1, 1, PerturbationIndex(unit))) }
        bench.send(.started(1, 1, 4))
        bench.row(1, 1, 4, after: 0.1)
        bench.join(2, threads: 8, host: "a")
        bench.join(3, threads: 8, host: "b")
        bench.send(.heard(1), after: 10)
        let copies = bench.send(.tick).grants
        // 20 slots: two copies.
        #expect(copies.map(\.worker) == [3, 3])
        #expect(copies.map(\.lease.perturbations) == [[0], [1]])
        #expect(bench.send(.tick).grants.isEmpty)
    }
}
