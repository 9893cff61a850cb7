import Scheduling
import Testing

@Suite("Granting leases")
struct LeaseGrantTests {
    @Test("A worker gets one unit for each thread and one more, largest cost first")
    func firstLease() {
        let bench = SchedulerBench(units([1, 5, 3, 5, 2]))
        let grants = bench.join(1, threads: 3).grants
        #expect(grants.count == 1)
        #expect(grants.first?.worker == 1)
        #expect(
            grants.first?.lease
                == GrantedLease(lease: 1, solo: false, perturbations: [1, 3, 2, 4])
        )
    }

    @Test("A worker is topped up as soon as it holds fewer than its threads and one more")
    func topUp() {
        let bench = SchedulerBench(units([5, 4, 3, 2, 1]))
        bench.join(1, threads: 2)
        let grants = bench.row(1, 1, 0).grants
        #expect(grants.map(\.lease.perturbations) == [[3]])
        #expect(grants.map(\.lease.lease) == [2])
    }

    @Test("A start, a sign of life and a tick grant nothing")
    func quietEvents() {
        let bench = SchedulerBench(units([5, 4, 3, 2, 1]))
        bench.join(1)
        #expect(bench.send(.started(1, 1, 0)) == [])
        #expect(bench.send(.heard(1)) == [])
        #expect(bench.send(.tick) == [])
    }

    @Test("Waiting units go to the worker that lacks most")
    func hungriestFirst() {
        let bench = SchedulerBench(units([4, 3, 2, 1]))
        bench.join(1, threads: 3)
        #expect(bench.join(2, threads: 1).grants.isEmpty)
        #expect(bench.join(3, threads: 2).grants.isEmpty)
        let grants = bench.send(.workerLeft(1, .goodbye)).grants
        #expect(grants.map(\.worker) == [3, 2])
        #expect(grants.map(\.lease.perturbations) == [[0, 1, 2], [3]])
    }

    @Test("A lease grows to the work of the lease duration at the worker's observed rate")
    func leaseByRate() {
        var policy = SchedulingPolicy()
        policy.leaseShare = 1
        let bench = SchedulerBench(units(Array(repeating: 10, count: 100)), policy: policy)
        bench.join(1)
        // 10 cost in 5 s is 2 a second, so 30 s are 60 cost: six units.
        let grants = bench.row(1, 1, 0, after: 5).grants
        #expect(grants.map(\.lease.perturbations.count) == [6])
    }

    @Test("A lease takes no more than a fair share of the waiting cost")
    func leaseByShare() {
        let bench = SchedulerBench(units(Array(repeating: 10, count: 84)))
        bench.join(1, threads: 1)
        bench.join(2, threads: 1)
        // 80 units of cost 10 wait: 800 / (4 x 2 threads) is 100, ten units.
        let grants = bench.row(1, 1, 0, after: 0.001).grants
        #expect(grants.map(\.lease.perturbations.count) == [10])
    }

    @Test("The largest unit is granted even when it exceeds what a lease should have")
    func atLeastOne() {
        let bench = SchedulerBench(units([1000, 900, 800, 700]))
        bench.join(1)
        #expect(bench.row(1, 1, 0, after: 100_000).grants.map(\.lease.perturbations) == [[2]])
    }

    @Test("A lease never names more units than the limit")
    func leaseLength() {
        var policy = SchedulingPolicy()
        policy.maximumUnitsPerLease = 4
        let bench = SchedulerBench(units(Array(repeating: 1, count: 30)), policy: policy)
        let grants = bench.join(1, threads: 9).grants
        #expect(grants.map(\.lease.perturbations.count) == [4, 4, 2])
    }

    @Test("Unfinished blocks take at most half of a worker's memory")
    func memory() {
        let bench = SchedulerBench(units([5, 4, 3, 2, 1], blockBytes: 100))
        #expect(
            bench.join(1, threads: 4, memoryBytes: 599).grants.map(\.lease.perturbations) == [
                [0, 1]
            ]
        )
        #expect(bench.row(1, 1, 0).grants.map(\.lease.perturbations) == [[2]])
    }

    @Test("A block larger than the memory allows is granted alone")
    func memoryOfOne() {
        let bench = SchedulerBench(units([2, 1], blockBytes: 100))
        let grants = bench.join(1, threads: 4, memoryBytes: 0).grants
        #expect(grants.map(\.lease.perturbations) == [[0]])
    }

    @Test("When the largest unit does not fit beside the others a smaller one is taken")
    func memorySkipsLargest() {
        var list = units([9, 8, 7])
        list[1] = UnitOfWork(perturbation: 1, cost: 8, blockBytes: 1000)
        let bench = SchedulerBench(list)
        let grants = bench.join(1, threads: 1, memoryBytes: 100).grants
        #expect(grants.map(\.lease.perturbations) == [[0, 2]])
    }

    @Test("A worker without threads counts as one with a single thread")
    func noThreads() {
        let bench = SchedulerBench(units([3, 2, 1]))
        #expect(bench.join(1, threads: 0).grants.map(\.lease.perturbations) == [[0, 1]])
    }

    @Test("Joining twice under one number changes nothing")
    func joinTwice() {
        let bench = SchedulerBench(units([3, 2, 1]))
        bench.join(1)
        #expect(bench.join(1, threads: 8) == [])
        #expect(bench.scheduler.ignoredEventCount == 1)
    }

    @Test("Units done before are never granted")
    func alreadyDone() {
        let bench = SchedulerBench(units([3, 2, 1]), alreadyDone: [0, 2, 77])
        #expect(bench.join(1, threads: 8).grants.map(\.lease.perturbations) == [[1]])
        #expect(bench.counts.durable == 2)
        #expect(bench.scheduler.unsettledPerturbations == [1])
    }
}
