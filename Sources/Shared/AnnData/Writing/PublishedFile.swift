internal import Glibc

/// Gives a finished file its final name, so that nobody ever sees half of it.
package enum PublishedFile {
    /// Waits until a file's content is on the disk.
    ///
    /// - Throws: ``AnnDataWriteError/operationFailed(path:operation:reason:)`` or `.diskFull`.
    package static func save(_ path: String) throws(AnnDataWriteError) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .system(path, "opening", errno) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw .system(path, "saving", errno) }
    }

    /// Renames a saved file and waits until the new name is on the disk.
    ///
    /// - Parameters:
    ///   - partial: The unpublished name, in the same directory as `path`.
    ///   - path: The final name.
    ///   - replacing: Whether an existing file of that name may be replaced.
    /// - Throws: ``AnnDataWriteError/alreadyExists(path:)``, `.cannotCreate` or
    ///   `.operationFailed`.
    package static func publish(
        _ partial: String,
        as path: String,
        replacing: Bool
    ) throws(AnnDataWriteError) {
        if replacing {
            guard rename(partial, path) == 0 else {
                let reason = String(cString: strerror(errno))
                throw .cannotCreate(path: path, reason: reason)
            }
        } else {
            try renameToNewName(partial, path)
        }
        let descriptor = open(directory(of: path), O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .system(path, "opening its directory", errno) }
        defer { close(descriptor) }
        // Some network file systems cannot save a directory; they order its entries themselves.
        guard fsync(descriptor) == 0 || [EINVAL, ENOTSUP].contains(errno) else {
            throw .system(path, "saving its directory", errno)
        }
    }

    /// Renames without replacing: a second name is refused atomically where renaming is not.
    private static func renameToNewName(
        _ partial: String,
        _ path: String
    ) throws(AnnDataWriteError) {
        if link(partial, path) == 0 {
            guard unlink(partial) == 0 else { throw .system(partial, "removing", errno) }
            return
        }
        if errno == EEXIST { throw .alreadyExists(path: path) }
        // File systems without second names get a check that somebody could overtake.
        guard access(path, F_OK) != 0 else { throw .alreadyExists(path: path) }
        guard rename(partial, path) == 0 else { throw .system(path, "renaming", errno) }
    }

    private static func directory(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }
}
