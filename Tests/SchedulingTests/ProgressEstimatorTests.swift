import Scheduling
import Testing

@Suite("Progress and time left")
struct ProgressEstimatorTests {
    private func snapshot(_ done: Double, of total: Double = 1000) -> ProgressSnapshot {
        ProgressSnapshot(done: Int(done), total: Int(total), doneCost: done, totalCost: total)
    }

    @Test("Nothing is estimated before anything was finished")
    func nothingYet() {
        var estimator = ProgressEstimator(snapshot(400), now: .seconds(0))
        estimator.record(snapshot(400), now: .seconds(10))
        #expect(estimator.fraction == 0.4)
        #expect(estimator.ratePerSecond(now: .seconds(10)) == nil)
        #expect(estimator.secondsLeft(now: .seconds(10)) == nil)
    }

    @Test("A steady run gives its rate and the time left, without what was done before")
    func steady() {
        var estimator = ProgressEstimator(snapshot(400), now: .seconds(0))
        for second in 1...100 {
            estimator.record(snapshot(400 + 2 * Double(second)), now: .seconds(Double(second)))
        }
        #expect(estimator.ratePerSecond(now: .seconds(100)) == 2)
        #expect(estimator.secondsLeft(now: .seconds(100)) == 200)
    }

    @Test("The rate follows the last minute")
    func window() {
        var estimator = ProgressEstimator(snapshot(0), now: .seconds(0))
        for second in 1...300 {
            estimator.record(snapshot(Double(second)), now: .seconds(Double(second)))
        }
        for second in 301...400 {
            let done = 300 + 5 * Double(second - 300)
            estimator.record(snapshot(done), now: .seconds(Double(second)))
        }
        #expect(estimator.ratePerSecond(now: .seconds(400)) == 5)
        #expect(estimator.secondsLeft(now: .seconds(400)) == 40)
    }

    @Test("While nothing finished in the last minute the rate is that of the whole run")
    func longUnits() {
        var estimator = ProgressEstimator(snapshot(0), now: .seconds(0))
        estimator.record(snapshot(100), now: .seconds(50))
        for second in 51...200 {
            estimator.record(snapshot(100), now: .seconds(Double(second)))
        }
        #expect(estimator.ratePerSecond(now: .seconds(200)) == 0.5)
        #expect(estimator.secondsLeft(now: .seconds(200)) == 1800)
    }

    @Test("Many records within a moment give the same rate as few")
    func denseRecords() {
        var estimator = ProgressEstimator(snapshot(0), now: .seconds(0))
        for step in 1...30_000 {
            let time = Double(step) / 100
            estimator.record(snapshot(3 * time), now: .seconds(time))
        }
        let rate = estimator.ratePerSecond(now: .seconds(300)) ?? 0
        #expect(abs(rate - 3) < 1e-6)
    }

    @Test("A finished run has no time left, and one without work is complete")
    func finished() {
        var estimator = ProgressEstimator(snapshot(0), now: .seconds(0))
        estimator.record(snapshot(1000), now: .seconds(10))
        #expect(estimator.fraction == 1)
        #expect(estimator.secondsLeft(now: .seconds(10)) == 0)
        let empty = ProgressEstimator(snapshot(0, of: 0), now: .seconds(0))
        #expect(empty.fraction == 1)
        #expect(empty.secondsLeft(now: .seconds(1)) == 0)
    }

    @Test("Durations and points in time neither wrap nor go negative")
    func instants() {
        #expect(Instant.seconds(5).seconds(since: .seconds(2)) == 3)
        #expect(Instant.seconds(2).nanoseconds(since: .seconds(5)) == 0)
        #expect(Instant(nanoseconds: .max) + .seconds(1) == Instant(nanoseconds: .max))
        #expect(Instant.zero + .seconds(-5) == .zero)
        #expect(Instant.zero + .milliseconds(1500) == .seconds(1.5))
    }
}
