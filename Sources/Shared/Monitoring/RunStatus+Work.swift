// The parts of a status that are about perturbations and workers.

extension RunStatus {
    /// How many perturbations are in each state.
    package struct Perturbations: Codable, Equatable, Sendable {
        /// Waiting for a worker.
        package var pending = 0
        /// With a worker, not begun.
        package var leased = 0
        /// Being fitted.
        package var started = 0
        /// Fitted; the row is not yet safe on disk.
        package var written = 0
        /// The row is safe on disk.
        package var done = 0
        /// The fit reported failure on every try.
        package var failed = 0
        /// Given up because workers died of it.
        package var quarantined = 0
        /// Of those done, the ones that an earlier, interrupted run had left.
        package var resumed = 0

        /// None at all.
        package init() {}

        /// All of them.
        package var total: Int {
            pending + leased + started + written + done + failed + quarantined
        }

        /// The states with their names, in the order of a perturbation's life.
        package var byState: [(state: String, count: Int)] {
            [
                ("pending", pending), ("leased", leased), ("started", started),
                ("written", written), ("done", done), ("failed", failed),
                ("quarantined", quarantined),
            ]
        }
    }

    /// One connected worker process.
    package struct Worker: Codable, Equatable, Sendable {
        /// Number of its connection.
        package var number: UInt64
        /// Its machine, by its own word.
        package var host: String
        /// Its process id there, by its own word.
        package var process: UInt32
        /// The NUMA node it is bound to.
        package var numaNode: UInt32?
        /// Fits it runs at once.
        package var threads: Int
        /// Whether the coordinator started it on its own machine.
        package var isLocal = false
        /// Seconds since it joined.
        package var connectedSeconds: Double
        /// Seconds since anything was heard of it.
        package var silentSeconds: Double
        /// The perturbations it is fitting, at most ``RunStatus/mostEntries``.
        package var running: [String] = []
        /// Perturbations it was given and has not answered, the running ones included.
        package var unfinished: Int
        /// Rows it has sent.
        package var finished: Int
        /// Rows per second since it joined; nil before its first row.
        package var perSecond: Double?
        /// Memory it holds, by its own word, bytes; nil before its first heartbeat.
        package var residentBytes: UInt64?
        /// Memory it may use, bytes.
        package var limitBytes: UInt64
        /// Whether it is fitting a perturbation that must run alone.
        package var isSolo = false
        /// Most strikes of a perturbation that it is fitting.
        package var strikes = 0

        /// Describes a worker; what is left out is filled in later.
        package init(
            number: UInt64,
            host: String,
            process: UInt32,
            threads: Int,
            connectedSeconds: Double,
            silentSeconds: Double,
            unfinished: Int,
            finished: Int,
            limitBytes: UInt64
        ) {
            self.number = number
            self.host = host
            self.process = process
            self.threads = threads
            self.connectedSeconds = connectedSeconds
            self.silentSeconds = silentSeconds
            self.unfinished = unfinished
            self.finished = finished
            self.limitBytes = limitBytes
        }
    }

    /// A lease that is not fully answered.
    package struct Lease: Codable, Equatable, Sendable {
        /// Its number.
        package var number: UInt64
        /// Number of the worker's connection.
        package var worker: UInt64
        /// Perturbations of it that are not answered.
        package var unfinished: Int
        /// Of those, the ones being fitted.
        package var started: Int

        /// Describes a lease.
        package init(number: UInt64, worker: UInt64, unfinished: Int, started: Int) {
            self.number = number
            self.worker = worker
            self.unfinished = unfinished
            self.started = started
        }
    }

    /// A perturbation without a row.
    package struct GivenUp: Codable, Equatable, Sendable {
        /// Its label.
        package var perturbation: String
        /// `failed` or `quarantined`.
        package var kind: String
        /// Every reason known.
        package var reasons: [String]

        /// Describes the loss.
        package init(perturbation: String, kind: String, reasons: [String]) {
            self.perturbation = perturbation
            self.kind = kind
            self.reasons = reasons
        }
    }

    /// A perturbation that lost attempts and is tried again.
    package struct Retried: Codable, Equatable, Sendable {
        /// Its label.
        package var perturbation: String
        /// Its state, as in ``RunStatus/Perturbations``.
        package var state: String
        /// Attempts that began and gave no row.
        package var lostAttempts: Int
        /// Process deaths with this perturbation alone.
        package var strikes: Int
        /// What happened last.
        package var reason: String

        /// Describes it.
        package init(
            perturbation: String,
            state: String,
            lostAttempts: Int,
            strikes: Int,
            reason: String
        ) {
            self.perturbation = perturbation
            self.state = state
            self.lostAttempts = lostAttempts
            self.strikes = strikes
            self.reason = reason
        }
    }

    /// A worker that left.
    package struct Departure: Codable, Equatable, Sendable {
        /// Its machine and process, as in `node01/4711`.
        package var worker: String
        /// How it left.
        package var how: String
        /// Rows it had sent.
        package var finished: Int
        /// Seconds since.
        package var secondsAgo: Double

        /// Describes it.
        package init(worker: String, how: String, finished: Int, secondsAgo: Double) {
            self.worker = worker
            self.how = how
            self.finished = finished
            self.secondsAgo = secondsAgo
        }
    }

    /// Counts that only grow.
    package struct Tallies: Codable, Equatable, Sendable {
        /// Rows taken.
        package var rows = 0
        /// Rows that came twice or too late and were dropped.
        package var rowsDropped = 0
        /// Fits that reported failure.
        package var fitFailures = 0
        /// Workers that joined.
        package var workersJoined = 0
        /// Workers that took their leave.
        package var workersLeft = 0
        /// Worker processes that died.
        package var workersDied = 0
        /// Workers whose connection was lost.
        package var workersLost = 0

        /// Nothing has happened.
        package init() {}
    }

    /// What is on its way.
    package struct Traffic: Codable, Equatable, Sendable {
        /// Bytes of rows that arrived and are not written yet.
        package var rowBytes: UInt64
        /// Bytes of count blocks of the perturbations that workers have.
        package var blockBytes: UInt64

        /// Describes it.
        package init(rowBytes: UInt64, blockBytes: UInt64) {
            self.rowBytes = rowBytes
            self.blockBytes = blockBytes
        }
    }
}
