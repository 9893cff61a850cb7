import Scheduling

/// A bug, planted where the scheduler meets the world, so that its own code stays as it is.
enum Mutant: String, CaseIterable, Sendable {
    /// A second row of a perturbation is written over the first.
    case noDedupe
    /// An old session of a process is served beside the new one.
    case noFencing
    /// Workers are told that rows are durable when they are only written.
    case durableBeforeSaved
    /// A commit that failed is reported like one that succeeded.
    case failedCommitReported
    /// The journal names rows that are not on the disk.
    case journalBeforeRows
    /// A lost connection is taken for a dead process.
    case networkLossBlamed
    /// What was leased and not started is blamed for a death.
    case unstartedBlamed
    /// A perturbation that was asked back is forgotten.
    case lostOnRevoke
    /// A straggler is copied to two workers.
    case doubleCopy
    /// Rows that are dropped keep their credit.
    case creditLeak
    /// One strike is enough.
    case oneStrike
    /// Workers that vanish with their machine are blamed each.
    case hostLossBlamed
    /// Rows of sessions that have ended are refused.
    case endedLeaseRefused
    /// A row that is written already is written again when it is offered.
    case offeredTwice
    /// A fit that does not end is left alone.
    case noTimeLimit
    /// Perturbations that ended a process are retried beside others.
    case suspectsTogether

    func policy(_ right: SchedulingPolicy) -> SchedulingPolicy {
        var policy = right
        switch self {
        case .oneStrike: policy.strikesToQuarantine = 1
        case .hostLossBlamed: policy.hostLossWindow = .nanoseconds(-1)
        case .noTimeLimit: policy.fitTimeout = .seconds(1_000_000)
        default: break
        }
        return policy
    }

    /// What the scheduler is told instead of an event.
    func events(_ event: SchedulerEvent, in cluster: SimulatedCluster) -> [SchedulerEvent] {
        switch (self, event) {
        case (.noFencing, .workerJoined(let worker, let threads, let memory, let host, _)):
            return [.workerJoined(worker, threads: threads, memoryBytes: memory, host: host)]
        case (.networkLossBlamed, .workerLeft(let worker, .networkLost)):
            return [.workerLeft(worker, .processDied("lost"))]
        case (.lostOnRevoke, .returned(let worker, _, _)):
            return [.heard(worker)]
        case (.endedLeaseRefused, .rowArrived(let worker, _, _, _)):
            return cluster.judge.sessions[worker] == nil ? [] : [event]
        default:
            return [event]
        }
    }

    /// What is done instead of what the scheduler decides.
    func actions(_ actions: [SchedulerAction], in cluster: SimulatedCluster) -> [SchedulerAction] {
        actions.flatMap { action -> [SchedulerAction] in
            switch (self, action) {
            case (.noDedupe, .discard(let perturbation, .duplicate, _)):
                return [.write(perturbation, from: WorkerID(0), attempt: 2)]
            case (.offeredTwice, .answerOffer(let worker, let verdict)):
                let again = (verdict.kept + verdict.durable).map {
                    SchedulerAction.write($0, from: worker, attempt: 1)
                }
                return again + [action]
            case (.doubleCopy, .grant(let worker, let lease)) where lease.isCopy:
                let others = cluster.judge.sessions.keys.sorted().filter { $0 != worker }
                return [action] + others.suffix(1).map { .grant($0, lease) }
            case (.unstartedBlamed, .grant(let worker, let lease)):
                for perturbation in lease.perturbations {
                    let started = SchedulerEvent.started(worker, lease.lease, perturbation)
                    let now = Instant(nanoseconds: cluster.now)
                    _ = cluster.scheduler?.handle(started, now: now)
                }
                return [action]
            case (.suspectsTogether, .grant(let worker, let lease)) where lease.solo:
                let ordinary = GrantedLease(
                    lease: lease.lease,
                    solo: false,
                    perturbations: lease.perturbations
                )
                return [.grant(worker, ordinary)]
            default:
                return [action]
            }
        }
    }
}
