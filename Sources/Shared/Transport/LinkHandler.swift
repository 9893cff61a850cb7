internal import NIOCore
internal import WireProtocol

/// The event loop's half of a ``MessageLink``: bytes to events, commands to bytes, deadlines.
///
/// Lives on one event loop and is touched by no other thread.
final class LinkHandler<Outbound: WireMessage, Inbound: WireMessage>: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = Never
    typealias OutboundIn = Never
    typealias OutboundOut = ByteBuffer

    private let outbox: LinkOutbox
    private let greetingDeadline: TimeAmount?
    private var onEvent: LinkEventHandler<Inbound>?
    private var decoder = FrameDecoder<Inbound>()
    private var context: ChannelHandlerContext?

    private var isClosing = false
    private var closure: LinkClosure?
    private var unwrittenFrames = 0
    private var openRequests = 0

    private var lastHeard = NIODeadline.now()
    private var hasGreeted = false
    private var plan: KeepAlivePlan<Outbound>?
    private var heartbeatWaits = false
    private var greetingTask: Scheduled<Void>?
    private var heartbeatTask: Scheduled<Void>?
    private var silenceTask: Scheduled<Void>?
    private var lingerTask: Scheduled<Void>?

    init(outbox: LinkOutbox, greetingDeadline: TimeAmount?) {
        self.outbox = outbox
        self.greetingDeadline = greetingDeadline
    }

    /// Names the receiver of the events; to be called once, right after adding the handler.
    func deliver(to onEvent: @escaping LinkEventHandler<Inbound>) {
        self.onEvent = onEvent
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        lastHeard = .now()
        guard let greetingDeadline else { return }
        greetingTask = schedule(in: greetingDeadline) { handler in
            handler.abandon(
                .timedOut(.greeting(milliseconds: greetingDeadline.nanoseconds / 1_000_000))
            )
        }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        report(closure ?? .local)
        self.context = nil
    }

    func channelInactive(context: ChannelHandlerContext) {
        report(closure ?? .peerClosed)
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        lastHeard = .now()
        var input = unwrapInboundIn(data)
        do throws(WireProtocolError) {
            while !isClosing, let message = try decoder.next(from: &input) {
                try accept(message)
            }
        } catch {
            abandon(.protocolViolation(error))
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        note(error)
        context.close(promise: nil)
    }

    func triggerUserOutboundEvent(
        context: ChannelHandlerContext,
        event: Any,
        promise: EventLoopPromise<Void>?
    ) {
        guard let command = event as? LinkCommand<Outbound> else {
            context.triggerUserOutboundEvent(event, promise: promise)
            return
        }
        switch command {
        case .send: writeQueued()
        case .keepAlive(let plan): begin(plan)
        case .close: closeGracefully()
        }
        promise?.succeed()
    }

    private func accept(_ message: Inbound) throws(WireProtocolError) {
        if !hasGreeted, message.phase == .greeting {
            hasGreeted = true
            greetingTask?.cancel()
        }
        if message.opensRequest {
            openRequests += 1
            guard openRequests <= ProtocolLimits.openRequests else {
                throw .tooManyOpenRequests(limit: ProtocolLimits.openRequests)
            }
        }
        onEvent?(.message(message))
    }

    /// Runs an action on this event loop later, unless the handler is gone by then.
    private func schedule(
        in delay: TimeAmount,
        _ action: @escaping (LinkHandler) -> Void
    ) -> Scheduled<Void>? {
        context?.eventLoop.assumeIsolated().scheduleTask(in: delay) { [weak self] in
            guard let self, self.context != nil else { return }
            action(self)
        }
    }
}

extension LinkHandler {
    private func writeQueued() {
        let entries = outbox.takeAll()
        guard let context, !entries.isEmpty else { return }
        for entry in entries {
            if entry.opensConversation {
                decoder.open()
            }
            write(entry.frame, context: context) { handler in
                if entry.answersRequest {
                    handler.openRequests -= 1
                }
                handler.outbox.didWrite(entry.frame.byteCount)
            }
        }
        context.flush()
    }

    private func write(
        _ frame: EncodedFrame,
        context: ChannelHandlerContext,
        onWritten: @escaping (LinkHandler) -> Void
    ) {
        let written = context.eventLoop.makePromise(of: Void.self)
        unwrittenFrames += 1
        written.futureResult.assumeIsolated().whenComplete { result in
            self.unwrittenFrames -= 1
            onWritten(self)
            if case .failure(let error) = result {
                self.note(error)
            }
            self.closeOutputWhenWritten()
        }
        if let payload = frame.payload {
            context.write(wrapOutboundOut(frame.head), promise: nil)
            context.write(wrapOutboundOut(payload), promise: written)
        } else {
            context.write(wrapOutboundOut(frame.head), promise: written)
        }
    }
}

extension LinkHandler {
    private func begin(_ plan: KeepAlivePlan<Outbound>) {
        guard !isClosing else { return }
        self.plan = plan
        lastHeard = .now()
        heartbeatTask?.cancel()
        silenceTask?.cancel()
        armHeartbeat()
        watchSilence(until: lastHeard + plan.silence)
    }

    private func armHeartbeat() {
        guard let plan else { return }
        heartbeatTask = schedule(in: plan.interval) { handler in
            handler.sendHeartbeat()
            handler.armHeartbeat()
        }
    }

    private func sendHeartbeat() {
        guard let context, let plan, !isClosing, !heartbeatWaits else { return }
        guard let message = plan.message() else { return }
        do throws(WireProtocolError) {
            let frame = try message.encoded()
            heartbeatWaits = true
            writeQueued()
            write(frame, context: context) { $0.heartbeatWaits = false }
            context.flush()
        } catch {
            abandon(.protocolViolation(error))
        }
    }

    private func watchSilence(until deadline: NIODeadline) {
        guard let plan else { return }
        let delay = deadline - .now()
        silenceTask = schedule(in: max(delay, .milliseconds(1))) { handler in
            let limit = handler.lastHeard + plan.silence
            if limit > .now() {
                handler.watchSilence(until: limit)
            } else {
                handler.abandon(
                    .timedOut(.silence(milliseconds: plan.silence.nanoseconds / 1_000_000))
                )
            }
        }
    }
}

extension LinkHandler {
    /// How long a graceful close may wait for the peer to take the rest and close its end.
    private static var linger: TimeAmount { .seconds(3) }

    private func closeGracefully() {
        guard !isClosing else { return }
        writeQueued()
        isClosing = true
        closure = closure ?? .local
        lingerTask = schedule(in: Self.linger) { handler in
            handler.context?.close(promise: nil)
        }
        closeOutputWhenWritten()
    }

    /// Ends the outgoing direction and leaves the rest to the peer's close.
    ///
    /// Closing at once could make the kernel drop what the peer has not read yet.
    private func closeOutputWhenWritten() {
        guard isClosing, unwrittenFrames == 0, onEvent != nil else { return }
        context?.close(mode: .output, promise: nil)
    }

    /// Reports the end and closes without waiting for anything.
    private func abandon(_ closure: LinkClosure) {
        guard !isClosing else { return }
        isClosing = true
        report(closure)
        context?.close(promise: nil)
    }

    private func report(_ closure: LinkClosure) {
        guard let onEvent else { return }
        self.onEvent = nil
        self.closure = closure
        isClosing = true
        _ = outbox.close()
        for entry in outbox.takeAll() {
            outbox.didWrite(entry.frame.byteCount)
        }
        for task in [greetingTask, heartbeatTask, silenceTask, lingerTask] {
            task?.cancel()
        }
        plan = nil
        onEvent(.closed(closure))
    }

    /// Keeps the first error that says how the link ended.
    private func note(_ error: any Error) {
        closure = closure ?? LinkClosure(error)
    }
}
