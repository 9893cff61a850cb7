internal import Glibc

/// Two connected byte streams: what is written at one end is read at the other.
package struct StreamPair: Sendable {
    /// This process's end; closed in every child.
    package let own: Int32

    /// The end for a child; this process closes its own copy once the child has started.
    package let child: Int32

    /// Connects two streams.
    ///
    /// - Throws: `ChildProcessError.cannotMakePipe`.
    package init() throws(ChildProcessError) {
        var ends: [Int32] = [-1, -1]
        // A socket pair, since nothing Swift sees makes a pipe that is closed on exec from the
        // start.
        let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        guard socketpair(AF_UNIX, type, 0, &ends) == 0 else { throw .cannotMakePipe(code: errno) }
        own = ends[0]
        child = ends[1]
    }

    /// Closes one end.
    package static func close(_ descriptor: Int32) {
        Glibc.close(descriptor)
    }

    /// Writes all of a short text, such as a secret, that the stream takes without waiting.
    ///
    /// - Returns: Whether it was taken whole.
    package static func write(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
        bytes.withUnsafeBytes { bytes in
            send(
                descriptor,
                bytes.baseAddress,
                bytes.count,
                Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT)
            ) == bytes.count
        }
    }
}
