import Glibc

/// A write lock on a file for as long as this process holds the object.
///
/// An open-file-description lock: released by the kernel when the process ends however it ends, and
/// passed on to the server on network file systems that can lock.
final class FileLock: Sendable {
    private static let setLock: Int32 = 37  // F_OFD_SETLK, which the C headers hide from Swift
    private let descriptor: Int32

    /// Takes the lock.
    ///
    /// - Parameters:
    ///   - path: The file; it is made when it is not there.
    ///   - owner: What the lock stands for, for the message.
    /// - Throws: ``RunFailure`` when another process holds it, or the file cannot be opened.
    init(_ path: String, owner: String) throws(RunFailure) {
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw PlainFile.failure("open", path) }
        var request = flock()
        request.l_type = Int16(F_WRLCK)
        request.l_whence = Int16(SEEK_SET)
        // File systems without locks are left to the owner's record.
        guard fcntl(descriptor, Self.setLock, &request) != 0, errno == EAGAIN || errno == EACCES
        else { return }
        // The descriptor is closed by deinit, which runs for a failed init too.
        throw RunFailure(
            .cannotCreate,
            "\(owner) belongs to a run that is going on; wait for it, stop it, or choose another "
                + "--output"
        )
    }

    deinit { close(descriptor) }
}
