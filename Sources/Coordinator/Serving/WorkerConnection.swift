import Scheduling
import Transport
import WireProtocol

/// What the coordinator knows of one connected worker.
struct WorkerConnection {
    /// What the peer has shown itself to be.
    enum Stage: Equatable {
        /// Connected, not greeted.
        case greeting
        /// Fits perturbations.
        case fitting
        /// Reports how its children end.
        case supervising
        /// Took its leave or was refused; what still comes is ignored.
        case leaving
    }

    let link: CoordinatorLink
    /// The local child behind the link, if it is one of ours.
    let localSlot: Int?
    var stage = Stage.greeting
    /// Whether the scheduler has taken the worker for lost; only its end is missing.
    var isGivenUp = false
    /// How the link to a local child ended, while its process has not.
    var closure: LinkClosure?
    /// How the local child behind the link ended.
    var processEnd: String?
    var hello: Hello?
    /// Minor version of the protocol that is in force.
    var minor: UInt32 = 0
    /// When it was welcomed.
    var joined: Instant?
    /// What it last said of itself.
    var heartbeat: WorkerHeartbeat?
    var rows: RowAssembler?
    /// Bytes of rows that the worker may send before some are written.
    var credit: RowCredit?

    /// How the worker appears in logs.
    var name: String {
        guard let hello else { return link.peer }
        return "\(hello.host)/\(hello.processID)"
    }
}
