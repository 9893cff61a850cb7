internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix
internal import Transport

/// Asks the status endpoint of a running coordinator.
package enum StatusClient {
    /// Gets a run's status.
    ///
    /// - Parameters:
    ///   - host: Machine name or address.
    ///   - port: The status port, not the one that workers connect to.
    ///   - timeout: Longest time that everything together may take.
    /// - Returns: What the coordinator says of its run.
    /// - Throws: ``MonitoringError/noAnswer(endpoint:reason:)``,
    ///   ``MonitoringError/strangeAnswer(endpoint:reason:)``.
    package static func status(
        host: String,
        port: Int,
        timeout: Duration = .seconds(5)
    ) async throws(MonitoringError) -> RunStatus {
        let endpoint = (host.contains(":") ? "[\(host)]" : host) + ":\(port)"
        let loops = EventLoops()
        let answer: Result<[UInt8], MonitoringError>
        do {
            answer = .success(try await get("/status.json", host, port, endpoint, timeout, loops))
        } catch {
            answer = .failure(error)
        }
        try? await loops.shutdown()
        let bytes = try answer.get()
        do throws(MonitoringError) {
            return try RunStatus(json: bytes)
        } catch {
            throw .strangeAnswer(endpoint: endpoint, reason: "\(error)")
        }
    }

    private static func get(
        _ path: String,
        _ host: String,
        _ port: Int,
        _ endpoint: String,
        _ timeout: Duration,
        _ loops: EventLoops
    ) async throws(MonitoringError) -> [UInt8] {
        let response = loops.group.next().makePromise(of: [UInt8].self)
        let time = TimeAmount(timeout)
        let bootstrap = ClientBootstrap(group: loops.group)
            .connectTimeout(time)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    try pipeline.addHTTPClientHandlers()
                    try pipeline.addHandler(
                        StatusResponseHandler(path: path, host: endpoint, response: response)
                    )
                }
            }
        do {
            let channel = try await bootstrap.connect(host: host, port: port).get()
            let deadline = channel.eventLoop.scheduleTask(in: time) {
                response.fail(
                    MonitoringError.noAnswer(endpoint: endpoint, reason: "nothing came in time")
                )
                channel.close(promise: nil)
            }
            defer { deadline.cancel() }
            return try await response.futureResult.get()
        } catch {
            // Fails the promise of a connection that never came; any other has its result already.
            response.fail(error)
            throw failure(error, endpoint)
        }
    }

    private static func failure(_ error: any Error, _ endpoint: String) -> MonitoringError {
        switch error {
        case let error as MonitoringError: error
        case let error as IOError:
            .noAnswer(endpoint: endpoint, reason: systemMessage(error.errnoCode))
        case let error as NIOConnectionError:
            .noAnswer(
                endpoint: endpoint,
                reason: error.connectionErrors.lazy.compactMap { $0.error as? IOError }.first
                    .map { systemMessage($0.errnoCode) } ?? "there is no such machine"
            )
        case is HTTPParserError:
            .strangeAnswer(endpoint: endpoint, reason: "the answer is not HTTP")
        default: .noAnswer(endpoint: endpoint, reason: "\(error)")
        }
    }
}

/// Sends one request and collects its answer, within bounds.
private final class StatusResponseHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundOut = HTTPClientRequestPart

    private let path: String
    private let host: String
    private let response: EventLoopPromise<[UInt8]>
    private var body: [UInt8] = []

    init(path: String, host: String, response: EventLoopPromise<[UInt8]>) {
        self.path = path
        self.host = host
        self.response = response
    }

    func channelActive(context: ChannelHandlerContext) {
        let headers = HTTPHeaders([("Host", host), ("Connection", "close")])
        let head = HTTPRequestHead(version: .http1_1, method: .GET, uri: path, headers: headers)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            guard head.status != .ok else { return }
            fail(context, "it says \(head.status.code)")
        case .body(let part):
            body += part.readableBytesView
            if body.count > RunStatus.longestJSON { fail(context, "the answer is too long") }
        case .end:
            response.succeed(body)
            context.close(promise: nil)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        response.fail(error)
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        response.fail(
            MonitoringError.strangeAnswer(endpoint: host, reason: "the connection was closed")
        )
    }

    private func fail(_ context: ChannelHandlerContext, _ reason: String) {
        response.fail(MonitoringError.strangeAnswer(endpoint: host, reason: reason))
        context.close(promise: nil)
    }
}
