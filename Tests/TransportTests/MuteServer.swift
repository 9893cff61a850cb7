import NIOCore
import NIOPosix
import Transport

/// Accepts connections and never answers.
struct MuteServer {
    private let channel: any Channel

    /// The port to connect to.
    var port: Int { channel.localAddress?.port ?? 0 }

    static func start() async throws -> MuteServer {
        MuteServer(
            channel: try await ServerBootstrap(group: loops.group)
                .bind(host: "127.0.0.1", port: 0)
                .get()
        )
    }

    func close() async throws {
        try await channel.close().get()
    }
}
