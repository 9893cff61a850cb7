package import NIOCore

/// When a message may be sent.
package enum MessagePhase: Equatable, Sendable {
    /// Once, as the greeting of its side.
    case greeting
    /// Before and after the greeting was answered.
    case anyTime
    /// Only to a worker that was welcomed, or by one.
    case afterWelcome
}

/// The messages of one direction.
package protocol WireMessage: Equatable, Sendable {
    /// Kind of this direction's bulk frames.
    static var bulkKind: FrameKind { get }

    /// Largest control body before the greeting was exchanged, in bytes.
    static var greetingBodyBytes: Int { get }

    /// Whether an ``MessagePhase/anyTime`` message may come before this side's greeting.
    static var mayPrecedeGreeting: Bool { get }

    /// Decodes the body of a control frame.
    ///
    /// - Throws: ``WireProtocolError`` for anything but a valid message.
    static func decode(control body: [UInt8]) throws(WireProtocolError) -> Self

    /// Decodes the body of a frame of ``bulkKind``.
    ///
    /// - Throws: ``WireProtocolError`` for anything but a valid message.
    static func decode(bulk body: ByteBuffer) throws(WireProtocolError) -> Self

    /// Encodes the message.
    ///
    /// - Throws: ``WireProtocolError/invalidField(message:field:reason:)`` for what a receiver would
    ///   refuse, ``WireProtocolError/frameTooLarge(kind:bytes:limit:)``.
    func encoded() throws(WireProtocolError) -> EncodedFrame

    /// The message's name in the protocol.
    var name: String { get }

    /// When the message may be sent.
    var phase: MessagePhase { get }

    /// The minor version that must be in force for the message to be sent.
    var firstMinor: UInt32 { get }

    /// Whether the conversation is open to every message once this one has been sent.
    var opensConversation: Bool { get }

    /// Whether the message awaits an answer that counts against ``ProtocolLimits/openRequests``.
    var opensRequest: Bool { get }

    /// Whether the message answers such a request.
    var answersRequest: Bool { get }
}
