internal import Glibc

/// A nameless temporary file: gone when its descriptor is closed, also after a crash.
///
/// Written by one thread, which keeps track of the offsets; read by any number of threads.
package final class ScratchFile: Sendable {
    /// The directory that holds the file, for messages.
    package let directory: String

    private let descriptor: Int32
    private static let mode: mode_t = 0o600

    /// Makes an empty scratch file in `directory`, without a name from the start where the file
    /// system can do that.
    ///
    /// - Throws: `CountBlockError.scratchUnavailable`.
    package convenience init(directory: String) throws(CountBlockError) {
        // O_TMPFILE is a macro that Swift does not import: its own bit and that of O_DIRECTORY.
        let nameless = 0o20_000_000 | O_DIRECTORY
        let descriptor = open(directory, nameless | O_RDWR | O_CLOEXEC, Self.mode)
        if descriptor >= 0 {
            self.init(descriptor: descriptor, directory: directory)
            return
        }
        let code = errno
        guard [EOPNOTSUPP, EISDIR, EINVAL].contains(code) else {
            throw .scratchUnavailable(directory: directory, code: code)
        }
        try self.init(unlinkedIn: directory)
    }

    /// Makes an empty scratch file under a new name in `directory` and removes the name.
    ///
    /// For file systems that cannot make nameless files.
    ///
    /// - Throws: `CountBlockError.scratchUnavailable`.
    package convenience init(unlinkedIn directory: String) throws(CountBlockError) {
        var code = EEXIST
        for attempt in 0..<1000 where code == EEXIST {
            let path = "\(directory)/.count-blocks-\(getpid())-\(attempt)"
            let descriptor = open(path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, Self.mode)
            if descriptor >= 0 {
                unlink(path)
                self.init(descriptor: descriptor, directory: directory)
                return
            }
            code = errno
        }
        throw .scratchUnavailable(directory: directory, code: code)
    }

    /// Takes over an open descriptor, which is closed with this object.
    package init(descriptor: Int32, directory: String) {
        self.descriptor = descriptor
        self.directory = directory
    }

    deinit {
        close(descriptor)
    }

    /// Writes all of `bytes` at `offset`.
    ///
    /// - Throws: `CountBlockError.scratchFull` or `.scratchWriteFailed`.
    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(CountBlockError) {
        var done = 0
        while done < bytes.count {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[done...])
            let written = pwrite(descriptor, rest.baseAddress, rest.count, off_t(offset + done))
            if written > 0 {
                done += written
                continue
            }
            let code = written == 0 ? ENOSPC : errno
            if code == EINTR { continue }
            throw [ENOSPC, EDQUOT, EFBIG].contains(code)
                ? .scratchFull(directory: directory, writtenBytes: offset + done, code: code)
                : .scratchWriteFailed(
                    directory: directory,
                    writtenBytes: offset + done,
                    code: code
                )
        }
    }

    /// Reads as many bytes from `offset` as `output` has room for.
    ///
    /// - Throws: `CountBlockError.scratchReadFailed`.
    func read(
        into output: UnsafeMutableRawBufferPointer,
        at offset: Int
    ) throws(CountBlockError) {
        var done = 0
        while done < output.count {
            let rest = UnsafeMutableRawBufferPointer(rebasing: output[done...])
            let count = pread(descriptor, rest.baseAddress, rest.count, off_t(offset + done))
            if count > 0 {
                done += count
                continue
            }
            let code = count == 0 ? 0 : errno
            if code == EINTR { continue }
            throw .scratchReadFailed(
                directory: directory,
                offset: offset + done,
                length: rest.count,
                code: code
            )
        }
    }
}
