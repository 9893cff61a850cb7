internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix
internal import Synchronization
internal import Transport

/// An HTTP endpoint that shows the status of a run; it has a thread of its own and changes nothing.
package final class StatusEndpoint: Sendable {
    /// What a client may use up.
    package struct Limits: Sendable {
        /// Connections at once; beyond that the oldest goes.
        package var connections = 64
        /// Bytes of one header field, name and value.
        package var headerFieldBytes = 16 << 10
        /// Bytes of all header fields; browsers send cookies of every port of a machine.
        package var headerBytes = 32 << 10
        /// Header fields.
        package var headerFields = 100
        /// Bytes of a connection, all told.
        package var requestBytes = 64 << 10
        /// From the connection to the end of the request's head.
        package var request = Duration.seconds(5)
        /// From there until the answer must be read.
        package var answer = Duration.seconds(15)
        /// From the answer until a client that does not close is closed.
        package var linger = Duration.seconds(2)

        /// The usual limits.
        package init() {}
    }

    /// The address that is listened on.
    package let host: String
    /// The port that is listened on, also when the operating system chose it.
    package let port: Int
    private let channel: any Channel
    private let loops: EventLoops

    private init(channel: any Channel, loops: EventLoops) {
        self.channel = channel
        self.loops = loops
        host = channel.localAddress?.ipAddress ?? ""
        port = channel.localAddress?.port ?? 0
    }

    /// Where a browser finds the page.
    package var address: String {
        (host.contains(":") ? "[\(host)]" : host) + ":\(port)"
    }

    /// Begins to answer requests.
    ///
    /// - Parameters:
    ///   - host: Address or name to listen on; empty means every interface.
    ///   - port: Port; 0 lets the operating system choose.
    ///   - allowsAnyHost: Whether requests may call this machine by any name; false refuses all names
    ///     but those of loopback.
    ///   - limits: What a client may use up.
    ///   - status: Called on the endpoint's thread for every request that needs it; returns quickly.
    /// - Returns: The endpoint, with the port it got.
    /// - Throws: ``MonitoringError/cannotListen(endpoint:reason:)``.
    package static func start(
        host: String,
        port: Int,
        allowsAnyHost: Bool,
        limits: Limits = Limits(),
        status: @escaping @Sendable () -> RunStatus
    ) async throws(MonitoringError) -> StatusEndpoint {
        let routes = StatusRoutes(allowsAnyHost: allowsAnyHost, status: status)
        let loops = EventLoops()
        let visitors = Visitors(limit: limits.connections)
        let bootstrap = ServerBootstrap(group: loops.group)
            .serverChannelOption(.backlog, value: 64)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    visitors.admit(channel)
                    try prepare(channel, routes, limits)
                }
            }
        // The IPv6 wildcard takes IPv4 as well where the machine has IPv6.
        var reason = "no address"
        for address in host.isEmpty ? ["::", "0.0.0.0"] : [host] {
            do {
                let channel = try await bootstrap.bind(host: address, port: port).get()
                return StatusEndpoint(channel: channel, loops: loops)
            } catch let error as IOError {
                reason = systemMessage(error.errnoCode)
            } catch {
                reason = "\(error)"
            }
        }
        try? await loops.shutdown()
        throw .cannotListen(endpoint: "\(host):\(port)", reason: reason)
    }

    private static func prepare(
        _ channel: any Channel,
        _ routes: StatusRoutes,
        _ limits: Limits
    ) throws {
        let pipeline = channel.pipeline.syncOperations
        try pipeline.addHandler(RequestByteLimit(bytes: limits.requestBytes))
        var decoding = NIOHTTPDecoderLimitConfiguration()
        decoding.maxHeaderFieldSize = limits.headerFieldBytes
        decoding.maxHeaderListSize = limits.headerBytes
        decoding.maxHeaderFieldCount = limits.headerFields
        try pipeline.configureHTTPServerPipeline(
            withPipeliningAssistance: false,
            withErrorHandling: false,
            withEncoderConfiguration: .init(),
            withDecoderLimitConfiguration: decoding
        )
        try pipeline.addHandler(StatusRequestHandler(routes: routes, limits: limits))
    }

    /// Stops answering and drops every connection.
    package func close() async {
        try? await channel.close().get()
        try? await loops.shutdown()
    }
}

/// The connections that are open, oldest first.
///
/// Somebody who holds connections without a word must not keep others out: the oldest goes.
private final class Visitors: Sendable {
    private let limit: Int
    private let open = Mutex<[(id: ObjectIdentifier, channel: any Channel)]>([])

    init(limit: Int) { self.limit = limit }

    func admit(_ channel: any Channel) {
        let id = ObjectIdentifier(channel)
        let crowdedOut = open.withLock { open in
            open.append((id, channel))
            return open.count > limit ? open.removeFirst().channel : nil
        }
        crowdedOut?.close(promise: nil)
        channel.closeFuture.whenComplete { [self] _ in
            open.withLock { open in open.removeAll { $0.id == id } }
        }
    }
}
