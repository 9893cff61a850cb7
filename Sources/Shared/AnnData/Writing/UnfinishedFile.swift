internal import Glibc
internal import HDF5
internal import Synchronization

/// An HDF5 file that is being written, and what happens to it when the disk is full.
///
/// After a write that failed, the library cannot close the file: it crashes when it tries to write
/// the rest a second time. Such a file is emptied, removed and left open until the process ends.
struct UnfinishedFile: Sendable {
    /// Keeps the library from closing what cannot be closed.
    private static let abandoned = Mutex<[any Sendable]>([])

    let path: String
    private let library: HDF5File

    /// Creates a file, replacing an existing one.
    ///
    /// - Throws: ``AnnDataWriteError/cannotCreate(path:reason:)`` or `.diskFull`.
    static func create(_ path: String) throws(AnnDataWriteError) -> UnfinishedFile {
        do throws(HDF5Error) {
            return UnfinishedFile(
                path: path,
                library: try HDF5File(creating: path, replacing: true)
            )
        } catch {
            let failure = AnnDataWriteError.writing(path, error)
            guard case .diskFull = failure else {
                throw .cannotCreate(path: path, reason: error.systemReason)
            }
            unlink(path)
            throw failure
        }
    }

    /// Runs `work` on the library's thread.
    func perform<Value>(
        _ work: (HDF5File) throws(HDF5Error) -> Value
    ) throws(AnnDataWriteError) -> Value {
        try AnnDataWriteError.writing(path) { () throws(HDF5Error) -> Value in
            try HDF5Thread.perform { () throws(HDF5Error) -> Value in try work(library) }
        }
    }

    /// Closes the file after everything opened in it is gone.
    func close() throws(AnnDataWriteError) {
        try AnnDataWriteError.writing(path) { () throws(HDF5Error) -> Void in
            try library.close()
        }
    }

    /// Removes a file that could not be finished.
    ///
    /// - Parameter objects: Groups and datasets of it that are still held.
    func remove(keeping objects: [any Sendable] = []) {
        Self.abandoned.withLock { $0 += objects + [library] }
        // The descriptor stays open, so the room must be given back apart from the name.
        truncate(path, 0)
        unlink(path)
    }
}
