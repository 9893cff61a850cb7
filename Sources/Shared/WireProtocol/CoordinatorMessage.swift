/// What the coordinator tells a worker.
package enum CoordinatorMessage: Equatable, Sendable {
    /// Takes the worker into the run.
    case welcome(Welcome)
    /// Does not take the worker; the connection ends.
    case refused(Refusal)
    /// Part of a resource that the worker asked for.
    case resourceChunk(ResourceChunk)
    /// Work.
    case lease(LeaseGrant)
    /// Rows that survive any crash from now on, and the row credit that returns.
    case rowsDurable(perturbations: [UInt32], creditBytes: UInt64)
    /// A request that cannot be answered.
    case resourceMissing(request: UInt64, reason: String)
    /// A sign of life.
    case heartbeat
    /// The run is over: leave.
    case finish(reason: String)
    /// Give back what of this lease has not been started.
    case revoke(LeasePart)
    /// The row is here from elsewhere: send none.
    case cancel(lease: UInt64, perturbation: UInt32)
    /// What becomes of the rows that the worker offered.
    case offerAnswer(OfferAnswer)
    /// End the process at once, whatever it is doing.
    case endProcess(reason: String)
}

extension CoordinatorMessage: WireMessage {
    package static var bulkKind: FrameKind { .resourceChunk }

    package static var greetingBodyBytes: Int { ProtocolLimits.controlBodyBytes }

    package static var mayPrecedeGreeting: Bool { true }

    package var name: String {
        switch self {
        case .welcome: "welcome"
        case .refused: "refused"
        case .resourceChunk: "resource_chunk"
        case .lease: "lease"
        case .rowsDurable: "rows_durable"
        case .resourceMissing: "resource_missing"
        case .heartbeat: "heartbeat"
        case .finish: "finish"
        case .revoke: "revoke"
        case .cancel: "cancel"
        case .offerAnswer: "offer_answer"
        case .endProcess: "end_process"
        }
    }

    package var phase: MessagePhase {
        switch self {
        case .welcome, .refused: .greeting
        case .heartbeat: .anyTime
        default: .afterWelcome
        }
    }

    package var firstMinor: UInt32 {
        switch self {
        case .revoke, .cancel, .offerAnswer, .endProcess: 1
        default: 0
        }
    }

    package var opensConversation: Bool {
        if case .welcome = self { true } else { false }
    }

    package var opensRequest: Bool { false }

    package var answersRequest: Bool {
        switch self {
        case .resourceChunk, .resourceMissing: true
        default: false
        }
    }
}
