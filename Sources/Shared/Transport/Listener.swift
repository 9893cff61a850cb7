internal import NIOCore
internal import NIOPosix
internal import NIOSSL
package import WireProtocol

/// Where and how to listen for workers.
package struct ListenerConfiguration: Sendable {
    /// Host name or address; empty means every interface.
    package var host: String
    /// Port; 0 lets the operating system choose.
    package var port: Int
    /// How workers and the listener prove themselves.
    package var credentials: Credentials
    /// How long a TLS handshake may take.
    package var handshakeDeadline: Duration
    /// How long an authentic worker may take to greet.
    package var helloDeadline: Duration
    /// Most of everything that strangers may take.
    package var limits: AdmissionLimits

    /// Makes a configuration; deadlines and limits have the protocol's values unless given.
    package init(
        host: String,
        port: Int,
        credentials: Credentials,
        handshakeDeadline: Duration = .seconds(10),
        helloDeadline: Duration = .seconds(10),
        limits: AdmissionLimits = AdmissionLimits()
    ) {
        self.host = host
        self.port = port
        self.credentials = credentials
        self.handshakeDeadline = handshakeDeadline
        self.helloDeadline = helloDeadline
        self.limits = limits
    }
}

/// A connection that was dropped before it became a link.
package struct RejectedConnection: Equatable, Sendable {
    /// The peer's address.
    package let peer: String
    /// Why it was dropped.
    package let failure: HandshakeFailure
}

/// Accepts workers over TCP, always with TLS.
package final class Listener: Sendable {
    private let channel: any Channel
    private let gate: ConnectionGate

    /// The address that is listened on.
    package let host: String

    /// The port that is listened on, also when the operating system chose it.
    package let port: Int

    private init(channel: any Channel, gate: ConnectionGate) {
        self.channel = channel
        self.gate = gate
        host = channel.localAddress?.ipAddress ?? ""
        port = channel.localAddress?.port ?? 0
    }

    /// Number of open connections, links and unfinished handshakes together.
    package var connectionCount: Int { gate.connectionCount }

    /// Begins to listen.
    ///
    /// - Parameters:
    ///   - configuration: Where and how.
    ///   - loops: The threads that serve the connections.
    ///   - onRejected: Called on an event loop's thread for every connection that was dropped before
    ///     it became a link; for an address that is shut out only the first time.
    ///   - accept: Called on an event loop's thread for every authentic worker, before its first
    ///     event; returns the receiver of the link's events.
    /// - Returns: The listener, with the port it got.
    /// - Throws: ``TransportError/cannotListen(endpoint:reason:)``,
    ///   ``TransportError/tlsUnavailable(reason:)``.
    package static func start(
        _ configuration: ListenerConfiguration,
        on loops: EventLoops,
        onRejected: @escaping @Sendable (RejectedConnection) -> Void = { _ in },
        accept: @escaping @Sendable (CoordinatorLink) -> LinkEventHandler<WorkerMessage>
    ) async throws(TransportError) -> Listener {
        let gate = ConnectionGate(configuration.limits)
        let arrival = Arrival(
            configuration: configuration,
            context: try configuration.credentials.serverContext(),
            gate: gate,
            onRejected: onRejected,
            accept: accept
        )
        var bootstrap = ServerBootstrap(group: loops.group)
            .serverChannelOption(.backlog, value: 256)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.recvAllocator, value: SocketOptions.readSizes)
            .childChannelInitializer { arrival.prepare($0) }
        for setting in SocketOptions.network {
            bootstrap = bootstrap.childChannelOption(setting.option, value: setting.value)
        }
        let channel = try await bind(bootstrap, configuration)
        return Listener(channel: channel, gate: gate)
    }

    /// Stops listening and drops unfinished handshakes; links live on until they are closed.
    package func close() async {
        try? await channel.close().get()
        for unfinished in gate.unfinished() {
            unfinished.close(promise: nil)
        }
    }

    private static func bind(
        _ bootstrap: ServerBootstrap,
        _ configuration: ListenerConfiguration
    ) async throws(TransportError) -> any Channel {
        // The IPv6 wildcard takes IPv4 as well where the machine has IPv6.
        let hosts = configuration.host.isEmpty ? ["::", "0.0.0.0"] : [configuration.host]
        var reason = "no address"
        for host in hosts {
            do {
                return try await bootstrap.bind(host: host, port: configuration.port).get()
            } catch let error as IOError {
                reason = systemMessage(error.errnoCode)
            } catch {
                reason = "\(error)"
            }
        }
        throw .cannotListen(
            endpoint: "\(configuration.host):\(configuration.port)",
            reason: reason
        )
    }
}

/// What a listener does with a new connection.
private struct Arrival: Sendable {
    let configuration: ListenerConfiguration
    let context: NIOSSLContext
    let gate: ConnectionGate
    let onRejected: @Sendable (RejectedConnection) -> Void
    let accept: @Sendable (CoordinatorLink) -> LinkEventHandler<WorkerMessage>

    func prepare(_ channel: any Channel) -> EventLoopFuture<Void> {
        let peer = channel.remoteAddress?.endpointText ?? "unknown address"
        switch gate.admit(channel) {
        case .refused(let failure, let isNews):
            if isNews { reject(peer, failure) }
            return channel.eventLoop.makeFailedFuture(failure)
        case .admitted(let ticket, let crowdedOut):
            crowdedOut?.close(promise: nil)
            channel.closeFuture.whenComplete { _ in gate.connectionEnded(ticket) }
            let address = channel.remoteAddress
            return channel.eventLoop.makeCompletedFuture {
                let operations = channel.pipeline.syncOperations
                try operations.addHandler(NIOSSLServerHandler(context: context))
                try operations.addHandler(authentication(of: peer, address, ticket: ticket))
            }
        }
    }

    private func authentication(
        of peer: String,
        _ address: SocketAddress?,
        ticket: UInt64
    ) -> AuthenticationHandler {
        AuthenticationHandler(deadline: TimeAmount(configuration.handshakeDeadline)) { result in
            let stayed = gate.handshakeEnded(ticket)
            switch result {
            case .success(let channel):
                let installed = try? LinkPipeline.install(
                    on: channel,
                    peer: peer,
                    greetingDeadline: TimeAmount(configuration.helloDeadline),
                    accept: accept
                )
                if installed == nil {
                    channel.close(promise: nil)
                }
            case .failure(let failure):
                let limit = configuration.limits.handshakes
                if stayed, failure.isOffence { gate.failed(address) }
                reject(peer, stayed ? failure : .tooManyHandshakes(limit: limit))
            }
        }
    }

    private func reject(_ peer: String, _ failure: HandshakeFailure) {
        onRejected(RejectedConnection(peer: peer, failure: failure))
    }
}

extension SocketAddress {
    /// Address and port, such as `10.0.0.7:7400` or `[::1]:7400`.
    var endpointText: String {
        guard let ipAddress, let port else { return description }
        return ipAddress.contains(":") ? "[\(ipAddress)]:\(port)" : "\(ipAddress):\(port)"
    }
}
