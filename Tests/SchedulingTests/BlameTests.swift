import Scheduling
import Testing

@Suite("Blame, retries and quarantine")
struct BlameTests {
    @Test("A death without anything started blames nobody")
    func nothingStarted() {
        let bench = SchedulerBench(units([3, 2, 1]))
        bench.join(1)
        #expect(bench.die(1) == [])
        #expect(bench.counts.pending == 3)
        // Nothing must run alone: a new worker gets an ordinary lease.
        let grants = bench.join(2).grants
        #expect(grants.map(\.lease.solo) == [false])
        #expect(grants.map(\.lease.perturbations) == [[0, 1]])
    }

    @Test("A death with one unit started strikes it, and it is retried alone")
    func oneStarted() {
        let bench = SchedulerBench(units([3, 2, 1]))
        bench.join(1)
        bench.send(.started(1, 1, 0))
        bench.die(1)
        #expect(bench.scheduler.strikes(of: 0) == 1)
        #expect(bench.scheduler.strikes(of: 1) == 0)
        let grants = bench.join(2, threads: 8).grants
        #expect(
            grants.map(\.lease) == [GrantedLease(lease: 2, solo: true, perturbations: [0])]
        )
    }

    @Test("A second strike quarantines the unit with both reasons")
    func secondStrike() {
        let bench = SchedulerBench(units([3, 2]))
        bench.join(1)
        bench.send(.started(1, 1, 0))
        bench.die(1)
        bench.join(2)
        bench.send(.started(2, 2, 0))
        let actions = bench.send(.workerLeft(2, .processDied("killed by signal 11")))
        #expect(
            actions
                == [
                    .markQuarantined(
                        0,
                        reasons: ["worker 1: killed", "worker 2: killed by signal 11"]
                    )
                ]
        )
        #expect(bench.counts.quarantined == 1)
        #expect(bench.counts.pending == 1)
    }

    @Test("A death with several units started strikes none, and each is retried alone")
    func severalStarted() {
        let bench = SchedulerBench(units([4, 3, 2, 1]))
        bench.join(1, threads: 2)
        bench.send(.started(1, 1, 0))
        bench.send(.started(1, 1, 1))
        bench.die(1)
        #expect((0..<4).map { bench.scheduler.strikes(of: PerturbationIndex($0)) } == [0, 0, 0, 0])
        #expect(bench.join(2, threads: 2).grants.map(\.lease.perturbations) == [[0]])
        bench.send(.started(2, 2, 0))
        // The unit that did it dies alone: one strike, and the other one is tried next to nothing.
        bench.die(2)
        #expect(bench.scheduler.strikes(of: 0) == 1)
        let third = bench.join(3, threads: 2).grants
        #expect(third.map(\.lease) == [GrantedLease(lease: 3, solo: true, perturbations: [1])])
        let after = bench.row(3, 3, 1).grants
        #expect(after.map(\.lease) == [GrantedLease(lease: 4, solo: true, perturbations: [0])])
    }

    @Test("A unit that waits to run alone makes one worker drain while the others go on")
    func reservation() {
        let bench = SchedulerBench(units([9, 8, 7, 6, 5, 4, 3, 2]))
        bench.join(1)
        bench.join(2)
        bench.join(3)
        bench.send(.started(3, 3, 4))
        #expect(bench.die(3).grants.isEmpty)
        // Workers 1 and 2 hold two each; the first is kept for the unit that must run alone.
        #expect(bench.row(1, 1, 0).grants.isEmpty)
        #expect(bench.row(2, 2, 2).grants.map(\.lease.solo) == [false])
        let grants = bench.row(1, 1, 1).grants
        #expect(
            grants.map(\.lease) == [GrantedLease(lease: 5, solo: true, perturbations: [4])]
        )
        #expect(bench.scheduler.workerStatuses.map(\.isSolo) == [true, false])
        // Nothing else until it is settled.
        #expect(bench.row(2, 2, 3).grants.map(\.worker) == [2])
        #expect(bench.row(1, 5, 4).grants.map(\.worker) == [1])
    }

    @Test("With no ordinary units left every idle worker takes units that must run alone")
    func soloInParallel() {
        let bench = SchedulerBench(units([3, 2, 1]))
        bench.join(1, threads: 3)
        for perturbation in 0..<3 {
            bench.send(.started(1, 1, PerturbationIndex(UInt32(perturbation))))
        }
        bench.join(2)
        bench.join(3)
        let grants = bench.die(1).grants
        #expect(grants.map(\.worker) == [2, 3])
        #expect(grants.map(\.lease.perturbations) == [[0], [1]])
        #expect(grants.allSatisfy { $0.lease.solo })
    }

    @Test("Among idle workers the one with the most memory takes the unit that must run alone")
    func soloPrefersMemory() {
        let bench = SchedulerBench(units([1]))
        bench.join(1)
        bench.send(.started(1, 1, 0))
        bench.join(2, memoryBytes: 100)
        bench.join(3, memoryBytes: 900)
        #expect(bench.die(1).grants.map(\.worker) == [3])
    }

    @Test("A struck unit is retried on another machine if there is one")
    func strikeAvoidsHost() {
        let bench = SchedulerBench(units([9, 8, 7, 6, 5]))
        bench.join(1, host: "a")
        bench.join(2, host: "b")
        bench.send(.started(1, 1, 0))
        bench.die(1)
        // The idle worker is on the machine where it happened: it gets ordinary work.
        let again = bench.join(3, memoryBytes: 9_000_000, host: "a").grants
        #expect(again.map(\.lease) == [GrantedLease(lease: 3, solo: false, perturbations: [1, 4])])
        bench.row(2, 2, 2)
        let grants = bench.row(2, 2, 3).grants
        #expect(grants.map(\.worker) == [2])
        #expect(grants.map(\.lease) == [GrantedLease(lease: 4, solo: true, perturbations: [0])])
    }

    @Test("A struck unit is retried on the same machine when there is no other")
    func strikeOnOnlyHost() {
        let bench = SchedulerBench(units([9, 8]))
        bench.join(1, host: "a")
        bench.join(2, host: "b")
        bench.send(.started(1, 1, 0))
        bench.die(1)
        bench.send(.workerLeft(2, .goodbye))
        #expect(bench.join(3, host: "a").grants.map(\.lease.perturbations) == [[0]])
    }

    @Test("A unit struck on one machine and failed by the only worker of the other finds a worker")
    func avoidanceNeverStarves() {
        let bench = SchedulerBench(units([9]))
        bench.join(1, host: "a")
        bench.send(.started(1, 1, 0))
        bench.join(2, host: "b")
        bench.die(1)
        bench.join(3, host: "a")
        let grants = bench.send(.fitFailed(2, 2, 0, reason: "no")).grants
        #expect(grants.map(\.worker) == [3])
    }

    @Test("A worker is released when the unit it was kept for arrives from elsewhere")
    func reservationEnds() {
        let bench = SchedulerBench(units([9, 8, 7, 6, 5]))
        bench.join(1)
        bench.join(2)
        bench.send(.started(1, 1, 0))
        bench.die(1)
        #expect(bench.row(2, 2, 2).grants.isEmpty)
        let actions = bench.row(1, 1, 0)
        #expect(actions.first == .write(0, from: 1, attempt: 2))
        #expect(actions.grants.map(\.lease.perturbations) == [[1]])
    }

    @Test("A unit whose row came from elsewhere still takes the blame for a death")
    func supersededUnitIsAccused() {
        let bench = SchedulerBench(units([3, 2, 1]))
        bench.join(1)
        bench.send(.started(1, 1, 0))
        bench.send(.workerLeft(1, .networkLost))
        bench.join(2)
        bench.send(.started(2, 2, 0))
        bench.row(1, 1, 0)
        bench.send(.started(2, 2, 1))
        bench.die(2)
        #expect(bench.scheduler.strikes(of: 1) == 0)
        #expect(bench.phase(0) == .written)
        #expect(bench.phase(1) == .pending)
    }

    @Test("Losing the network and saying goodbye strike nobody")
    func noStrike() {
        for departure in [Departure.networkLost, .goodbye] {
            let bench = SchedulerBench(units([3, 2, 1]))
            bench.join(1)
            bench.send(.started(1, 1, 0))
            bench.send(.workerLeft(1, departure))
            #expect(bench.scheduler.strikes(of: 0) == 0)
            #expect(bench.join(2).grants.map(\.lease.solo) == [false])
        }
    }

    @Test("Goodbyes never use up attempts")
    func goodbyesAreFree() {
        let bench = SchedulerBench(units([1]))
        for session in 1...50 {
            let worker = WorkerID(UInt64(session))
            bench.join(worker)
            bench.send(.started(worker, LeaseID(UInt64(session)), 0))
            #expect(bench.send(.workerLeft(worker, .goodbye)) == [])
        }
        #expect(bench.phase(0) == .pending)
    }

    @Test("A unit lost in five attempts is quarantined, from the third on it runs alone")
    func attemptCap() {
        let bench = SchedulerBench(units([2, 1]))
        for attempt in 1...5 {
            let worker = WorkerID(UInt64(attempt))
            let lease = LeaseID(UInt64(attempt))
            let grants = bench.join(worker).grants
            #expect(grants.first?.lease.perturbations.first == 0)
            #expect(grants.first?.lease.solo == (attempt > 2))
            bench.send(.started(worker, lease, 0))
            let actions = bench.send(.workerLeft(worker, .networkLost))
            if attempt == 5 {
                let reasons = (1...5).map { "worker \($0): the connection was lost" }
                #expect(actions == [.markQuarantined(0, reasons: reasons)])
            } else {
                #expect(actions == [])
            }
        }
        #expect(bench.phase(1) == .pending)
    }

    @Test("Losing leases that were not started never uses up attempts")
    func unstartedLossesAreFree() {
        let bench = SchedulerBench(units([1]))
        for session in 1...50 {
            bench.join(WorkerID(UInt64(session)))
            bench.send(.workerLeft(WorkerID(UInt64(session)), .networkLost))
        }
        #expect(bench.phase(0) == .pending)
    }

    @Test("A failed fit is retried once, by another worker if there is one")
    func fitFailureElsewhere() {
        let bench = SchedulerBench(units([3, 2]))
        bench.join(1)
        bench.join(2)
        let grants = bench.send(.fitFailed(1, 1, 0, reason: "singular")).grants
        #expect(grants.map(\.worker) == [2])
        #expect(grants.map(\.lease.perturbations) == [[0]])
        #expect(
            bench.send(.fitFailed(2, 2, 0, reason: "still singular"))
                == [.markFailed(0, reason: "still singular", attempts: 2)]
        )
    }

    @Test("A failed fit waits for the other worker rather than going back to the same one")
    func fitFailureWaits() {
        let bench = SchedulerBench(units([9, 8, 7, 6]))
        bench.join(1)
        bench.join(2)
        // Worker 2 is full, so nobody may take perturbation 0 yet.
        #expect(bench.send(.fitFailed(1, 1, 0, reason: "no")).grants.isEmpty)
        #expect(bench.row(2, 2, 3).grants.map(\.worker) == [2])
    }

    @Test("A failed fit goes back to the same worker when the other one leaves")
    func fitFailureSameWorker() {
        let bench = SchedulerBench(units([9, 8, 7, 6]))
        bench.join(1)
        bench.join(2)
        bench.send(.fitFailed(1, 1, 0, reason: "no"))
        let grants = bench.send(.workerLeft(2, .goodbye)).grants
        #expect(grants.map(\.worker) == [1])
        #expect(grants.map(\.lease.perturbations) == [[0]])
    }

    @Test("A failed fit that must run alone goes to another worker too")
    func soloFitFailure() {
        let bench = SchedulerBench(units([1]))
        bench.join(1)
        bench.send(.started(1, 1, 0))
        bench.die(1)
        bench.join(2)
        bench.join(3)
        let grants = bench.send(.fitFailed(2, 2, 0, reason: "no")).grants
        #expect(grants.map(\.worker) == [3])
        #expect(grants.map(\.lease.solo) == [true])
    }

    @Test("Only the worker and lease a unit is out on can start it or fail it")
    func foreignReports() {
        let bench = SchedulerBench(units([3, 2, 1]))
        bench.join(1)
        bench.join(2)
        bench.send(.started(2, 1, 0))
        bench.send(.started(1, 2, 0))
        bench.send(.started(1, 1, 2))
        bench.send(.started(1, 1, 99))
        #expect(bench.counts.started == 0)
        #expect(bench.send(.fitFailed(2, 1, 0, reason: "no")) == [])
        #expect(bench.send(.fitFailed(1, 9, 0, reason: "no")) == [])
        #expect(bench.counts.leased == 3)
        #expect(bench.scheduler.ignoredEventCount == 6)
    }

    @Test("A silent worker is closed, its units go back without a strike")
    func silence() {
        let bench = SchedulerBench(units([3, 2, 1]))
        bench.join(1)
        bench.send(.started(1, 1, 0))
        bench.join(2, threads: 2)
        bench.send(.heard(2), after: 59)
        #expect(bench.send(.tick) == [])
        let actions = bench.send(.tick, after: 1)
        #expect(actions.first == .closeWorker(1, .silent(seconds: 60)))
        #expect(actions.grants.map(\.worker) == [2])
        #expect(bench.scheduler.strikes(of: 0) == 0)
        #expect(bench.scheduler.workerStatuses.map(\.worker) == [2])
        // What the closed session still says counts for nothing, except a row.
        #expect(bench.send(.heard(1)) == [])
        #expect(bench.send(.started(1, 1, 1)) == [])
        #expect(bench.die(1) == [])
        #expect(bench.scheduler.strikes(of: 1) == 0)
        #expect(
            bench.row(1, 1, 0).last == .write(0, from: 1, attempt: 2),
            "the lease that is out is cancelled, and the row taken"
        )
    }

    @Test("Every message of a worker is a sign of life")
    func signsOfLife() {
        let bench = SchedulerBench(units(Array(repeating: 1, count: 20)))
        bench.join(1, threads: 3)
        let events: [SchedulerEvent] = [
            .heard(1), .started(1, 1, 0), .rowArrived(1, 1, 0, digest: someDigest),
            .fitFailed(1, 1, 1, reason: "no"), .started(1, 1, 0),
        ]
        for event in events {
            bench.send(event, after: 59)
            #expect(bench.send(.tick) == [])
        }
        #expect(bench.send(.tick, after: 60).contains(.closeWorker(1, .silent(seconds: 60))))
    }
}
