internal import Glibc

/// Notices that a stream from a launcher, such as standard input over ssh, has ended.
///
/// A launcher that dies or loses its connection closes the stream without a word, so that its end
/// is the one sign that always comes. Unlike `ParentWatch` this reads: over a network only the end
/// of the bytes arrives, not a hang-up.
package enum InputWatch {
    /// Reads and forgets on a thread of its own until the stream ends.
    ///
    /// - Parameters:
    ///   - descriptor: An open stream that nobody else reads.
    ///   - onEnd: Runs once on the watching thread.
    /// - Throws: `ChildProcessError.descriptorNotOpen` or `.cannotStartThread`.
    package static func start(
        descriptor: Int32 = 0,
        onEnd: @escaping @Sendable () -> Void
    ) throws(ChildProcessError) {
        guard fcntl(descriptor, F_GETFD) >= 0 else {
            throw .descriptorNotOpen(number: descriptor, code: errno)
        }
        try PlainThread.start(purpose: "watches the launcher's stream") {
            var part = [UInt8](repeating: 0, count: 4096)
            while true {
                var watched = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
                if poll(&watched, 1, -1) < 0, errno != EINTR { break }
                let count = read(descriptor, &part, part.count)
                if count < 0, errno == EINTR || errno == EAGAIN { continue }
                guard count > 0 else { break }
            }
            onEnd()
        }
    }
}
