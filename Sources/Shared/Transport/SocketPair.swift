internal import Glibc

/// Two connected local sockets: one to keep, one for a child process.
///
/// Both are close-on-exec, so no other child gets them by accident. A spawn that duplicates
/// ``child`` onto another descriptor (as `posix_spawn_file_actions_adddup2` does) gives the child a
/// copy that stays open. The owner closes ``child`` after spawning; otherwise the death of the child
/// would go unnoticed.
package struct SocketPair: Equatable, Sendable {
    /// The end to keep; pass it to ``LocalSocket``.
    package let parent: Int32

    /// The end for the child.
    package let child: Int32

    /// Makes a pair.
    ///
    /// - Throws: ``TransportError/socketPair(errno:)``.
    package static func make() throws(TransportError) -> SocketPair {
        var ends: [Int32] = [-1, -1]
        let kind = CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        guard socketpair(AF_UNIX, kind, 0, &ends) == 0 else {
            throw .socketPair(errno: errno)
        }
        return SocketPair(parent: ends[0], child: ends[1])
    }

    /// Closes the child's end in this process.
    package func closeChildEnd() {
        _ = Glibc.close(child)
    }
}
