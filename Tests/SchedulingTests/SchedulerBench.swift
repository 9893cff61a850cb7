import Digests
import Scheduling
import Testing

extension WorkerID: ExpressibleByIntegerLiteral {
    package init(integerLiteral value: UInt64) { self.init(value) }
}

extension LeaseID: ExpressibleByIntegerLiteral {
    package init(integerLiteral value: UInt64) { self.init(value) }
}

extension PerturbationIndex: ExpressibleByIntegerLiteral {
    package init(integerLiteral value: UInt32) { self.init(value) }
}

extension Instant {
    static func seconds(_ seconds: Double) -> Instant {
        Instant(nanoseconds: UInt64(seconds * 1e9))
    }
}

let someDigest = RowDigest(high: 1, low: 2)
let otherDigest = RowDigest(high: 1, low: 3)

/// Units of the given costs, perturbation 0 having the first one.
func units(_ costs: [Double], blockBytes: UInt64 = 10) -> [UnitOfWork] {
    costs.enumerated().map { index, cost in
        UnitOfWork(
            perturbation: PerturbationIndex(UInt32(index)),
            cost: cost,
            blockBytes: blockBytes
        )
    }
}

/// A scheduler with a clock, whose invariants are checked after every event.
final class SchedulerBench {
    var scheduler: LeaseScheduler
    var now = Instant.seconds(1000)

    init(
        _ units: [UnitOfWork],
        alreadyDone: Set<PerturbationIndex> = [],
        policy: SchedulingPolicy = SchedulingPolicy()
    ) {
        scheduler = LeaseScheduler(units: units, alreadyDone: alreadyDone, policy: policy)
    }

    @discardableResult
    func send(
        _ event: SchedulerEvent,
        after seconds: Double = 0,
        sourceLocation: SourceLocation = #_sourceLocation
    ) -> [SchedulerAction] {
        now = now + .nanoseconds(Int64(seconds * 1e9))
        let actions = scheduler.handle(event, now: now)
        let violations = scheduler.checkInvariants()
        #expect(violations == [], "after \(event)", sourceLocation: sourceLocation)
        return actions
    }

    @discardableResult
    func join(
        _ worker: WorkerID,
        threads: Int = 1,
        memoryBytes: UInt64 = 1_000_000,
        host: String = "",
        sourceLocation: SourceLocation = #_sourceLocation
    ) -> [SchedulerAction] {
        send(
            .workerJoined(worker, threads: threads, memoryBytes: memoryBytes, host: host),
            sourceLocation: sourceLocation
        )
    }

    @discardableResult
    func row(
        _ worker: WorkerID,
        _ lease: LeaseID,
        _ perturbation: PerturbationIndex,
        digest: RowDigest = someDigest,
        after seconds: Double = 0,
        sourceLocation: SourceLocation = #_sourceLocation
    ) -> [SchedulerAction] {
        send(
            .rowArrived(worker, lease, perturbation, digest: digest),
            after: seconds,
            sourceLocation: sourceLocation
        )
    }

    @discardableResult
    func die(
        _ worker: WorkerID,
        sourceLocation: SourceLocation = #_sourceLocation
    ) -> [SchedulerAction] {
        send(.workerLeft(worker, .processDied("killed")), sourceLocation: sourceLocation)
    }

    func phase(_ perturbation: PerturbationIndex) -> UnitPhase? {
        scheduler.phase(of: perturbation)
    }

    var counts: UnitCounts { scheduler.counts }
}

extension [SchedulerAction] {
    /// The leases granted, with their workers.
    var grants: [(worker: WorkerID, lease: GrantedLease)] {
        compactMap { action in
            guard case .grant(let worker, let lease) = action else { return nil }
            return (worker, lease)
        }
    }
}
