internal import Glibc

/// A file of a run directory that several processes, perhaps of several machines, may look at.
///
/// Nothing here locks: a file is written by one process and is whole for others once it has its
/// name, or consists of records that can be told whole from cut.
package final class StoredFile: Sendable {
    /// Where it lies.
    package let path: String
    private let descriptor: Int32

    /// Opens a file for reading.
    ///
    /// - Throws: ``RunFilesError/missing(path:what:)`` when there is none, `.system` otherwise.
    package init(reading path: String) throws(RunFilesError) {
        self.path = path
        descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            let code = errno
            guard code == ENOENT || code == ENOTDIR else {
                throw .system(path: path, action: "open", code: code)
            }
            throw .missing(path: path, what: "there is no such file")
        }
    }

    /// Makes a file that must not be there yet.
    ///
    /// - Throws: ``RunFilesError/system(path:action:code:)``.
    package init(creating path: String) throws(RunFilesError) {
        self.path = path
        descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw .system(path: path, action: "create", code: errno) }
    }

    deinit { close(descriptor) }

    /// Bytes in the file now.
    package var size: Int {
        var status = stat()
        return fstat(descriptor, &status) == 0 ? Int(status.st_size) : 0
    }

    /// Reads up to `count` bytes at an offset; fewer only at the end of the file.
    package func read(_ count: Int, at offset: Int) throws(RunFilesError) -> [UInt8] {
        var code: Int32 = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, done in
            while done < count {
                let got = pread(
                    descriptor,
                    buffer.baseAddress.map { $0 + done },
                    count - done,
                    off_t(offset + done)
                )
                if got < 0, errno == EINTR { continue }
                guard got > 0 else {
                    code = got < 0 ? errno : 0
                    return
                }
                done += got
            }
        }
        guard code == 0 else { throw .system(path: path, action: "read", code: code) }
        return bytes
    }

    /// Writes all bytes at an offset.
    package func write(_ bytes: [UInt8], at offset: Int) throws(RunFilesError) {
        var done = 0
        while done < bytes.count {
            let put = bytes.withUnsafeBytes {
                pwrite(
                    descriptor,
                    $0.baseAddress.map { $0 + done },
                    bytes.count - done,
                    off_t(offset + done)
                )
            }
            if put < 0, errno == EINTR { continue }
            guard put > 0 else {
                throw .system(path: path, action: "write", code: put == 0 ? ENOSPC : errno)
            }
            done += put
        }
    }

    /// Waits until the content is on the disk.
    package func synchronize() throws(RunFilesError) {
        guard fdatasync(descriptor) == 0 else {
            throw .system(path: path, action: "save", code: errno)
        }
    }

    /// Gives a file its name, replacing what had it.
    static func rename(_ old: String, to new: String) throws(RunFilesError) {
        guard Glibc.rename(old, new) == 0 else {
            throw .system(path: new, action: "rename to", code: errno)
        }
    }

    /// Waits until a directory's entries are on the disk.
    package static func synchronizeDirectory(_ path: String) throws(RunFilesError) {
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .system(path: path, action: "open", code: errno) }
        defer { close(descriptor) }
        // Some network file systems cannot save a directory; they order its entries themselves.
        guard fsync(descriptor) == 0 || [EINVAL, ENOTSUP].contains(errno) else {
            throw .system(path: path, action: "save", code: errno)
        }
    }

    /// Replaces a small file as a whole: written aside, saved, renamed, the directory saved.
    static func replace(
        _ name: String,
        in directory: String,
        with bytes: [UInt8]
    )
        throws(RunFilesError)
    {
        let aside = "\(directory)/\(name).new"
        unlink(aside)
        let file = try StoredFile(creating: aside)
        try file.write(bytes, at: 0)
        try file.synchronize()
        try rename(aside, to: "\(directory)/\(name)")
        try synchronizeDirectory(directory)
    }

    /// The whole content of a small file.
    static func contents(_ path: String) throws(RunFilesError) -> [UInt8] {
        let file = try StoredFile(reading: path)
        return try file.read(file.size, at: 0)
    }
}
