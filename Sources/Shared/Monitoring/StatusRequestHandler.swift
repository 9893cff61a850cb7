internal import NIOCore
internal import NIOHTTP1

/// Serves one request of one connection, then lets the connection go.
///
/// One request a connection keeps every limit simple: so many bytes, so many seconds, and a client
/// that sends or reads slowly holds its own connection and nothing else.
final class StatusRequestHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let routes: StatusRoutes
    private let limits: StatusEndpoint.Limits
    private var isAnswered = false
    private var deadline: Scheduled<Void>?

    init(routes: StatusRoutes, limits: StatusEndpoint.Limits) {
        self.routes = routes
        self.limits = limits
    }

    func channelActive(context: ChannelHandlerContext) {
        close(context.channel, after: limits.request)
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        deadline?.cancel()
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        // Bodies and whatever follows the first request are dropped.
        guard case .head(let head) = unwrapInboundIn(data), !isAnswered else { return }
        send(routes.answer(head), isHead: head.method == .HEAD, context)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if !isAnswered, let failure = error as? HTTPParserError {
            let answer =
                failure == .headerOverflow
                ? StatusRoutes.plain(.requestHeaderFieldsTooLarge, "the headers are too long\n")
                : StatusRoutes.plain(.badRequest, "this is no HTTP request\n")
            send(answer, isHead: false, context)
        } else {
            context.close(promise: nil)
        }
    }

    private func send(
        _ answer: StatusRoutes.Answer,
        isHead: Bool,
        _ context: ChannelHandlerContext
    ) {
        isAnswered = true
        close(context.channel, after: limits.answer)
        var headers = HTTPHeaders([
            ("Content-Type", answer.contentType),
            ("Content-Length", "\(answer.body.count)"),
            ("Connection", "close"),
            ("Cache-Control", "no-store"),
            ("X-Content-Type-Options", "nosniff"),
            ("Referrer-Policy", "no-referrer"),
        ])
        for header in answer.headers { headers.add(name: header.name, value: header.value) }
        let head = HTTPResponseHead(version: .http1_1, status: answer.status, headers: headers)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        if !isHead {
            let body = context.channel.allocator.buffer(bytes: answer.body)
            context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil)
        }
        let channel = context.channel
        let linger = TimeAmount(limits.linger)
        context.writeAndFlush(wrapOutboundOut(.end(nil))).whenComplete { _ in
            // Closing at once with unread bytes about would take the answer back.
            channel.close(mode: .output, promise: nil)
            channel.eventLoop.scheduleTask(in: linger) { channel.close(promise: nil) }
        }
    }

    private func close(_ channel: any Channel, after time: Duration) {
        deadline?.cancel()
        deadline = channel.eventLoop.scheduleTask(in: TimeAmount(time)) {
            channel.close(promise: nil)
        }
    }
}

/// Ends a connection that sends more bytes than any request that is answered.
final class RequestByteLimit: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private var left: Int

    init(bytes: Int) { left = bytes }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        left -= unwrapInboundIn(data).readableBytes
        if left < 0 {
            context.close(promise: nil)
        } else {
            context.fireChannelRead(data)
        }
    }
}
