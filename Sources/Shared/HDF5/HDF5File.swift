internal import CHDF5
internal import Glibc

/// An open HDF5 file.
///
/// A value that many may hold; the file is closed when the last holder, and everything opened in
/// it, is gone, or by ``close()``.
package struct HDF5File: Sendable {
    /// The path as it was given.
    package let path: String
    let handle: HDF5Handle

    /// How an existing file is opened.
    package enum Access: Equatable, Sendable {
        /// For reading, under the library's lock.
        case read
        /// For reading single elements far apart, under the library's lock: nothing beside them is
        /// read, where the library would otherwise fetch 64 KiB for each.
        case readElements
        /// For reading without a lock, for file systems that refuse locks.
        case readWithoutLock
        /// For reading and writing.
        case write
    }

    private static let lockAttempts = 20
    private static let lockPauseMicroseconds: UInt32 = 25_000

    /// Opens an existing file.
    ///
    /// A lock that goes away within half a second is waited for: a process that is just being
    /// started holds its parent's files for a moment.
    ///
    /// - Throws: ``HDF5Error/callFailed(operation:file:element:message:)`` with the library's reason.
    package init(opening path: String, access: Access = .read) throws(HDF5Error) {
        self.path = path
        var attempt = 1
        while true {
            do throws(HDF5Error) {
                handle = try Self.open(path, access)
                return
            } catch {
                guard case .callFailed(_, _, _, let message) = error,
                    message.contains("unable to lock file"), attempt < Self.lockAttempts
                else { throw error }
            }
            attempt += 1
            usleep(Self.lockPauseMicroseconds)
        }
    }

    private static func open(_ path: String, _ access: Access) throws(HDF5Error) -> HDF5Handle {
        try HDF5Thread.perform { () throws(HDF5Error) -> HDF5Handle in
            let context = CallContext(operation: "opening", file: path, element: "the file")
            let properties = try HDF5File.accessProperties(context)
            if access == .readWithoutLock {
                try context.check(chdf5_without_locking(properties.value))
            }
            if access == .readElements {
                try context.check(H5Pset_sieve_buf_size(properties.value, 1))
            }
            let flags = access == .write ? chdf5_read_write() : chdf5_read_only()
            return try HDF5Handle(H5Fopen(path, flags, properties.value), parent: nil, context)
        }
    }

    /// Creates a file whose bytes do not depend on the time of writing.
    ///
    /// A file that is there already is replaced when `replacing` is true, else it is an error.
    package init(creating path: String, replacing: Bool = false) throws(HDF5Error) {
        self.path = path
        handle = try HDF5Thread.perform { () throws(HDF5Error) -> HDF5Handle in
            let context = CallContext(operation: "creating", file: path, element: "the file")
            let access = try HDF5File.accessProperties(context)
            let creation = try LibraryID(H5Pcreate(chdf5_file_create_class()), context)
            try context.check(H5Pset_obj_track_times(creation.value, false))
            let flags = replacing ? chdf5_truncate() : chdf5_exclusive()
            return try HDF5Handle(
                H5Fcreate(path, flags, creation.value, access.value),
                parent: nil,
                context
            )
        }
    }

    private static func accessProperties(
        _ context: CallContext
    ) throws(HDF5Error) -> LibraryID {
        let properties = try LibraryID(H5Pcreate(chdf5_file_access_class()), context)
        // A forgotten group or dataset makes closing fail instead of keeping the file open.
        try context.check(H5Pset_fclose_degree(properties.value, H5F_CLOSE_SEMI))
        return properties
    }

    /// The root group.
    package var root: HDF5Group {
        get throws(HDF5Error) {
            try HDF5Thread.perform { () throws(HDF5Error) -> HDF5Group in
                let context = CallContext(operation: "opening", file: path, element: "/")
                let id = H5Gopen2(handle.id, "/", chdf5_default())
                return HDF5Group(
                    file: self,
                    path: "/",
                    token: HDF5Token(handle: try HDF5Handle(id, parent: handle, context))
                )
            }
        }
    }

    /// Number of groups and datasets of this file that somebody holds.
    package var openObjectCount: Int {
        HDF5Thread.perform {
            // The file itself is one of the objects counted.
            max(0, Int(H5Fget_obj_count(handle.id, chdf5_all_objects())) - 1)
        }
    }

    /// Size of the file in bytes as the library sees it.
    package func byteCount() throws(HDF5Error) -> UInt64 {
        try HDF5Thread.perform { () throws(HDF5Error) -> UInt64 in
            let context = CallContext(operation: "measuring", file: path, element: "the file")
            var size: hsize_t = 0
            try context.check(H5Fget_filesize(handle.id, &size))
            return UInt64(size)
        }
    }

    /// Hands everything written so far to the operating system.
    package func flush() throws(HDF5Error) {
        try HDF5Thread.perform { () throws(HDF5Error) -> Void in
            let context = CallContext(operation: "flushing", file: path, element: "the file")
            try context.check(H5Fflush(handle.id, H5F_SCOPE_LOCAL))
        }
    }

    /// Closes the file now.
    ///
    /// - Throws: ``HDF5Error/stillOpen(file:objects:)`` when groups or datasets of it are held.
    package func close() throws(HDF5Error) {
        try HDF5Thread.perform { () throws(HDF5Error) -> Void in
            guard H5Iis_valid(handle.id) > 0 else { return }
            let objects = openObjectCount
            guard objects == 0 else { throw .stillOpen(file: path, objects: objects) }
            let context = CallContext(operation: "closing", file: path, element: "the file")
            try context.check(H5Fclose(handle.id))
        }
    }

    /// Whether this library can undo a filter, built in or through a plugin.
    package static func hasFilter(_ filter: Int) -> Bool {
        HDF5Thread.perform {
            let available = H5Zfilter_avail(H5Z_filter_t(filter))
            if available < 0 { H5Eclear2(0) }
            return available > 0
        }
    }

    /// Version of the library, for example "1.10.8".
    package static var libraryVersion: String {
        HDF5Thread.perform {
            var major: UInt32 = 0
            var minor: UInt32 = 0
            var release: UInt32 = 0
            H5get_libversion(&major, &minor, &release)
            return "\(major).\(minor).\(release)"
        }
    }
}
