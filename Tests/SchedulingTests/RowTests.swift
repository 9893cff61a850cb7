import Scheduling
import Testing

@Suite("Taking rows")
struct RowTests {
    @Test("A row is written once, and a second one with the same digest is recognised")
    func duplicate() {
        let bench = SchedulerBench(units([2, 1]))
        bench.join(1)
        #expect(bench.row(1, 1, 0) == [.write(0, from: 1, attempt: 1)])
        #expect(bench.row(1, 1, 0) == [.discard(0, .duplicate, sameDigest: true)])
        #expect(bench.counts.written == 1)
    }

    @Test("A second row that differs is dropped and the difference told")
    func differingDuplicate() {
        let bench = SchedulerBench(units([2, 1]))
        bench.join(1)
        bench.row(1, 1, 0)
        bench.send(.rowsDurable([0]))
        #expect(
            bench.row(1, 1, 0, digest: otherDigest)
                == [.discard(0, .duplicate, sameDigest: false)]
        )
    }

    @Test("A row of an ended lease is taken while the unit waits")
    func lateRowOfPendingUnit() {
        let bench = SchedulerBench(units([2, 1]))
        bench.join(1)
        bench.send(.started(1, 1, 0))
        bench.send(.workerLeft(1, .networkLost))
        #expect(bench.phase(0) == .pending)
        #expect(bench.row(1, 1, 0) == [.write(0, from: 1, attempt: 2)])
        #expect(bench.join(2).grants.map(\.lease.perturbations) == [[1]])
    }

    @Test("A row of an ended lease beats the lease that is out, whose own row is then a duplicate")
    func lateRowOfLeasedUnit() {
        let bench = SchedulerBench(units([3, 2, 1]))
        bench.join(1)
        bench.send(.started(1, 1, 0))
        bench.send(.workerLeft(1, .networkLost))
        let lease = bench.join(2).grants.first?.lease
        #expect(lease?.perturbations == [0, 1])
        bench.send(.started(2, 2, 0))
        #expect(
            bench.row(1, 1, 0) == [.cancel(2, 2, 0), .write(0, from: 1, attempt: 2)]
        )
        // The second worker is still busy with it, so it is given nothing instead yet.
        #expect(bench.scheduler.workerStatuses.map(\.unfinishedCount) == [2])
        let actions = bench.row(2, 2, 0)
        #expect(actions.first == .discard(0, .duplicate, sameDigest: true))
        #expect(actions.grants.map(\.lease.perturbations) == [[2]])
    }

    @Test("A row without a start before it is taken")
    func rowWithoutStart() {
        let bench = SchedulerBench(units([1]))
        bench.join(1)
        #expect(bench.phase(0) == .leased)
        #expect(bench.row(1, 1, 0) == [.write(0, from: 1, attempt: 1)])
    }

    @Test("A row of a perturbation or lease the run does not know is dropped")
    func unknownRow() {
        let bench = SchedulerBench(units([3, 2, 1]))
        bench.join(1)
        #expect(bench.row(1, 1, 99) == [.discard(99, .unknown, sameDigest: false)])
        #expect(bench.row(1, 7, 0) == [.discard(0, .unknown, sameDigest: false)])
        #expect(bench.row(1, 1, 2) == [.discard(2, .unknown, sameDigest: false)])
        #expect(bench.counts.written == 0)
    }

    @Test("A row of a unit that was given up comes too late")
    func lateRow() {
        let bench = SchedulerBench(units([2, 1]))
        bench.join(1)
        bench.send(.fitFailed(1, 1, 0, reason: "no"))
        let again = bench.scheduler.workerStatuses.first?.unfinishedCount
        #expect(again == 2)
        #expect(
            bench.send(.fitFailed(1, 2, 0, reason: "no"))
                == [.markFailed(0, reason: "no", attempts: 2)]
        )
        #expect(bench.row(1, 1, 0) == [.discard(0, .late, sameDigest: false)])
        #expect(bench.phase(0) == .failed)
    }

    @Test("Rows become durable only after they were written")
    func durable() {
        let bench = SchedulerBench(units([2, 1]))
        bench.join(1)
        bench.send(.rowsDurable([0, 55]))
        #expect(bench.phase(0) == .leased)
        #expect(bench.scheduler.ignoredEventCount == 2)
        bench.row(1, 1, 0)
        bench.send(.rowsDurable([0]))
        #expect(bench.phase(0) == .durable)
    }

    @Test("Progress counts what is written, and the moment to commit is told")
    func progress() {
        let bench = SchedulerBench(units([4, 2, 1]), alreadyDone: [2])
        #expect(
            bench.scheduler.snapshot
                == ProgressSnapshot(done: 1, total: 3, doneCost: 1, totalCost: 7)
        )
        bench.join(1)
        bench.row(1, 1, 0)
        let waitsEarly = bench.scheduler.waitsOnlyForCommit
        #expect(!waitsEarly)
        bench.row(1, 1, 1)
        #expect(
            bench.scheduler.snapshot
                == ProgressSnapshot(done: 3, total: 3, doneCost: 7, totalCost: 7)
        )
        let waitsNow = bench.scheduler.waitsOnlyForCommit
        #expect(waitsNow)
        bench.send(.rowsDurable([0, 1]))
        let waitsAfter = bench.scheduler.waitsOnlyForCommit
        #expect(!waitsAfter)
        #expect(bench.scheduler.snapshot.doneCost == 7)
    }
}
