internal import Glibc

/// Linux's O_TMPFILE, which Swift does not import because it is a feature-test macro.
private let nameless: Int32 = 0o20_000_000 | O_DIRECTORY

/// A file without a name: it disappears with the process, whatever becomes of it.
///
/// Threads may share it: the descriptor never changes, and reading and writing keep no position.
final class ScratchFile: Sendable {
    private let descriptor: Int32
    private let directory: String

    init(directory: String) throws(AnnDataError) {
        self.directory = directory
        var descriptor = open(directory, nameless | O_RDWR | O_CLOEXEC, 0o600)
        if descriptor < 0, errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL {
            // Some network file systems have no nameless files.
            var template = Array("\(directory)/crispyx-XXXXXX".utf8CString)
            descriptor = mkstemp(&template)
            if descriptor >= 0 {
                unlink(template)
                _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
            }
        }
        guard descriptor >= 0 else {
            throw .scratchFailed(directory: directory, reason: String(cString: strerror(errno)))
        }
        self.descriptor = descriptor
    }

    deinit { close(descriptor) }

    /// Writes all of `bytes` at `offset`.
    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(AnnDataError) {
        var done = 0
        while done < bytes.count {
            guard let base = bytes.baseAddress else { return }
            let written = pwrite(descriptor, base + done, bytes.count - done, off_t(offset + done))
            if written < 0, errno == EINTR { continue }
            guard written > 0 else { throw failure("writing") }
            done += written
        }
    }

    /// Fills `bytes` from `offset`.
    func read(_ bytes: UnsafeMutableRawBufferPointer, at offset: Int) throws(AnnDataError) {
        var done = 0
        while done < bytes.count {
            guard let base = bytes.baseAddress else { return }
            let read = pread(descriptor, base + done, bytes.count - done, off_t(offset + done))
            if read < 0, errno == EINTR { continue }
            guard read > 0 else { throw failure("reading back") }
            done += read
        }
    }

    private func failure(_ operation: String) -> AnnDataError {
        let reason = errno == 0 ? "unexpected end" : String(cString: strerror(errno))
        return .scratchFailed(directory: directory, reason: "\(operation): \(reason)")
    }
}
