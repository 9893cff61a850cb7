import Glibc

/// A write lock on a file for as long as this process holds the object.
///
/// An open-file-description lock: released by the kernel when the process ends however it ends, and
/// passed on to the server on network file systems that can lock.
final class FileLock: Sendable {
    private static let setLock: Int32 = 37  // F_OFD_SETLK, which the C headers hide from Swift
    private let path: String
    private let descriptor: Int32

    /// Takes the lock.
    ///
    /// - Parameters:
    ///   - path: The file; it is made when it is not there.
    ///   - owner: What the lock stands for, for the message.
    /// - Throws: ``RunFailure`` when another process holds it, or the file cannot be opened.
    init(_ path: String, owner: String) throws(RunFailure) {
        self.path = path
        var opened = try Self.open(path, owner)
        // Whoever held the lock before may have replaced or removed the file meanwhile.
        while !Self.isSame(opened, path) {
            close(opened)
            opened = try Self.open(path, owner)
        }
        descriptor = opened
    }

    private init(path: String, descriptor: Int32) {
        self.path = path
        self.descriptor = descriptor
    }

    deinit { close(descriptor) }

    /// Renames the file, which stays locked, over whatever has the new name.
    ///
    /// - Returns: The lock under the new name, as good as this one.
    /// - Throws: ``RunFailure`` when the file cannot be renamed.
    func moved(to newPath: String) throws(RunFailure) -> FileLock {
        let copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 0)
        guard copy >= 0 else { throw PlainFile.failure("open", path) }
        let lock = FileLock(path: newPath, descriptor: copy)
        guard rename(path, newPath) == 0 else { throw PlainFile.failure("rename", path) }
        return lock
    }

    /// Whether the name still stands for the locked file, and not for another one or none.
    var isInPlace: Bool { Self.isSame(descriptor, path) }

    private static func open(_ path: String, _ owner: String) throws(RunFailure) -> Int32 {
        let descriptor = Glibc.open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw PlainFile.failure("open", path) }
        var request = flock()
        request.l_type = Int16(F_WRLCK)
        request.l_whence = Int16(SEEK_SET)
        // File systems without locks are left to the owner's record.
        guard fcntl(descriptor, setLock, &request) != 0, errno == EAGAIN || errno == EACCES
        else { return descriptor }
        close(descriptor)
        throw RunFailure(
            .cannotCreate,
            "\(owner) belongs to a run that is going on; wait for it, stop it, or choose another "
                + "--output"
        )
    }

    private static func isSame(_ descriptor: Int32, _ path: String) -> Bool {
        var (held, named) = (stat(), stat())
        return fstat(descriptor, &held) == 0 && stat(path, &named) == 0
            && held.st_ino == named.st_ino && held.st_dev == named.st_dev
    }
}
