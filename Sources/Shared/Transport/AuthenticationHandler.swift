internal import NIOCore
internal import NIOSSL
internal import NIOTLS

/// Why a connection never became a link.
package enum HandshakeFailure: Error, Equatable, Sendable, CustomStringConvertible {
    /// The TLS handshake failed: another token, another authority, or no TLS at all.
    case tlsFailed(String)
    /// The peer closed during the handshake.
    case peerClosed
    /// The handshake took too long.
    case timedOut(milliseconds: Int64)
    /// As many connections as allowed are open.
    case tooManyConnections(limit: Int)
    /// As many connections as allowed are open from its address.
    case tooManyFromAddress(limit: Int)
    /// Too many handshakes were under way and this one had to go.
    case tooManyHandshakes(limit: Int)
    /// So many handshakes of its address failed that it is not let in for a while.
    case shutOut(failures: Int)

    /// Whether it speaks against the peer, and counts towards shutting its address out.
    ///
    /// A connection that is merely closed again may be a health check.
    var isOffence: Bool {
        switch self {
        case .tlsFailed, .timedOut: true
        default: false
        }
    }

    package var description: String {
        switch self {
        case .tlsFailed(let reason): "TLS handshake failed: \(reason)"
        case .peerClosed: "closed during the TLS handshake"
        case .timedOut(let milliseconds): "TLS handshake not finished within \(milliseconds) ms"
        case .tooManyConnections(let limit): "\(limit) connections are open already"
        case .tooManyFromAddress(let limit):
            "\(limit) connections from its address are open already"
        case .shutOut(let failures):
            "\(failures) handshakes of its address failed, it is shut out for a while"
        case .tooManyHandshakes(let limit): "more than \(limit) handshakes under way"
        }
    }
}

/// Waits behind the TLS handler until the handshake is over; no byte gets past before.
///
/// Reports exactly once, and takes itself out of the pipeline when the peer is authentic.
final class AuthenticationHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer

    private let deadline: TimeAmount
    private var report: ((Result<any Channel, HandshakeFailure>) -> Void)?
    private var deadlineTask: Scheduled<Void>?

    /// Makes a handler.
    ///
    /// - Parameters:
    ///   - deadline: How long the handshake may take.
    ///   - report: Called once on the event loop; with the channel when the peer is authentic.
    init(
        deadline: TimeAmount,
        report: @escaping (Result<any Channel, HandshakeFailure>) -> Void
    ) {
        self.deadline = deadline
        self.report = report
    }

    func handlerAdded(context: ChannelHandlerContext) {
        let channel = context.channel
        deadlineTask = context.eventLoop.assumeIsolated().scheduleTask(in: deadline) {
            [weak self] in
            guard let self, self.report != nil else { return }
            self.finish(.failure(.timedOut(milliseconds: self.deadline.nanoseconds / 1_000_000)))
            channel.close(promise: nil)
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case TLSUserEvent.handshakeCompleted = event {
            finish(.success(context.channel))
            context.pipeline.syncOperations.removeHandler(self, promise: nil)
        } else {
            context.fireUserInboundEventTriggered(event)
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard report == nil else { return }
        context.fireChannelRead(data)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard report != nil else {
            context.fireErrorCaught(error)
            return
        }
        switch error {
        case NIOSSLError.handshakeFailed(.sslError(let stack))
        where stack == [.eofDuringHandshake]:
            finish(.failure(.peerClosed))
        case is IOError:
            // A listener that turns a connection away resets it when bytes were unread.
            finish(.failure(.peerClosed))
        default:
            finish(.failure(.tlsFailed(TLSErrorText.of(error))))
        }
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        finish(.failure(.peerClosed))
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        finish(.failure(.peerClosed))
    }

    private func finish(_ result: Result<any Channel, HandshakeFailure>) {
        guard let report else { return }
        self.report = nil
        deadlineTask?.cancel()
        report(result)
    }
}
