import Glibc

/// Standard output for text of any length, written in large pieces.
struct StandardOutput {
    private static let pieceBytes = 1 << 16

    private let descriptor: Int32
    private var waiting: [UInt8] = []

    /// Output to a descriptor.
    init(descriptor: Int32 = STDOUT_FILENO) { self.descriptor = descriptor }

    /// Adds text.
    ///
    /// - Returns: False when nobody reads any more, as in `| head`.
    /// - Throws: ``RunFailure`` when writing fails otherwise.
    mutating func write(_ text: String) throws(RunFailure) -> Bool {
        waiting += text.utf8
        return waiting.count < Self.pieceBytes ? true : try flush()
    }

    /// Writes what is waiting; returns and throws as ``write(_:)``.
    @discardableResult
    mutating func flush() throws(RunFailure) -> Bool {
        var done = 0
        while done < waiting.count {
            let written = waiting.withUnsafeBytes { bytes in
                Glibc.write(descriptor, bytes.baseAddress.map { $0 + done }, bytes.count - done)
            }
            if written > 0 {
                done += written
                continue
            }
            if errno == EINTR { continue }
            if errno == EPIPE {
                waiting = []
                return false
            }
            throw RunFailure(
                .inputOutput,
                "cannot write to standard output: \(String(cString: strerror(errno)))"
            )
        }
        waiting = []
        return true
    }
}
