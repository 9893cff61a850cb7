/// What a worker tells the coordinator.
package enum WorkerMessage: Equatable, Sendable {
    /// The greeting.
    case hello(Hello)
    /// Asks for a part of a resource.
    case fetch(ResourceRequest)
    /// The fit of a leased perturbation begins now.
    case started(lease: UInt64, perturbation: UInt32)
    /// A piece of a finished row.
    case row(RowChunk)
    /// The fit of a leased perturbation ended in an error.
    case fitFailed(lease: UInt64, perturbation: UInt32, reason: String)
    /// A sign of life.
    case heartbeat(WorkerHeartbeat)
    /// The worker leaves on purpose; everything leased to it goes back.
    case goodbye(reason: String)
    /// A fitter that this supervisor started has ended.
    case childExited(ChildExit)
    /// Perturbations that were asked back or cancelled and will get no answer.
    case returned(LeasePart)
    /// Rows kept from an earlier connection.
    case rowsOffered([OfferedRow])
}

extension WorkerMessage: WireMessage {
    package static var bulkKind: FrameKind { .rowChunk }

    package static var greetingBodyBytes: Int { ProtocolLimits.greetingBodyBytes }

    package static var mayPrecedeGreeting: Bool { false }

    package var name: String {
        switch self {
        case .hello: "hello"
        case .fetch: "fetch"
        case .started: "started"
        case .row: "row_chunk"
        case .fitFailed: "fit_failed"
        case .heartbeat: "heartbeat"
        case .goodbye: "goodbye"
        case .childExited: "child_exited"
        case .returned: "returned"
        case .rowsOffered: "rows_offered"
        }
    }

    package var phase: MessagePhase {
        switch self {
        case .hello: .greeting
        case .heartbeat, .goodbye: .anyTime
        default: .afterWelcome
        }
    }

    package var firstMinor: UInt32 {
        switch self {
        case .returned, .rowsOffered: 1
        default: 0
        }
    }

    package var opensConversation: Bool { false }

    package var opensRequest: Bool {
        if case .fetch = self { true } else { false }
    }

    package var answersRequest: Bool { false }
}
