internal import Glibc
internal import NIOCore

/// The socket options of every connection.
enum SocketOptions {
    /// Bytes the kernel may hold for sending; with 1 MiB chunks a heartbeat waits behind 2 MiB.
    static let sendBufferBytes: Int = 1 << 20

    /// The largest piece read from a socket at once, in bytes.
    static let largestReadBytes = 256 << 10

    /// A socket option with the value it gets.
    typealias Setting = (option: ChannelOptions.Types.SocketOption, value: Int)

    /// Options of any stream socket.
    static let stream: [Setting] = [
        (ChannelOptions.socketOption(.so_sndbuf), sendBufferBytes)
    ]

    /// Options of a TCP connection: no delay, and a dead network is noticed within 30 seconds.
    static let network: [Setting] =
        stream + [
            (ChannelOptions.tcpOption(.tcp_nodelay), 1),
            (ChannelOptions.socketOption(.so_keepalive), 1),
            (tcp(TCP_KEEPIDLE), 10),
            (tcp(TCP_KEEPINTVL), 5),
            (tcp(TCP_KEEPCNT), 3),
            (tcp(TCP_USER_TIMEOUT), 30_000),
        ]

    private static func tcp(_ name: CInt) -> ChannelOptions.Types.SocketOption {
        ChannelOptions.tcpOption(NIOBSDSocket.Option(rawValue: name))
    }

    /// How much is read at once: little at first, more for a peer that sends much.
    static var readSizes: AdaptiveRecvByteBufferAllocator {
        AdaptiveRecvByteBufferAllocator(
            minimum: 4096,
            initial: 16 << 10,
            maximum: largestReadBytes
        )
    }
}
