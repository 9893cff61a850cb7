import ChildProcesses
import Transport
import WireProtocol

/// Everything that can happen while workers are served, in the order it reaches the one thread that
/// decides.
enum ServeEvent: Sendable {
    /// A worker connected; it has not greeted yet.
    case connected(UInt64, CoordinatorLink)
    /// Something came over a link, or the link ended.
    case link(UInt64, LinkEvent<WorkerMessage>)
    /// A child of this process ended.
    case childEnded(slot: Int, ExitStatus)
    /// The worker of a machine of the hosts file, or the `ssh` in front of it, ended.
    case hostEnded(Int, ExitStatus)
    /// The writer's news.
    case writer(RowWriter.Event)
    /// Somebody asks the run to stop.
    case signal(WatchedSignal)
}
