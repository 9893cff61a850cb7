/// What can be wrong with the bytes of a peer, or with a message about to be sent.
package enum WireProtocolError: Error, Equatable, Sendable, CustomStringConvertible {
    /// A frame starts with a kind that does not exist.
    case unknownFrameKind(UInt8)
    /// The receiver of this direction never gets frames of that kind.
    case unexpectedFrameKind(FrameKind)
    /// A frame's body is longer than its kind may be at this point of the conversation.
    case frameTooLarge(kind: FrameKind, bytes: Int, limit: Int)
    /// A bulk frame's body is too short for its fixed fields and one byte of payload.
    case frameTooShort(kind: FrameKind, bytes: Int, minimum: Int)
    /// Something other than the greeting came before the greeting was exchanged.
    case messageBeforeGreeting(message: String)
    /// A greeting came a second time.
    case repeatedGreeting(message: String)
    /// The body of a control frame is no valid message.
    case malformedControl(reason: String)
    /// A control message is none that this version knows.
    case unknownMessage
    /// A field holds what it must not; `reason` names the value found and the limit.
    case invalidField(message: String, field: String, reason: String)
    /// A row's declared length is not that of every row of this run.
    case rowLengthMismatch(perturbation: UInt32, declared: UInt64, expected: UInt64)
    /// A row's chunk does not start where the previous one ended.
    case rowChunkOutOfOrder(perturbation: UInt32, offset: UInt64, expected: UInt64)
    /// The chunks of one row disagree about its digest.
    case rowDigestChanged(perturbation: UInt32)
    /// More rows are under way than the credit allows.
    case tooManyOpenRows(limit: Int)
    /// Row bytes exceed the credit that is left.
    case rowCreditExceeded(bytes: UInt64, available: UInt64)
    /// More requests are unanswered than one worker may have.
    case tooManyOpenRequests(limit: Int)

    package var description: String {
        switch self {
        case .unknownFrameKind(let kind):
            "frame of unknown kind \(kind): the peer does not speak this protocol"
        case .unexpectedFrameKind(let kind):
            "\(kind) frame in the wrong direction"
        case .frameTooLarge(let kind, let bytes, let limit):
            "\(kind) frame of \(bytes) bytes exceeds the limit of \(limit) at this point"
        case .frameTooShort(let kind, let bytes, let minimum):
            "\(kind) frame of \(bytes) bytes is too short, need at least \(minimum)"
        case .messageBeforeGreeting(let message):
            "\(message) came before the greeting was exchanged"
        case .repeatedGreeting(let message):
            "\(message) came a second time"
        case .malformedControl(let reason):
            "control frame cannot be decoded: \(reason)"
        case .unknownMessage:
            "control message of a type that protocol \(ProtocolVersion.major)."
                + "\(ProtocolVersion.minor) does not know"
        case .invalidField(let message, let field, let reason):
            "\(message).\(field): \(reason)"
        default:
            flowDescription
        }
    }

    private var flowDescription: String {
        switch self {
        case .rowLengthMismatch(let perturbation, let declared, let expected):
            "row of perturbation \(perturbation) declares \(declared) bytes, rows of this run "
                + "have \(expected)"
        case .rowChunkOutOfOrder(let perturbation, let offset, let expected):
            "row of perturbation \(perturbation) continues at byte \(offset), expected \(expected)"
        case .rowDigestChanged(let perturbation):
            "chunks of the row of perturbation \(perturbation) carry different digests"
        case .tooManyOpenRows(let limit):
            "more than \(limit) rows are under way at once, which the row credit does not cover"
        case .rowCreditExceeded(let bytes, let available):
            "\(bytes) row bytes exceed the row credit of \(available) bytes that is left"
        case .tooManyOpenRequests(let limit):
            "more than \(limit) resource requests are unanswered at once"
        default:
            "protocol error"
        }
    }
}
