internal import NIOCore
internal import NIOPosix
internal import NIOSSL
package import WireProtocol

/// Connects a worker to a coordinator over TCP, always with TLS.
package enum Connector {
    /// Connects and authenticates; the caller then sends the greeting.
    ///
    /// - Parameters:
    ///   - host: The coordinator's host name or address.
    ///   - port: The coordinator's port.
    ///   - credentials: How both ends prove themselves.
    ///   - deadline: How long connecting may take, and again how long the TLS handshake may take.
    ///   - loops: The threads that serve the connection.
    ///   - onEvent: Receives the link's events on an event loop's thread.
    /// - Returns: The link to an authentic coordinator.
    /// - Throws: ``TransportError/cannotConnect(endpoint:reason:)`` and
    ///   ``TransportError/handshakeTimedOut(endpoint:milliseconds:)``, worth another attempt later;
    ///   ``TransportError/notAuthenticated(endpoint:reason:)`` and
    ///   ``TransportError/tlsUnavailable(reason:)``, which another attempt will not mend.
    package static func connect(
        host: String,
        port: Int,
        credentials: Credentials,
        deadline: Duration = .seconds(10),
        on loops: EventLoops,
        onEvent: @escaping LinkEventHandler<CoordinatorMessage>
    ) async throws(TransportError) -> WorkerLink {
        let endpoint = host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        let context = try credentials.clientContext()
        let limit = TimeAmount(deadline)
        var bootstrap = ClientBootstrap(group: loops.group)
            .connectTimeout(limit)
            .channelOption(.recvAllocator, value: SocketOptions.readSizes)
        for setting in SocketOptions.network {
            bootstrap = bootstrap.channelOption(setting.option, value: setting.value)
        }
        let channel: any Channel
        do {
            channel = try await bootstrap.connect(host: host, port: port).get()
        } catch {
            throw .cannotConnect(endpoint: endpoint, reason: reason(error))
        }
        do {
            return try await channel.eventLoop.flatSubmit {
                authenticate(channel, context, endpoint, limit, onEvent)
            }.get()
        } catch let error as TransportError {
            throw error
        } catch {
            throw .cannotConnect(endpoint: endpoint, reason: "\(error)")
        }
    }

    private static func authenticate(
        _ channel: any Channel,
        _ context: NIOSSLContext,
        _ endpoint: String,
        _ deadline: TimeAmount,
        _ onEvent: @escaping LinkEventHandler<CoordinatorMessage>
    ) -> EventLoopFuture<WorkerLink> {
        let linked = channel.eventLoop.makePromise(of: WorkerLink.self)
        let authentication = AuthenticationHandler(deadline: deadline) { result in
            linked.assumeIsolated().completeWith(
                result.mapError { failure -> any Error in
                    transportError(failure, endpoint: endpoint)
                }.flatMap { channel in
                    Result {
                        try LinkPipeline.install(
                            on: channel,
                            peer: endpoint,
                            greetingDeadline: nil
                        ) { _ in onEvent }
                    }
                }
            )
        }
        do {
            let operations = channel.pipeline.syncOperations
            // Before the TLS handler, which begins the handshake as soon as it is there.
            try operations.addHandler(authentication)
            try operations.addHandler(
                NIOSSLClientHandler(context: context, serverHostname: nil),
                position: .before(authentication)
            )
        } catch {
            channel.close(promise: nil)
            linked.fail(
                TransportError.cannotConnect(endpoint: endpoint, reason: reason(error))
            )
        }
        return linked.futureResult
    }

    private static func transportError(
        _ failure: HandshakeFailure,
        endpoint: String
    ) -> TransportError {
        switch failure {
        case .timedOut(let milliseconds):
            .handshakeTimedOut(endpoint: endpoint, milliseconds: milliseconds)
        case .peerClosed:
            // A coordinator that is full or going away looks like this, a wrong token does not.
            .cannotConnect(endpoint: endpoint, reason: failure.description)
        default:
            .notAuthenticated(endpoint: endpoint, reason: failure.description)
        }
    }

    private static func reason(_ error: any Error) -> String {
        switch error {
        case let error as IOError:
            systemMessage(error.errnoCode)
        case let error as NIOConnectionError:
            if let first = error.connectionErrors.first {
                reason(first.error)
            } else {
                "the host name is unknown"
            }
        case ChannelError.connectTimeout:
            "no answer in time"
        default:
            "\(error)"
        }
    }
}
