import Monitoring
import Scheduling

/// What serving workers looks like at one moment: the part of a status that the serving loop knows.
struct ServingStatus: Sendable {
    var perturbations: RunStatus.Perturbations
    var workers: [RunStatus.Worker]
    var leases: [RunStatus.Lease]
    var givenUp: [RunStatus.GivenUp]
    var retried: [RunStatus.Retried]
    var departures: [RunStatus.Departure]
    var tallies: RunStatus.Tallies
    var traffic: RunStatus.Traffic
}

/// What the serving loop writes down for those who watch.
struct ServingDiary {
    /// A worker that left.
    private struct Departed {
        var worker: String
        var how: String
        var finished: Int
        var instant: Instant
    }

    private static let mostDepartures = 20

    /// Counts that only grow.
    var tallies = RunStatus.Tallies()
    /// When those who watch were told last.
    var lastTold = Instant.zero
    private var departed: [Departed] = []

    /// Notes that a worker left.
    mutating func left(_ worker: String, _ departure: Departure, finished: Int, now: Instant) {
        let how: String
        switch departure {
        case .processDied(let reason):
            tallies.workersDied += 1
            how = reason
        case .networkLost:
            tallies.workersLost += 1
            how = "the connection was lost"
        case .goodbye:
            tallies.workersLeft += 1
            how = "took its leave"
        }
        departed.append(Departed(worker: worker, how: how, finished: finished, instant: now))
        if departed.count > Self.mostDepartures { departed.removeFirst() }
    }

    /// The last workers that left, oldest first.
    func departures(now: Instant) -> [RunStatus.Departure] {
        departed.map {
            RunStatus.Departure(
                worker: $0.worker,
                how: $0.how,
                finished: $0.finished,
                secondsAgo: now.seconds(since: $0.instant)
            )
        }
    }
}
