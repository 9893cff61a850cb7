package import WireProtocol

/// Why a deadline closed a link.
package enum LinkTimeout: Equatable, Sendable {
    /// No byte came for longer than the silence limit.
    case silence(milliseconds: Int64)
    /// The peer did not greet in time.
    case greeting(milliseconds: Int64)
    /// The operating system gave the connection up.
    case network
}

/// How a link ended.
package enum LinkClosure: Equatable, Sendable, CustomStringConvertible {
    /// The peer closed its end in order; over a socket pair, or its process ended.
    case peerClosed
    /// The peer's end closed without the farewell of TLS, as it does when its process ended.
    case vanished
    /// The peer's machine refused further bytes, as it does when its process died with bytes unread.
    case reset
    /// A deadline passed.
    case timedOut(LinkTimeout)
    /// The peer broke the protocol.
    case protocolViolation(WireProtocolError)
    /// The encrypted stream was damaged.
    case tlsFailed(String)
    /// The peer did not accept this side's certificate.
    ///
    /// In TLS 1.3 the connecting side is authentic only after its own handshake is over.
    case certificateRefused(String)
    /// This side closed the link.
    case local

    package var description: String {
        switch self {
        case .peerClosed: "the other end closed the connection"
        case .vanished: "the other end ended without a word"
        case .reset: "the other end dropped the connection"
        case .timedOut(.silence(let milliseconds)): "nothing was heard for \(milliseconds) ms"
        case .timedOut(.greeting(let milliseconds)): "no greeting came within \(milliseconds) ms"
        case .timedOut(.network): "the network does not reach the other end any more"
        case .protocolViolation(let error): "the other end broke the protocol: \(error)"
        case .tlsFailed(let reason): "the encrypted connection was damaged: \(reason)"
        case .certificateRefused(let reason): "the other end refused the certificate: \(reason)"
        case .local: "closed from this side"
        }
    }
}

/// What happens on a link: any number of messages, then exactly one closure, then nothing.
package enum LinkEvent<Message: WireMessage>: Equatable, Sendable {
    /// A valid message came.
    case message(Message)
    /// The link is gone.
    case closed(LinkClosure)
}

/// One connection to a peer, whatever carries it.
///
/// Events go to the callback that was given when the link was made, in order, on an event loop's
/// thread: the callback must hand work on and return at once.
package protocol Link<Outbound, Inbound>: AnyObject, Sendable {
    /// The messages that this side sends.
    associatedtype Outbound: WireMessage
    /// The messages that this side receives.
    associatedtype Inbound: WireMessage

    /// The peer, for people: an address, or `local socket`.
    var peer: String { get }

    /// Bytes handed to ``send(_:)`` that the operating system has not taken yet.
    var queuedBytes: Int { get }

    /// Queues a message; callable from any thread, messages leave in the order of the calls.
    ///
    /// Does nothing on a link that is closed: its closure event tells.
    ///
    /// - Throws: ``WireProtocolError`` for a message that the peer would refuse.
    func send(_ message: Outbound) throws(WireProtocolError)

    /// Sends a heartbeat at a fixed interval and closes the link after too long a silence.
    ///
    /// A further call replaces the earlier one.
    ///
    /// - Parameters:
    ///   - interval: Time between heartbeats; a heartbeat is left out while an earlier one waits.
    ///   - silence: Longest time without any received byte.
    ///   - message: Called on an event loop's thread for what to send; nil sends nothing this time.
    func keepAlive(
        every interval: Duration,
        silence: Duration,
        sending message: @escaping @Sendable () -> Outbound?
    )

    /// Sends what is queued, then closes; nothing that comes meanwhile is delivered.
    func close()
}
