/// A run at one moment, as people and programs see it: the one value behind the status page,
/// `/status.json`, `/metrics` and `crispyx-coordinator status`.
///
/// A snapshot without behaviour. Lists are bounded (``mostWorkers``, ``mostEntries``), so that the
/// value stays small whatever the run is like; counts beside them tell how many there are. Texts may
/// come from workers and from the screen: whoever shows them escapes them.
package struct RunStatus: Codable, Equatable, Sendable {
    /// Most workers that are listed.
    package static let mostWorkers = 512
    /// Most entries of every other list, and most running perturbations of one worker.
    package static let mostEntries = 100

    /// Whether a run is going on.
    package enum Standing: String, Codable, CaseIterable, Sendable {
        /// Its process lives.
        case live
        /// Its process is gone and the run can be resumed.
        case stopped
        /// Its result is published.
        case finished
        /// A process of another machine had it last; whether that lives cannot be told from here.
        case elsewhere
    }

    /// What a living run is doing.
    package enum Phase: String, Codable, CaseIterable, Sendable {
        /// Reads the input and regroups its cells.
        case reading
        /// Computes what is global.
        case freezing
        /// Serves workers.
        case fitting
        /// Completes, checks and renames the result.
        case publishing
    }

    /// How far the present phase is.
    package struct Progress: Codable, Equatable, Sendable {
        /// Things done.
        package var done: Int
        /// All things.
        package var total: Int
        /// What the things are called, such as `cells`.
        package var unit: String
        /// The share of the work that is done, from 0 to 1.
        package var fraction: Double
        /// Things per second of the last minute; nil while there is nothing to go by.
        package var perSecond: Double?
        /// Things per second since the phase began.
        package var perSecondOverall: Double?
        /// Seconds that the phase will take yet.
        package var secondsLeft: Double?

        /// Describes how far a phase is.
        package init(
            done: Int,
            total: Int,
            unit: String,
            fraction: Double,
            perSecond: Double? = nil,
            perSecondOverall: Double? = nil,
            secondsLeft: Double? = nil
        ) {
            self.done = done
            self.total = total
            self.unit = unit
            self.fraction = fraction
            self.perSecond = perSecond
            self.perSecondOverall = perSecondOverall
            self.secondsLeft = secondsLeft
        }
    }

    /// Memory of the coordinator's process.
    package struct Memory: Codable, Equatable, Sendable {
        /// Bytes resident now.
        package var residentBytes: Int
        /// Bytes that all processes of its machine may use together.
        package var limitBytes: Int

        /// Describes the memory.
        package init(residentBytes: Int, limitBytes: Int) {
            self.residentBytes = residentBytes
            self.limitBytes = limitBytes
        }
    }

    /// Version of this value's layout; fields are added, never changed.
    package var version = 1
    /// Release of the program.
    package var release: String
    /// Whether the run is going on.
    package var standing: Standing
    /// What it is doing; nil unless it is known to live.
    package var phase: Phase?
    /// The analysis, such as `nb_glm`.
    package var method: String
    /// Path of the screen; nil when it is not known.
    package var input: String?
    /// Path of the result; nil when it is not known.
    package var output: String?
    /// Path of the run directory.
    package var runDirectory: String
    /// Machine of the coordinator.
    package var host: String?
    /// Process id of the coordinator on that machine.
    package var process: Int?
    /// When the coordinator began, ISO 8601; nil when it is not known.
    package var startedAt: String?
    /// Seconds since then, or until the run ended.
    package var elapsedSeconds: Double?
    /// How far the present phase is.
    package var progress: Progress?
    /// The perturbations by state; nil before they are known.
    package var perturbations: Perturbations?
    /// Connected workers, in the order they joined, at most ``mostWorkers``.
    package var workers: [Worker] = []
    /// What has happened to workers and rows since the coordinator began to serve.
    package var tallies = Tallies()
    /// Perturbations that are out with workers, by lease, at most ``mostEntries``.
    package var leases: [Lease] = []
    /// Perturbations that were given up, at most ``mostEntries``.
    package var givenUp: [GivenUp] = []
    /// Perturbations that lost attempts and are not settled, at most ``mostEntries``.
    package var retried: [Retried] = []
    /// The last workers that left, newest last.
    package var departures: [Departure] = []
    /// What is on its way.
    package var traffic: Traffic?
    /// Memory of the coordinator.
    package var memory: Memory?
    /// What to do next, for a run that is not going on.
    package var remedy: String?

    /// A run of which nothing but this is known yet.
    package init(release: String, standing: Standing, method: String, runDirectory: String) {
        self.release = release
        self.standing = standing
        self.method = method
        self.runDirectory = runDirectory
    }
}
