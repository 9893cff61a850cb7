import Glibc

/// Time and memory of a run, stage by stage, for `--profiling`.
///
/// Not part of the result, which depends on neither.
struct RunProfile: Codable, Equatable {
    /// One stage of the coordinator.
    struct Stage: Codable, Equatable {
        var name: String
        var wallSeconds: Double
        /// Processor seconds of the coordinator itself.
        var cpuSeconds: Double
        /// Largest resident memory of the coordinator up to the end of the stage, bytes.
        var peakBytes: Int
    }

    var stages: [Stage] = []
    /// Processor seconds of the local worker processes that have ended.
    var workerCPUSeconds = 0.0
    /// Largest resident memory of any local worker process, bytes.
    var workerPeakBytes = 0

    /// Processor seconds and peak memory of this process, or of its children that have ended.
    static func usage(ofChildren: Bool) -> (cpuSeconds: Double, peakBytes: Int) {
        var usage = rusage()
        getrusage((ofChildren ? RUSAGE_CHILDREN : RUSAGE_SELF).rawValue, &usage)
        func seconds(_ time: timeval) -> Double {
            Double(time.tv_sec) + Double(time.tv_usec) / 1e6
        }
        return (seconds(usage.ru_utime) + seconds(usage.ru_stime), usage.ru_maxrss << 10)
    }
}
