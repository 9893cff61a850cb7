import Monitoring

/// A status with something in every field, and names that mean mischief.
enum SampleStatus {
    static let hostile = "node\"\\\n\u{1B}[31m<script>alert(1)</script>"

    static var fitting: RunStatus {
        var status = RunStatus(
            release: "1.2.3",
            standing: .live,
            method: "nb-glm",
            runDirectory: "/data/result.h5ad.crispyx"
        )
        status.phase = .fitting
        status.input = "/data/screen.h5ad"
        status.output = "/data/result.h5ad"
        status.host = "node0"
        status.process = 4711
        status.startedAt = "2026-01-02T03:04:05Z"
        status.elapsedSeconds = 61.5
        status.progress = RunStatus.Progress(
            done: 25,
            total: 100,
            unit: "perturbations",
            fraction: 0.25,
            perSecond: 2.5,
            perSecondOverall: 2,
            secondsLeft: 30
        )
        var perturbations = RunStatus.Perturbations()
        perturbations.pending = 60
        perturbations.leased = 8
        perturbations.started = 4
        perturbations.written = 3
        perturbations.done = 22
        perturbations.failed = 1
        perturbations.quarantined = 2
        perturbations.resumed = 5
        status.perturbations = perturbations
        status.workers = [worker(1, "node1"), worker(2, hostile)]
        status.leases = [RunStatus.Lease(number: 9, worker: 1, unfinished: 6, started: 2)]
        status.givenUp = [
            RunStatus.GivenUp(perturbation: hostile, kind: "quarantined", reasons: ["a", "b"])
        ]
        status.retried = [
            RunStatus.Retried(
                perturbation: "GENE2",
                state: "started",
                lostAttempts: 1,
                strikes: 1,
                reason: "worker 3: killed by signal 11"
            )
        ]
        status.departures = [
            RunStatus.Departure(worker: "node3/12", how: "died", finished: 4, secondsAgo: 2)
        ]
        status.tallies.rows = 25
        status.tallies.workersJoined = 3
        status.tallies.workersDied = 1
        status.traffic = RunStatus.Traffic(rowBytes: 1024, blockBytes: 4096)
        status.memory = RunStatus.Memory(residentBytes: 1 << 20, limitBytes: 1 << 30)
        return status
    }

    private static func worker(_ number: UInt64, _ host: String) -> RunStatus.Worker {
        var worker = RunStatus.Worker(
            number: number,
            host: host,
            process: 100 + UInt32(number),
            threads: 4,
            connectedSeconds: 60,
            silentSeconds: Double(number),
            unfinished: 6,
            finished: 12,
            limitBytes: 1 << 30
        )
        worker.numaNode = number == 1 ? 0 : nil
        worker.running = ["GENE1", hostile]
        worker.residentBytes = 1000 * number
        return worker
    }
}
