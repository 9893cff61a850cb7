import Glibc

/// A file written with plain system calls, every one of them checked.
final class PlainFile: Sendable {
    let path: String
    private let descriptor: Int32

    /// Opens or creates a file for reading and writing.
    ///
    /// - Parameters:
    ///   - path: Where it lies.
    ///   - flags: Further flags of `open(2)`, such as `O_CREAT | O_EXCL`.
    ///   - mode: Permissions of a new file.
    /// - Throws: ``RunFailure`` naming the path and the system's reason.
    init(_ path: String, flags: Int32, mode: mode_t = 0o644) throws(RunFailure) {
        self.path = path
        descriptor = open(path, O_RDWR | O_CLOEXEC | flags, mode)
        guard descriptor >= 0 else { throw Self.failure("open", path) }
    }

    deinit { close(descriptor) }

    /// Bytes in the file.
    var size: Int {
        var status = stat()
        return fstat(descriptor, &status) == 0 ? Int(status.st_size) : 0
    }

    /// Writes all bytes at an offset.
    func write(_ bytes: [UInt8], at offset: Int) throws(RunFailure) {
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeBytes {
                pwrite(
                    descriptor,
                    $0.baseAddress.map { $0 + done },
                    bytes.count - done,
                    off_t(offset + done)
                )
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw Self.failure("write", path) }
            done += count
        }
    }

    /// Reads up to `count` bytes at an offset; fewer at the end of the file.
    func read(_ count: Int, at offset: Int) throws(RunFailure) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var done = 0
        while done < count {
            let got = bytes.withUnsafeMutableBytes {
                pread(
                    descriptor,
                    $0.baseAddress.map { $0 + done },
                    count - done,
                    off_t(offset + done)
                )
            }
            if got < 0, errno == EINTR { continue }
            guard got >= 0 else { throw Self.failure("read", path) }
            if got == 0 { break }
            done += got
        }
        return Array(bytes[..<done])
    }

    /// Takes room for a length, as far as the file system can do so in advance.
    func reserve(_ length: Int) throws(RunFailure) {
        try truncate(to: length)
        let code = posix_fallocate(descriptor, 0, off_t(length))
        guard code == 0 || [EOPNOTSUPP, EINVAL].contains(code) else {
            errno = code
            throw Self.failure("take room for", path)
        }
    }

    /// Cuts the file to a length.
    func truncate(to length: Int) throws(RunFailure) {
        guard ftruncate(descriptor, off_t(length)) == 0 else {
            throw Self.failure("truncate", path)
        }
    }

    /// Sets the time of change to now; without effect where that is not allowed.
    func touch() { _ = futimens(descriptor, nil) }

    /// Waits until the content is on the disk.
    func synchronize() throws(RunFailure) {
        guard fdatasync(descriptor) == 0 else { throw Self.failure("save", path) }
    }

    /// The failure of the last system call.
    static func failure(_ action: String, _ path: String) -> RunFailure {
        let code = errno
        let text = String(cString: strerror(code))
        switch code {
        case ENOSPC, EDQUOT, EFBIG:
            return RunFailure(
                .inputOutput,
                "cannot \(action) \(path): \(text); free space there, then run again with --resume"
            )
        case EACCES, EPERM, EROFS, ENOENT, ENOTDIR, EEXIST, EISDIR:
            return RunFailure(
                .cannotCreate,
                "cannot \(action) \(path): \(text); choose another --output"
            )
        default:
            return RunFailure(.inputOutput, "cannot \(action) \(path): \(text)")
        }
    }

    /// The directory that a path lies in.
    static func directory(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    /// Waits until a directory's entries are on the disk.
    static func synchronizeDirectory(_ path: String) throws(RunFailure) {
        let directory = path.isEmpty ? "." : path
        let descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure("open", directory) }
        defer { close(descriptor) }
        // Some network filesystems cannot sync a directory; they order its entries themselves.
        guard fsync(descriptor) == 0 || errno == EINVAL || errno == ENOTSUP else {
            throw failure("save", directory)
        }
    }

    /// Replaces a small file as a whole: written aside, saved, renamed.
    static func replace(
        _ path: String,
        with bytes: [UInt8],
        mode: mode_t = 0o644
    )
        throws(RunFailure)
    {
        let aside = path + ".new"
        unlink(aside)
        let file = try PlainFile(aside, flags: O_CREAT | O_EXCL, mode: mode)
        try file.write(bytes, at: 0)
        try file.synchronize()
        guard rename(aside, path) == 0 else { throw failure("rename", path) }
    }

    /// The whole content of a file, or nil when there is none.
    static func contents(_ path: String) throws(RunFailure) -> [UInt8]? {
        var status = stat()
        guard stat(path, &status) == 0 else {
            if errno == ENOENT { return nil }
            throw failure("read", path)
        }
        let file = try PlainFile(readingOnly: path)
        return try file.read(Int(status.st_size), at: 0)
    }

    private init(readingOnly path: String) throws(RunFailure) {
        self.path = path
        descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Self.failure("open", path) }
    }
}
