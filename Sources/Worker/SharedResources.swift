import ComputeThreads
import Logging
import RunFiles
import Scheduling
import Synchronization

/// The resources of a run as this process sees them in the run directory, instead of over its link.
///
/// Where the directory is, is this process's own knowledge: no path comes from a peer. A thread of
/// its own reads, so that a slow disk holds up neither the link nor the fits. Whatever cannot be
/// read, or is not what the coordinator announced, is fetched over the link by the caller.
final class SharedResources: Sendable {
    private let path: String
    private let log: Logger
    private let thread = JobThreads(threadCount: 1)
    private let directory = Mutex<ResourceDirectory?>(nil)

    /// Names a directory; it is looked at when the run is known.
    init(path: String, log: Logger) {
        self.path = path
        self.log = log
    }

    /// Looks for the resources of a run.
    func open(runID: String) {
        thread.submit { [self] in
            do throws(RunFilesError) {
                let opened = try ResourceDirectory(path, runID: runID)
                directory.withLock { $0 = opened }
                log.debug("reading from the run directory", metadata: ["path": "\(path)"])
            } catch {
                // A directory without resources is that of a run which does not share them.
                let isMissing = if case .missing = error { true } else { false }
                log.log(
                    level: isMissing ? .debug : .warning,
                    "nothing is read from the run directory, everything comes over the connection",
                    metadata: ["why": "\(error)"]
                )
            }
        }
    }

    /// Reads a resource.
    ///
    /// - Parameters:
    ///   - demand: What the coordinator announced.
    ///   - done: Receives the bytes, or nil when they have to come over the link; called on a thread
    ///     of this object.
    func obtain(_ demand: ResourceDemand, _ done: @escaping @Sendable ([UInt8]?) -> Void) {
        thread.submit { [self] in
            guard let directory = directory.withLock({ $0 }) else { return done(nil) }
            do throws(RunFilesError) {
                let bytes = try directory.read(demand.name, announced: demand.digest)
                done(UInt64(bytes.count) == demand.bytes ? bytes : nil)
            } catch {
                log.warning(
                    "a resource comes over the connection instead of from the run directory",
                    metadata: ["why": "\(error)"]
                )
                done(nil)
            }
        }
    }
}
