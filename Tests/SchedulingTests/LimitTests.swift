import Scheduling
import Testing

@Suite("Machines that are lost, fits that do not end, failures in common")
struct LimitTests {
    @Test("Workers of one machine that vanish together are nobody's fault")
    func hostLoss() {
        let bench = SchedulerBench(units([5, 4, 3, 2]))
        bench.join(1, host: "a")
        bench.join(2, host: "a")
        bench.join(3, threads: 8, host: "b")
        bench.send(.started(1, 1, 0))
        bench.send(.started(2, 2, 2), after: 1)
        bench.send(.workerLeft(1, .processDied("reset")))
        #expect(bench.phase(0) == .started, "it is too early to tell")
        bench.send(.workerLeft(2, .networkLost), after: 4.9)
        for unit: PerturbationIndex in [0, 2] {
            #expect(bench.scheduler.strikes(of: unit) == 0)
            #expect(bench.phase(unit) == .leased, "with the worker that is left")
        }
        #expect(bench.send(.tick, after: 10).grants.isEmpty)
    }

    @Test("One that vanishes alone is judged after five seconds")
    func noHostLoss() {
        let bench = SchedulerBench(units([5, 4, 3]))
        bench.join(1, host: "a")
        bench.join(2, host: "a")
        bench.send(.started(1, 1, 0))
        bench.die(1)
        bench.send(.tick, after: 5)
        #expect(bench.scheduler.strikes(of: 0) == 0)
        bench.send(.tick, after: 0.1)
        #expect(bench.scheduler.strikes(of: 0) == 1)
        bench.send(.started(2, 2, 2))
        bench.die(2)
        #expect(bench.scheduler.strikes(of: 2) == 1, "nobody else is on the machine")
    }

    @Test("One that was started in place of another says nothing about the machine")
    func replacement() {
        let bench = SchedulerBench(units([5]))
        bench.join(1, host: "a")
        bench.send(.started(1, 1, 0))
        bench.die(1)
        bench.send(.tick, after: 1)
        bench.join(2, host: "a")
        bench.send(.started(2, 2, 0))
        bench.die(2)
        #expect(bench.phase(0) == .quarantined)
    }

    @Test("What always takes its machine along is given up in the end")
    func killsMachines() {
        let bench = SchedulerBench(units([5, 1]))
        var lease: LeaseID = 1
        for round: UInt64 in 0..<20 where bench.phase(0) != .quarantined {
            let (first, second) = (WorkerID(2 * round + 1), WorkerID(2 * round + 2))
            let grants = bench.join(first, host: "a").grants
            lease = grants.first?.lease.lease ?? lease
            bench.join(second, host: "a")
            bench.send(.started(first, lease, 0), after: 1)
            bench.send(.workerLeft(first, .networkLost))
            bench.send(.workerLeft(second, .networkLost))
            bench.send(.tick, after: 60)
        }
        #expect(bench.phase(0) == .quarantined)
        #expect(bench.phase(1) == .pending)
    }

    // MARK: - Time limit

    @Test("A fit over the limit ends its process; twice, and it is given up as such")
    func timeLimit() throws {
        var policy = SchedulingPolicy()
        policy.fitTimeout = .seconds(100)
        policy.silence = .seconds(1_000_000)
        let bench = SchedulerBench(units([5, 4, 3]), policy: policy)
        bench.join(1, threads: 2)
        bench.send(.started(1, 1, 0))
        bench.send(.started(1, 1, 1), after: 50)
        #expect(bench.send(.tick, after: 50) == [])
        let ends = bench.send(.tick, after: 0.1)
        let reason = "time limit: the fit took longer than 100 s"
        #expect(ends == [.endProcess(1, 0, reason: reason)])
        #expect(bench.scheduler.strikes(of: 0) == 1)
        #expect(bench.scheduler.strikes(of: 1) == 0, "it did nothing")
        bench.join(2)
        bench.send(.started(2, 2, 0))
        let actions = bench.send(.tick, after: 101)
        #expect(
            actions == [
                .endProcess(2, 0, reason: reason),
                .markQuarantined(0, reasons: ["worker 1: \(reason)", "worker 2: \(reason)"]),
            ]
        )
    }

    @Test("A worker that begins nothing of what it holds is ended, and nobody is blamed")
    func stalledWorker() {
        var policy = SchedulingPolicy()
        policy.fitTimeout = .seconds(100)
        policy.silence = .seconds(1_000_000)
        let bench = SchedulerBench(units([5, 4, 3]), policy: policy)
        bench.join(1, threads: 2)
        bench.send(.started(1, 1, 0), after: 60)
        bench.row(1, 1, 0, after: 60)
        #expect(bench.send(.tick, after: 100) == [], "it answered 100 s ago")
        let reason = "the worker has begun nothing for 100 s"
        #expect(bench.send(.tick, after: 0.1) == [.endProcess(1, 1, reason: reason)])
        #expect(bench.phase(1) == .pending && bench.phase(2) == .pending)
        #expect(bench.scheduler.strikes(of: 1) == 0)
        guard case .grant(2, let lease) = bench.join(2, threads: 2).first else {
            Issue.record("another worker gets nothing")
            return
        }
        #expect(lease.perturbations == [1, 2])
    }

    @Test("Large perturbations may take ten times what is usual for their size")
    func sizeCounts() {
        var policy = SchedulingPolicy()
        policy.fitTimeout = .seconds(10)
        policy.silence = .seconds(1_000_000)
        let bench = SchedulerBench(units([100, 1, 1, 1]), policy: policy)
        bench.join(1, threads: 4)
        for (unit, time): (PerturbationIndex, Double) in [(1, 0.5), (2, 0.5), (3, 0.5)] {
            bench.send(.started(1, 1, unit))
            bench.row(1, 1, unit, after: time)
        }
        bench.send(.started(1, 1, 0))
        #expect(bench.send(.tick, after: 499) == [])
        #expect(bench.send(.tick, after: 2).count == 1)
    }

    // MARK: - Failures in common

    @Test("When too many fail for one reason the run stops and names it")
    func commonFailure() {
        let bench = SchedulerBench(units(Array(repeating: 1, count: 60)))
        bench.join(1, threads: 64)
        for unit: UInt32 in 0..<17 { bench.row(1, 1, PerturbationIndex(unit)) }
        var stops: [SchedulerAction] = []
        for unit: UInt32 in 17..<20 {
            // The first failure is tried again, with the only worker there is.
            let again = bench.send(
                .fitFailed(1, 1, PerturbationIndex(unit), reason: "gene \(unit) has no variance")
            ).grants
            guard let lease = again.first?.lease.lease else { continue }
            stops += bench.send(
                .fitFailed(1, lease, PerturbationIndex(unit), reason: "gene \(unit) is flat")
            ).filter { if case .stop = $0 { true } else { false } }
        }
        #expect(
            stops == [.stop(.commonFailure(reason: "gene  is flat", count: 3, finished: 20))]
        )
    }

    @Test("Few failures, failures for several reasons and early ones do not stop it")
    func uncommonFailures() {
        let bench = SchedulerBench(units(Array(repeating: 1, count: 60)))
        bench.join(1, threads: 64)
        func fail(_ unit: UInt32, _ reason: String) -> [SchedulerAction] {
            let perturbation = PerturbationIndex(unit)
            let again = bench.send(.fitFailed(1, 1, perturbation, reason: reason)).grants
            guard let lease = again.first?.lease.lease else { return [] }
            return bench.send(.fitFailed(1, lease, perturbation, reason: reason))
        }
        for (unit, reason): (UInt32, String) in [(0, "a"), (1, "b"), (2, "b"), (3, "c")] {
            #expect(fail(unit, reason).count == 1, "given up, nothing else")
        }
        for unit: UInt32 in 4..<60 {
            let actions = bench.row(1, 1, PerturbationIndex(unit))
            #expect(actions.count == 1)
        }
        #expect(bench.counts.failed == 4)
    }
}

@Suite("Bounds over all workers")
struct BoundTests {
    @Test("Credit is shared out, never less than a row, and comes back")
    func credit() {
        var pool = CreditPool(limit: 1000, rowBytes: 10, creditBytes: 400)
        #expect((1...3).map { pool.open($0) } == [400, 300, 150])
        #expect(pool.open(2) == 300, "once for each worker")
        for worker: UInt64 in 4...20 { #expect(pool.open(worker) >= 10) }
        // No more than the limit and a row for each that came too late.
        #expect(pool.grantedBytes <= 1000 + 20 * 10)
        for worker: UInt64 in 1...20 { pool.close(worker) }
        pool.close(99)
        #expect(pool.grantedBytes == 0)
        #expect(pool.open(21) == 400)
    }

    @Test("A row that alone exceeds the limit may be sent")
    func largeRow() {
        var pool = CreditPool(limit: 10, rowBytes: 50, creditBytes: 100)
        #expect(pool.open(1) == 50)
    }

    @Test("Requests are answered in turn, as far as there is room")
    func turns() {
        var queue = ChunkQueue<Int>()
        for request in 1...3 { queue.add(request, from: 1) }
        queue.add(4, from: 2)
        #expect(queue.next { _ in false } == nil)
        var order: [Int] = []
        while let next = queue.next(fitting: { $0 != 3 }) { order.append(next.request) }
        #expect(order == [1, 4, 2], "there is no room for the last one")
        #expect(queue.count == 1)
        #expect(queue.next { _ in true }?.request == 3)
    }

    @Test("What a worker asked for goes with it")
    func departure() {
        var queue = ChunkQueue<Int>()
        queue.add(1, from: 1)
        queue.add(2, from: 2)
        queue.add(3, from: 1)
        queue.removeAll(from: 1)
        #expect(queue.next { _ in true }?.request == 2)
        #expect(queue.isEmpty && queue.count == 0)
    }
}
