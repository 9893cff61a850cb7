package import NIOCore
internal import NIOPosix

/// The threads that serve every socket of the process; they never compute.
///
/// Made once, passed to whatever opens sockets, shut down last.
package final class EventLoops: Sendable {
    private let threads: MultiThreadedEventLoopGroup

    /// Starts `threadCount` threads.
    package init(threadCount: Int = 1) {
        threads = MultiThreadedEventLoopGroup(numberOfThreads: threadCount)
    }

    /// The threads as SwiftNIO knows them.
    package var group: any EventLoopGroup { threads }

    /// Closes whatever is still open and stops the threads.
    ///
    /// - Throws: ``TransportError/eventLoopsFailed(reason:)``.
    package func shutdown() async throws(TransportError) {
        do {
            try await threads.shutdownGracefully()
        } catch {
            throw .eventLoopsFailed(reason: "\(error)")
        }
    }
}
