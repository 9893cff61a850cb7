import Digests
import Scheduling
import Testing

@Suite("Workers that were here before, for the scheduler")
struct RejoinedWorkerTests {
    private static let process = Digest128(high: 5, low: 6)

    private func join(
        _ bench: SchedulerBench,
        _ worker: WorkerID,
        incarnation: UInt32,
        process: Digest128 = process,
        host: String = ""
    ) -> [SchedulerAction] {
        bench.send(
            .workerJoined(
                worker,
                threads: 1,
                memoryBytes: 1_000_000,
                host: host,
                identity: WorkerIdentity(
                    process: process,
                    incarnation: incarnation,
                    offersRows: incarnation > 0
                )
            )
        )
    }

    private func answer(_ actions: [SchedulerAction]) throws -> OfferVerdict {
        let verdicts = actions.compactMap { action -> OfferVerdict? in
            guard case .answerOffer(_, let verdict) = action else { return nil }
            return verdict
        }
        #expect(verdicts.count == 1)
        return try #require(verdicts.first)
    }

    @Test("A worker gets no work until it has said what it holds, or for ten seconds")
    func patience() {
        let bench = SchedulerBench(units([3, 2, 1]))
        #expect(join(bench, 1, incarnation: 1) == [])
        bench.send(.heard(1), after: 9.9)
        #expect(bench.send(.tick).grants.isEmpty)
        #expect(bench.send(.tick, after: 0.2).grants.map(\.worker) == [1])
        #expect(join(bench, 2, incarnation: 1, process: someDigest) == [])
        let actions = bench.send(.rowsOffered(2, []))
        #expect(actions.grants.map(\.worker) == [2])
    }

    @Test("Rows that are open are asked for, others are known, durable or of no use")
    func offered() throws {
        let bench = SchedulerBench(units([5, 4, 3, 2, 1]), alreadyDone: [4])
        bench.join(1, threads: 3)
        bench.row(1, 1, 0)
        bench.row(1, 1, 1)
        bench.send(.rowsDurable([0]))
        _ = join(bench, 2, incarnation: 1)
        let verdict = try answer(
            bench.send(
                .rowsOffered(
                    2,
                    [
                        OfferedUnit(perturbation: 0, digest: someDigest),
                        OfferedUnit(perturbation: 1, digest: someDigest),
                        OfferedUnit(perturbation: 2, digest: someDigest),
                        OfferedUnit(perturbation: 4, digest: otherDigest),
                        OfferedUnit(perturbation: 9, digest: someDigest),
                    ]
                )
            )
        )
        #expect(verdict.durable == [0, 4])
        #expect(verdict.kept == [1])
        #expect(verdict.wanted == [2])
        #expect(verdict.unneeded == [9])
        let lease = try #require(verdict.lease)
        // It was out with the first worker, who need not fit it now.
        let taken = bench.row(2, lease, 2)
        #expect(taken.prefix(2) == [.cancel(1, 1, 2), .write(2, from: 2, attempt: 1)])
    }

    @Test("Another row than the one that is there is of no use")
    func otherBytes() throws {
        let bench = SchedulerBench(units([5, 4]))
        bench.join(1)
        bench.row(1, 1, 0)
        bench.row(1, 1, 1)
        bench.send(.rowsDurable([0]))
        _ = join(bench, 2, incarnation: 1)
        let offers = [0, 1].map { OfferedUnit(perturbation: $0, digest: otherDigest) }
        #expect(try answer(bench.send(.rowsOffered(2, offers))).unneeded == [0, 1])
    }

    @Test("A fit that goes on counts as started, and as one that may end the process")
    func runningFit() throws {
        let bench = SchedulerBench(units([5]))
        _ = join(bench, 1, incarnation: 1)
        let offer = OfferedUnit(perturbation: 0, digest: nil)
        let verdict = try answer(bench.send(.rowsOffered(1, [offer])))
        #expect(verdict.wanted == [0])
        #expect(bench.phase(0) == .started)
        bench.die(1)
        #expect(bench.scheduler.strikes(of: 0) == 1)
    }

    @Test("A newer connection of a process ends the older one, without blame")
    func fencing() {
        let bench = SchedulerBench(units([5, 4]))
        _ = join(bench, 1, incarnation: 0)
        bench.send(.started(1, 1, 0))
        #expect(join(bench, 2, incarnation: 1) == [.closeWorker(1, .superseded)])
        #expect(bench.counts.pending == 2)
        #expect(bench.scheduler.strikes(of: 0) == 0)
        #expect(bench.send(.workerLeft(1, .processDied("reset"))) == [])
        // A greeting that was on the way for long is not taken for news.
        #expect(join(bench, 3, incarnation: 0) == [.closeWorker(3, .superseded)])
        #expect(bench.scheduler.workerStatuses.map(\.worker) == [2])
    }

    @Test("A death that was none is taken back when the process returns")
    func pardon() {
        let bench = SchedulerBench(units([5, 4]))
        _ = join(bench, 1, incarnation: 0)
        bench.send(.started(1, 1, 0))
        bench.send(.workerLeft(1, .processDied("reset")))
        #expect(bench.scheduler.strikes(of: 0) == 1)
        _ = join(bench, 2, incarnation: 1)
        #expect(bench.scheduler.strikes(of: 0) == 0)
        bench.send(.rowsOffered(2, []))
        bench.send(.started(2, 2, 0))
        bench.die(2)
        #expect(bench.scheduler.strikes(of: 0) == 1)
        #expect(bench.phase(0) == .pending, "the first one does not count")
    }

    @Test("A row that was offered and never comes is given out again")
    func promised() throws {
        let bench = SchedulerBench(units([5]))
        _ = join(bench, 1, incarnation: 1)
        bench.send(.rowsOffered(1, [OfferedUnit(perturbation: 0, digest: someDigest)]))
        #expect(bench.phase(0) == .leased)
        bench.send(.workerLeft(1, .networkLost))
        #expect(bench.join(2).grants.map(\.lease.perturbations) == [[0]])
        #expect(bench.scheduler.strikes(of: 0) == 0)
    }

    @Test("The first valid row wins whoever offers it")
    func offeredByTwo() throws {
        let bench = SchedulerBench(units([5]))
        _ = join(bench, 1, incarnation: 1)
        _ = join(bench, 2, incarnation: 1, process: otherDigest)
        let offer = [OfferedUnit(perturbation: 0, digest: someDigest)]
        let first = try answer(bench.send(.rowsOffered(1, offer)))
        let second = try answer(bench.send(.rowsOffered(2, offer)))
        let leases = try [#require(first.lease), #require(second.lease)]
        #expect(
            bench.row(2, leases[1], 0)
                == [.cancel(1, leases[0], 0), .write(0, from: 2, attempt: 1)]
        )
        #expect(bench.row(1, leases[0], 0) == [.discard(0, .duplicate, sameDigest: true)])
    }
}
