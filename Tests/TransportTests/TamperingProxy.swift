import NIOCore
import NIOPosix
import Synchronization
import Transport

/// A TCP relay that can damage or cut what a client sends through it.
final class TamperingProxy: Sendable {
    /// What happens to what the client sends next.
    enum Fault: Sendable {
        case none
        /// One bit is inverted.
        case flip
        /// Both connections end, as when a process dies.
        case cut
    }

    private let server: any Channel
    private let fault: FaultSwitch

    /// The port to connect to.
    var port: Int { server.localAddress?.port ?? 0 }

    private final class FaultSwitch: Sendable {
        let fault = Mutex(Fault.none)

        func apply(to bytes: inout ByteBuffer) -> Fault {
            let next = fault.withLock { fault in
                defer { fault = .none }
                return fault
            }
            let last = bytes.writerIndex - 1
            if next == .flip, let byte = bytes.getInteger(at: last, as: UInt8.self) {
                bytes.setInteger(byte ^ 0x10, at: last)
            }
            return next
        }
    }

    private init(server: any Channel, fault: FaultSwitch) {
        self.server = server
        self.fault = fault
    }

    static func start(to port: Int) async throws -> TamperingProxy {
        let fault = FaultSwitch()
        let server = try await ServerBootstrap(group: loops.group)
            .childChannelInitializer { client in
                ClientBootstrap(group: client.eventLoop)
                    .connect(host: "127.0.0.1", port: port)
                    .flatMapThrowing { target in
                        try target.pipeline.syncOperations.addHandler(
                            Relay(to: client) { _ in .none }
                        )
                        try client.pipeline.syncOperations.addHandler(
                            Relay(to: target) { bytes in fault.apply(to: &bytes) }
                        )
                    }
            }
            .bind(host: "127.0.0.1", port: 0)
            .get()
        return TamperingProxy(server: server, fault: fault)
    }

    /// Applies a fault to the next piece.
    func inject(_ next: Fault) {
        fault.fault.withLock { $0 = next }
    }

    private final class Relay: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        private let other: any Channel
        private let change: (inout ByteBuffer) -> Fault

        init(to other: any Channel, change: @escaping (inout ByteBuffer) -> Fault) {
            self.other = other
            self.change = change
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            var bytes = unwrapInboundIn(data)
            if change(&bytes) == .cut {
                other.close(promise: nil)
                context.close(promise: nil)
            } else {
                other.writeAndFlush(bytes, promise: nil)
            }
        }

        func channelInactive(context: ChannelHandlerContext) {
            other.close(promise: nil)
        }
    }
}
