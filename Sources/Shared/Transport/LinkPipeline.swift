internal import NIOCore
internal import WireProtocol

/// Puts a link at the end of a channel's pipeline.
enum LinkPipeline {
    /// Makes the link and its handler; to be called on the channel's event loop.
    static func install<Outbound: WireMessage, Inbound: WireMessage>(
        on channel: any Channel,
        peer: String,
        greetingDeadline: TimeAmount?,
        accept: (MessageLink<Outbound, Inbound>) -> LinkEventHandler<Inbound>
    ) throws -> MessageLink<Outbound, Inbound> {
        let outbox = LinkOutbox()
        let link = MessageLink<Outbound, Inbound>(channel: channel, outbox: outbox, peer: peer)
        let handler = LinkHandler<Outbound, Inbound>(
            outbox: outbox,
            greetingDeadline: greetingDeadline
        )
        try channel.pipeline.syncOperations.addHandler(handler)
        // Only now, so that the receiver may use the link at once.
        handler.deliver(to: accept(link))
        return link
    }
}
