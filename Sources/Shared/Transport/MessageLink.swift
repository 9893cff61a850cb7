internal import NIOCore
package import WireProtocol

/// The worker's end of a connection.
package typealias WorkerLink = MessageLink<WorkerMessage, CoordinatorMessage>

/// The coordinator's end of a connection.
package typealias CoordinatorLink = MessageLink<CoordinatorMessage, WorkerMessage>

/// Receives the events of one link, on an event loop's thread.
package typealias LinkEventHandler<Message: WireMessage> = @Sendable (LinkEvent<Message>) -> Void

/// A link over a socket.
package final class MessageLink<Outbound: WireMessage, Inbound: WireMessage>: Link {
    private let channel: any Channel
    private let outbox: LinkOutbox

    package let peer: String

    init(channel: any Channel, outbox: LinkOutbox, peer: String) {
        self.channel = channel
        self.outbox = outbox
        self.peer = peer
    }

    package var queuedBytes: Int { outbox.queuedBytes }

    package func send(_ message: Outbound) throws(WireProtocolError) {
        let entry = LinkOutbox.Entry(
            frame: try message.encoded(),
            opensConversation: message.opensConversation,
            answersRequest: message.answersRequest
        )
        if outbox.add(entry) {
            command(.send)
        }
    }

    package func keepAlive(
        every interval: Duration,
        silence: Duration,
        sending message: @escaping @Sendable () -> Outbound?
    ) {
        command(
            .keepAlive(
                KeepAlivePlan(
                    interval: TimeAmount(interval),
                    silence: TimeAmount(silence),
                    message: message
                )
            )
        )
    }

    package func close() {
        if outbox.close() {
            command(.close)
        }
    }

    private func command(_ command: LinkCommand<Outbound>) {
        channel.triggerUserOutboundEvent(command, promise: nil)
    }
}

/// What a link asks of its handler on the event loop.
enum LinkCommand<Outbound: WireMessage>: Sendable {
    /// Write what waits in the outbox.
    case send
    /// Begin heartbeats and watch for silence.
    case keepAlive(KeepAlivePlan<Outbound>)
    /// Write what waits, then close.
    case close
}

/// How a link is kept alive.
struct KeepAlivePlan<Outbound: WireMessage>: Sendable {
    let interval: TimeAmount
    let silence: TimeAmount
    let message: @Sendable () -> Outbound?
}
