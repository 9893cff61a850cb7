import Digests
import Scheduling
import Testing

@Suite("The end of a run")
struct RunEndTests {
    @Test("A run is settled once every row is durable, and says so once")
    func settled() {
        let bench = SchedulerBench(units([2, 1]))
        bench.join(1)
        bench.row(1, 1, 0)
        #expect(bench.row(1, 1, 1) == [.write(1, from: 1, attempt: 1)])
        #expect(bench.send(.rowsDurable([0])) == [])
        #expect(bench.send(.rowsDurable([1])) == [.finishWorkers, .settled])
        #expect(bench.send(.tick) == [])
        #expect(bench.send(.workerLeft(1, .goodbye)) == [])
    }

    @Test("A run with nothing to do is settled at the first tick")
    func nothingToDo() {
        #expect(SchedulerBench([]).send(.tick) == [.finishWorkers, .settled])
        let resumed = SchedulerBench(units([2, 1]), alreadyDone: [0, 1])
        #expect(resumed.send(.tick) == [.finishWorkers, .settled])
    }

    @Test("Failed and quarantined units settle a run too")
    func settledWithoutRows() {
        let bench = SchedulerBench(units([1]))
        bench.join(1)
        bench.send(.fitFailed(1, 1, 0, reason: "no"))
        #expect(
            bench.send(.fitFailed(1, 2, 0, reason: "no"))
                == [.markFailed(0, reason: "no", attempts: 2), .finishWorkers, .settled]
        )
    }

    @Test("A worker that joins when the run is ending is sent away")
    func lateJoin() {
        let bench = SchedulerBench(units([1]), alreadyDone: [0])
        bench.send(.tick)
        #expect(bench.join(1) == [.closeWorker(1, .runIsEnding)])
    }

    @Test("Draining stops leasing, waits for what is out and for the disk, then stops")
    func drain() {
        let bench = SchedulerBench(units([4, 3, 2, 1]))
        bench.join(1)
        bench.send(.started(1, 1, 0))
        #expect(bench.send(.drain) == [.finishWorkers])
        #expect(bench.send(.drain) == [])
        #expect(bench.row(1, 1, 0) == [.write(0, from: 1, attempt: 1)])
        #expect(bench.send(.workerLeft(1, .goodbye)) == [])
        #expect(bench.send(.rowsDurable([0])) == [.stop(.drained)])
        #expect(bench.send(.tick) == [])
        #expect(bench.join(2) == [.closeWorker(2, .runIsEnding)])
        #expect(bench.counts.pending == 3)
    }

    @Test("Draining with nothing out stops at once")
    func drainIdle() {
        let bench = SchedulerBench(units([1]))
        #expect(bench.send(.drain) == [.finishWorkers, .stop(.drained)])
    }

    @Test("A run that settles while draining is complete, not stopped")
    func drainToTheEnd() {
        let bench = SchedulerBench(units([1]))
        bench.join(1)
        bench.send(.drain)
        bench.row(1, 1, 0)
        #expect(bench.send(.rowsDurable([0])) == [.settled])
    }

    @Test("Twenty deaths without a row in between stop the run with the last reason")
    func breaker() {
        let bench = SchedulerBench(units(Array(repeating: 1, count: 100)))
        for death in 1...20 {
            let worker = WorkerID(UInt64(death))
            bench.join(worker)
            let actions = bench.send(.workerLeft(worker, .processDied("death \(death)")))
            if death < 20 {
                #expect(actions == [])
            } else {
                let reason = StopReason.tooManyDeaths(count: 20, lastReason: "death 20")
                #expect(actions == [.stop(reason)])
            }
        }
        #expect(bench.join(21) == [.closeWorker(21, .runIsEnding)])
    }

    @Test("A row in between starts the count of deaths again")
    func breakerReset() {
        let bench = SchedulerBench(units(Array(repeating: 1, count: 100)))
        var session: UInt64 = 0
        for _ in 0..<3 {
            for _ in 0..<19 {
                session += 1
                bench.join(WorkerID(session))
                #expect(bench.die(WorkerID(session)) == [])
            }
            session += 1
            let grants = bench.join(WorkerID(session)).grants
            guard let lease = grants.first?.lease else {
                Issue.record("no lease for worker \(session)")
                return
            }
            bench.row(WorkerID(session), lease.lease, lease.perturbations[0])
            bench.send(.workerLeft(WorkerID(session), .goodbye))
        }
    }

    @Test("Lost connections and goodbyes do not count as deaths")
    func breakerIgnoresLosses() {
        let bench = SchedulerBench(units([1]))
        for session in 1...60 {
            let worker = WorkerID(UInt64(session))
            bench.join(worker)
            let departure = session % 2 == 0 ? Departure.networkLost : .goodbye
            #expect(bench.send(.workerLeft(worker, departure)) == [])
        }
    }

    @Test("The run stops when no worker was there for the time allowed")
    func noWorkers() {
        let bench = SchedulerBench(units([1]))
        #expect(bench.send(.tick) == [])
        #expect(bench.send(.tick, after: 1799) == [])
        #expect(bench.send(.tick, after: 1) == [.stop(.noWorkers(seconds: 1800))])
        #expect(bench.send(.tick, after: 1) == [])
    }

    @Test("The time without workers starts again when one has been there")
    func noWorkersRestarts() {
        let bench = SchedulerBench(units([1]))
        bench.send(.tick)
        bench.send(.tick, after: 1000)
        bench.join(1)
        bench.send(.heard(1), after: 1000)
        bench.send(.workerLeft(1, .goodbye))
        #expect(bench.send(.tick, after: 1799) == [])
        #expect(bench.send(.tick, after: 1) == [.stop(.noWorkers(seconds: 1800))])
    }

    @Test("Without workers but with nothing pending the run waits for the disk")
    func noWorkersButWritten() {
        let bench = SchedulerBench(units([1]))
        bench.join(1)
        bench.row(1, 1, 0)
        bench.send(.workerLeft(1, .goodbye))
        #expect(bench.send(.tick, after: 99_999) == [])
        #expect(bench.send(.rowsDurable([0])) == [.finishWorkers, .settled])
    }

    @Test("Time that steps back counts as standing still")
    func timeStepsBack() {
        let bench = SchedulerBench(units([1]))
        bench.join(1)
        bench.send(.heard(1), after: 100)
        bench.now = .seconds(1)
        #expect(bench.send(.tick) == [])
        bench.now = .seconds(1159)
        #expect(bench.send(.tick) == [])
        bench.now = .seconds(1160)
        #expect(bench.send(.tick) == [.closeWorker(1, .silent(seconds: 60))])
    }

    @Test("The last transitions are kept for diagnostics, the oldest forgotten first")
    func transitionLog() {
        var policy = SchedulingPolicy()
        policy.transitionLogCapacity = 3
        let bench = SchedulerBench(units([2, 1]), policy: policy)
        bench.join(1)
        bench.send(.started(1, 1, 0), after: 1)
        bench.row(1, 1, 0, after: 1)
        bench.send(.rowsDurable([0]), after: 1)
        let log = bench.scheduler.recentTransitions
        #expect(log.map(\.from) == [.leased, .started, .written])
        #expect(log.map(\.to) == [.started, .written, .durable])
        #expect(log.map(\.perturbation) == [0, 0, 0])
        #expect(log.map(\.worker) == [1, 1, nil])
        #expect(log.map(\.instant) == [.seconds(1001), .seconds(1002), .seconds(1003)])
    }

    @Test("Reasons read as sentences")
    func texts() {
        #expect(
            StopReason.tooManyDeaths(count: 20, lastReason: "killed by signal 9").description
                == "20 worker processes died in a row without a single row in between; "
                + "the last one: killed by signal 9"
        )
        #expect(
            StopReason.noWorkers(seconds: 1800.5).description
                == "no worker was connected for 1800 s while perturbations were waiting"
        )
        #expect(
            CloseReason.silent(seconds: 60).description
                == "nothing was heard from the worker for 60 s"
        )
        #expect(WorkerID(3).description == "worker 3")
        #expect(LeaseID(4).description == "lease 4")
        #expect(PerturbationIndex(5).description == "perturbation 5")
        #expect(RowDigest(high: 0xab, low: 1).description == "00000000000000ab0000000000000001")
    }
}
