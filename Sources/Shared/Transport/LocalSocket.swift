internal import Glibc
internal import NIOCore
internal import NIOPosix
package import WireProtocol

/// Links over one end of a ``SocketPair``.
package enum LocalSocket {
    /// Makes the worker's link of an inherited descriptor.
    ///
    /// The link owns the descriptor from then on.
    ///
    /// - Throws: ``TransportError/notAConnectedSocket(descriptor:)``; the descriptor is untouched.
    package static func workerLink(
        descriptor: Int32,
        on loops: EventLoops,
        onEvent: @escaping LinkEventHandler<CoordinatorMessage>
    ) async throws(TransportError) -> WorkerLink {
        try await link(descriptor: descriptor, on: loops, greetingDeadline: nil) { _ in onEvent }
    }

    /// Makes the coordinator's link of the end that it kept.
    ///
    /// The link owns the descriptor from then on.
    ///
    /// - Parameters:
    ///   - descriptor: The ``SocketPair/parent`` end.
    ///   - loops: The threads that serve it.
    ///   - helloDeadline: How long the child may take to greet.
    ///   - accept: Given the link before its first event; returns the receiver of its events.
    /// - Returns: The link, the same that `accept` was given.
    /// - Throws: ``TransportError/notAConnectedSocket(descriptor:)``; the descriptor is untouched.
    package static func coordinatorLink(
        descriptor: Int32,
        on loops: EventLoops,
        helloDeadline: Duration = .seconds(60),
        accept: @escaping @Sendable (CoordinatorLink) -> LinkEventHandler<WorkerMessage>
    ) async throws(TransportError) -> CoordinatorLink {
        try await link(
            descriptor: descriptor,
            on: loops,
            greetingDeadline: TimeAmount(helloDeadline),
            accept: accept
        )
    }

    private static func link<Outbound: WireMessage, Inbound: WireMessage>(
        descriptor: Int32,
        on loops: EventLoops,
        greetingDeadline: TimeAmount?,
        accept: @escaping @Sendable (MessageLink<Outbound, Inbound>) -> LinkEventHandler<Inbound>
    ) async throws(TransportError) -> MessageLink<Outbound, Inbound> {
        guard isConnectedStreamSocket(descriptor) else {
            throw .notAConnectedSocket(descriptor: descriptor)
        }
        // An inherited descriptor has lost the flag, and this process starts children too.
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        let made = loops.group.next().makePromise(of: MessageLink<Outbound, Inbound>.self)
        var bootstrap = ClientBootstrap(group: loops.group)
            .channelOption(.recvAllocator, value: SocketOptions.readSizes)
        for setting in SocketOptions.stream {
            bootstrap = bootstrap.channelOption(setting.option, value: setting.value)
        }
        let connected = bootstrap.channelInitializer { channel in
            channel.eventLoop.makeCompletedFuture {
                made.succeed(
                    try LinkPipeline.install(
                        on: channel,
                        peer: "local socket",
                        greetingDeadline: greetingDeadline,
                        accept: accept
                    )
                )
            }
        }
        .withConnectedSocket(descriptor)
        connected.whenFailure { made.fail($0) }
        do {
            return try await connected.flatMap { _ in made.futureResult }.get()
        } catch {
            throw .notAConnectedSocket(descriptor: descriptor)
        }
    }

    private static func isConnectedStreamSocket(_ descriptor: Int32) -> Bool {
        var kind: CInt = 0
        var length = socklen_t(MemoryLayout<CInt>.size)
        guard
            getsockopt(descriptor, SOL_SOCKET, SO_TYPE, &kind, &length) == 0,
            kind == CInt(SOCK_STREAM.rawValue)
        else { return false }
        var address = sockaddr_storage()
        var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
        return withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                getpeername(descriptor, $0, &size) == 0
            }
        }
    }
}
