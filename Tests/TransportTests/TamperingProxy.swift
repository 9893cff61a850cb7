import NIOCore
import NIOPosix
import Synchronization
import Transport

/// A TCP relay that can damage or cut what a client sends through it.
final class TamperingProxy: Sendable {
    /// What happens to what the client sends next.
    enum Fault: Equatable, Sendable {
        case none
        /// One bit of the next piece is inverted.
        case flip
        /// Both connections end, as when a process dies.
        case cut
        /// Both connections end after so many bytes more.
        case cutAfter(Int)
        /// A bit of the byte after so many is inverted.
        case flipAfter(Int, bit: UInt8)
    }

    private let server: any Channel
    private let fault: FaultSwitch

    /// The port to connect to.
    var port: Int { server.localAddress?.port ?? 0 }

    private final class FaultSwitch: Sendable {
        let fault = Mutex(Fault.none)

        /// Damages a piece when its time has come; true when the connection ends after it.
        func apply(to bytes: inout ByteBuffer) -> Bool {
            fault.withLock { fault in
                let count = bytes.readableBytes
                switch fault {
                case .none: return false
                case .flip:
                    invert(&bytes, count - 1, 0x10)
                case .cut:
                    bytes.clear()
                    fault = .none
                    return true
                case .cutAfter(let left) where left <= count:
                    bytes.moveWriterIndex(to: bytes.readerIndex + left)
                    fault = .none
                    return true
                case .flipAfter(let left, let bit) where left < count:
                    invert(&bytes, left, 1 << bit)
                case .cutAfter(let left):
                    fault = .cutAfter(left - count)
                    return false
                case .flipAfter(let left, let bit):
                    fault = .flipAfter(left - count, bit: bit)
                    return false
                }
                fault = .none
                return false
            }
        }

        private func invert(_ bytes: inout ByteBuffer, _ place: Int, _ mask: UInt8) {
            let index = bytes.readerIndex + place
            guard let byte = bytes.getInteger(at: index, as: UInt8.self) else { return }
            bytes.setInteger(byte ^ mask, at: index)
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
                            Relay(to: client) { _ in false }
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

    /// Applies a fault to what comes next.
    func inject(_ next: Fault) {
        fault.fault.withLock { $0 = next }
    }

    /// Whether the last fault has happened.
    var hasFired: Bool { fault.fault.withLock { $0 == .none } }

    private final class Relay: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        private let other: any Channel
        private let change: (inout ByteBuffer) -> Bool

        init(to other: any Channel, change: @escaping (inout ByteBuffer) -> Bool) {
            self.other = other
            self.change = change
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            var bytes = unwrapInboundIn(data)
            let ends = change(&bytes)
            other.writeAndFlush(bytes, promise: nil)
            if ends {
                other.close(promise: nil)
                context.close(promise: nil)
            }
        }

        func channelInactive(context: ChannelHandlerContext) {
            other.close(promise: nil)
        }
    }
}
