import Scheduling
import Testing

@Suite("What those who watch a run see")
struct WatchingTests {
    @Test("open leases with what is being fitted, until they are answered")
    func leases() {
        let bench = SchedulerBench(units([4, 3, 2, 1]))
        bench.join(1, threads: 2)
        let granted = bench.scheduler.openLeases
        #expect(granted.map(\.worker) == [1])
        let count = granted.first?.unfinishedCount ?? 0
        #expect(count >= 2 && granted.first?.running == [])
        bench.send(.started(1, 1, 0))
        #expect(bench.scheduler.openLeases.first?.running == [0])
        bench.row(1, 1, 0)
        #expect(bench.scheduler.finishedCount(of: 1) == 1)
        let after = bench.scheduler.openLeases.first { $0.lease == 1 }
        #expect(after?.running == [] && after?.unfinishedCount == count - 1)
        bench.die(1)
        #expect(bench.scheduler.openLeases.isEmpty)
        #expect(bench.scheduler.finishedCount(of: 1) == 0)
    }

    @Test("units that lost attempts, the most struck first, until they are settled")
    func trouble() {
        let bench = SchedulerBench(units([4, 3, 2, 1]))
        #expect(bench.scheduler.troubledUnits(atMost: 9).isEmpty)
        bench.join(1, threads: 1)
        bench.send(.fitFailed(1, 1, 1, reason: "no luck"))
        bench.send(.started(1, 1, 0))
        bench.die(1)
        let troubled = bench.scheduler.troubledUnits(atMost: 9)
        #expect(troubled.map(\.perturbation) == [0, 1])
        #expect(troubled.map(\.strikes) == [1, 0])
        #expect(troubled.map(\.lostAttempts) == [1, 1])
        #expect(troubled.map(\.lastReason).last?.contains("no luck") == true)
        #expect(bench.scheduler.troubledUnits(atMost: 1).map(\.perturbation) == [0])
        let solo = bench.join(2).grants
        #expect(solo.map(\.lease.perturbations) == [[0]])
        bench.row(2, solo[0].lease.lease, 0)
        #expect(bench.scheduler.troubledUnits(atMost: 9).first?.phase == .written)
        bench.send(.rowsDurable([0]))
        #expect(bench.scheduler.troubledUnits(atMost: 9).map(\.perturbation) == [1])
    }

    @Test("how long a worker has been silent")
    func silence() {
        let bench = SchedulerBench(units([2, 1]))
        bench.join(1)
        let joined = bench.now
        #expect(bench.scheduler.silence(of: 1, now: joined + .seconds(7)) == 7)
        #expect(bench.scheduler.silence(of: 2, now: joined) == nil)
    }

    @Test("rates in units follow from the share of the cost that is done")
    func rates() {
        func snapshot(_ done: Int, _ cost: Double) -> ProgressSnapshot {
            ProgressSnapshot(done: done, total: 100, doneCost: cost, totalCost: 1000)
        }
        var estimator = ProgressEstimator(snapshot(0, 0), now: .seconds(0))
        #expect(estimator.overallRatePerSecond(now: .seconds(1)) == nil)
        #expect(estimator.unitsPerSecond(3) == nil)
        estimator.record(snapshot(10, 200), now: .seconds(50))
        for second in 51...200 {
            estimator.record(snapshot(10, 200), now: .seconds(Double(second)))
        }
        estimator.record(snapshot(20, 400), now: .seconds(200))
        #expect(estimator.overallRatePerSecond(now: .seconds(200)) == 2)
        #expect(estimator.unitsPerSecond(2) == 0.1)
        #expect((estimator.ratePerSecond(now: .seconds(200)) ?? 0) > 3)
    }
}
