import ComputeThreads
import DifferentialExpression
import Foundation
import Glibc
import Monitoring
import NodeTopology
import Scheduling
import Synchronization
import WireProtocol

/// What is known of a run that is going on, put together by those who carry it out and read by those
/// who watch it, from their own threads.
final class RunMonitor: Sendable {
    private struct State {
        var phase = RunStatus.Phase.reading
        var progress: StageProgress?
        var serving: ServingStatus?
        var endpoint: String?
    }

    private let method: String
    private let input: String
    private let output: String
    private let runDirectory: String
    private let memoryLimit: Int
    private let started = Instant(nanoseconds: monotonicNanoseconds())
    /// When the coordinator began, ISO 8601.
    let startedAt = Date().formatted(.iso8601)
    private let state = Mutex(State())
    /// Whether anybody may ask.
    let isWatched: Bool

    /// A run that begins to read.
    init(_ request: RunRequest) {
        method = request.options.method.rawValue
        input = URL(filePath: request.input).path
        output = request.output
        runDirectory = request.runDirectory
        memoryLimit = request.memoryBytes
        isWatched = request.status != nil
    }

    /// Where the status is shown, as in `127.0.0.1:9400`; nil when it is not.
    var endpoint: String? {
        get { state.withLock { $0.endpoint } }
        set { state.withLock { $0.endpoint = newValue } }
    }

    /// The run does something else from now on.
    func enter(_ phase: RunStatus.Phase) {
        state.withLock { state in
            state.phase = phase
            state.progress = nil
        }
    }

    /// The present phase is so far.
    func note(_ progress: StageProgress) {
        state.withLock { $0.progress = progress }
    }

    /// Serving is so far.
    func note(_ serving: ServingStatus) {
        state.withLock { $0.serving = serving }
    }

    /// The run as it is now.
    func status() -> RunStatus {
        let state = state.withLock { $0 }
        let now = Instant(nanoseconds: monotonicNanoseconds())
        var status = RunStatus(
            release: BuildIdentity.release,
            standing: .live,
            method: method,
            runDirectory: runDirectory
        )
        status.phase = state.phase
        status.input = input
        status.output = output
        status.host = ProcessInfo.processInfo.hostName
        status.process = Int(getpid())
        status.startedAt = startedAt
        status.elapsedSeconds = now.seconds(since: started)
        status.progress = state.progress?.progress(now: now)
        status.memory = RunStatus.Memory(
            residentBytes: ProcessMemory.residentBytes() ?? 0,
            limitBytes: memoryLimit
        )
        guard let serving = state.serving else { return status }
        status.perturbations = serving.perturbations
        status.workers = serving.workers
        status.leases = serving.leases
        status.givenUp = serving.givenUp
        status.retried = serving.retried
        status.departures = serving.departures
        status.tallies = serving.tallies
        status.traffic = serving.traffic
        return status
    }
}
