internal import Glibc

/// Reads the small files that connections are secured with.
enum SmallFile {
    /// Why a file is not taken.
    enum Problem: Error {
        /// The operating system refused an operation; `errno` is its number.
        case system(operation: String, errno: Int32)
        /// The path is no regular file.
        case notAFile
        /// Others than its owner may read or write it.
        case tooOpen(mode: UInt32)
    }

    /// Reads the beginning of a regular file.
    ///
    /// - Parameters:
    ///   - path: The file.
    ///   - mostBytes: What is beyond them is left out.
    ///   - isSecret: Whether a mode wider than 0600 is refused.
    /// - Returns: What it begins with.
    /// - Throws: ``Problem``.
    static func read(
        _ path: String,
        mostBytes: Int,
        isSecret: Bool
    ) throws(Problem) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw .system(operation: "open it", errno: errno) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            throw .system(operation: "inspect it", errno: errno)
        }
        guard status.st_mode & S_IFMT == S_IFREG else { throw .notAFile }
        let mode = status.st_mode & 0o7777
        guard !isSecret || mode & ~0o600 == 0 else { throw .tooOpen(mode: mode) }
        var bytes = [UInt8](repeating: 0, count: mostBytes)
        var filled = 0
        while filled < mostBytes {
            let count = bytes.withUnsafeMutableBytes { buffer in
                Glibc.read(descriptor, buffer.baseAddress?.advanced(by: filled), mostBytes - filled)
            }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw .system(operation: "read it", errno: errno) }
            if count == 0 { break }
            filled += count
        }
        return Array(bytes[..<filled])
    }
}
