internal import Glibc

/// Size, time of change and identity of a file: if they stay, nobody wrote to it.
struct FileStamp: Equatable, Sendable {
    let byteCount: Int
    let seconds: Int
    let nanoseconds: Int
    let device: UInt
    let inode: UInt
    let isDirectory: Bool

    /// Asks the operating system about the file at `path`.
    init(path: String) throws(AnnDataError) {
        var status = stat()
        guard stat(path, &status) == 0 else {
            let code = errno
            if code == ENOENT || code == ENOTDIR { throw .missingFile(path: path) }
            throw .cannotOpen(path: path, reason: String(cString: strerror(code)))
        }
        byteCount = Int(status.st_size)
        seconds = Int(status.st_mtim.tv_sec)
        nanoseconds = Int(status.st_mtim.tv_nsec)
        device = UInt(status.st_dev)
        inode = UInt(status.st_ino)
        isDirectory = status.st_mode & S_IFMT == S_IFDIR
    }

    /// Checks that the file at `path` is still the one that this stamp was taken of.
    func check(path: String) throws(AnnDataError) {
        let now: FileStamp
        do {
            now = try FileStamp(path: path)
        } catch {
            throw .inputChanged(path: path)
        }
        guard now == self else { throw .inputChanged(path: path) }
    }
}
