internal import CHDF5
internal import Glibc

/// An open group: names that lead to groups and datasets, and attributes.
package struct HDF5Group: HDF5Object {
    package let file: HDF5File
    package let path: String
    package let token: HDF5Token

    /// Names in the group in ascending order of their bytes.
    package func names() throws(HDF5Error) -> [String] {
        try HDF5Thread.perform { () throws(HDF5Error) -> [String] in
            var bytes: UnsafeMutablePointer<CChar>?
            var length = 0
            let status = chdf5_link_names(token.id, &bytes, &length)
            defer { free(bytes) }
            try context("listing").check(status)
            return HDF5Group.split(bytes, length)
        }
    }

    static func split(_ bytes: UnsafeMutablePointer<CChar>?, _ length: Int) -> [String] {
        guard let bytes else { return [] }
        var names: [String] = []
        var start = 0
        while start < length {
            let name = String(cString: bytes + start)
            names.append(name)
            start += strlen(bytes + start) + 1
        }
        return names
    }

    /// How a name, not a path, is linked; nil when there is no such name.
    package func linkKind(_ name: String) -> HDF5LinkKind? {
        HDF5Thread.perform {
            let kind = chdf5_link_kind(token.id, name)
            H5Eclear2(0)
            switch Int(kind) {
            case CHDF5_HARD_LINK: return .hard
            case CHDF5_SOFT_LINK: return .soft
            case CHDF5_EXTERNAL_LINK: return .external
            case CHDF5_OTHER_LINK: return .other
            default: return nil
            }
        }
    }

    /// What a name or a path of names leads to; nil when it leads nowhere.
    package func kind(of name: String) -> HDF5ObjectKind? {
        HDF5Thread.perform {
            guard exists(name) else { return nil }
            let id = H5Oopen(token.id, name, chdf5_default())
            guard id >= 0 else {
                H5Eclear2(0)
                return .unreadable
            }
            defer { H5Oclose(id) }
            switch H5Iget_type(id) {
            case H5I_GROUP: return .group
            case H5I_DATASET: return .dataset
            case H5I_DATATYPE: return .namedType
            default: return .unreadable
            }
        }
    }

    private func exists(_ name: String) -> Bool {
        // The library reports a missing intermediate name as an error, so each one is asked for.
        var prefix = ""
        for part in name.split(separator: "/") {
            prefix += prefix.isEmpty ? String(part) : "/" + part
            let found = H5Lexists(token.id, prefix, chdf5_default())
            if found <= 0 {
                H5Eclear2(0)
                return false
            }
        }
        return !prefix.isEmpty
    }

    /// Opens a group in this group.
    package func group(_ name: String) throws(HDF5Error) -> HDF5Group {
        try HDF5Thread.perform { () throws(HDF5Error) -> HDF5Group in
            let context = childContext("opening", name)
            let id = H5Gopen2(token.id, name, chdf5_default())
            return HDF5Group(
                file: file,
                path: childPath(name),
                token: HDF5Token(
                    handle: try HDF5Handle(id, parent: file.handle, context)
                )
            )
        }
    }

    /// Opens a dataset in this group.
    ///
    /// - Parameters:
    ///   - name: Name or path of names.
    ///   - chunkCacheBytes: Room for decompressed chunks in ``HDF5Dataset/read(into:as:start:count:)``;
    ///     nil takes the library's 1 MiB.
    /// - Returns: The open dataset.
    /// - Throws: ``HDF5Error`` when there is no such dataset or it cannot be opened.
    package func dataset(
        _ name: String,
        chunkCacheBytes: Int? = nil
    ) throws(HDF5Error) -> HDF5Dataset {
        try HDF5Thread.perform { () throws(HDF5Error) -> HDF5Dataset in
            let context = childContext("opening", name)
            let access = try LibraryID(H5Pcreate(chdf5_dataset_access_class()), context)
            if let chunkCacheBytes {
                // A prime number of slots keeps the chunks of a row from sharing one.
                try context.check(H5Pset_chunk_cache(access.value, 12_421, chunkCacheBytes, 1))
            }
            let id = H5Dopen2(token.id, name, access.value)
            return try HDF5Dataset(
                file: file,
                path: childPath(name),
                handle: HDF5Handle(id, parent: file.handle, context),
                context
            )
        }
    }

    /// Opens the dataset that an object reference stored in an attribute points to.
    ///
    /// - Returns: Nil when there is no such attribute, it is no object reference, or the reference
    ///   leads nowhere or not to a dataset.
    package func dataset(referredToBy attribute: String, of object: any HDF5Object) -> HDF5Dataset?
    {
        HDF5Thread.perform {
            defer { H5Eclear2(0) }
            let name = attribute
            guard H5Aexists(object.token.id, name) > 0,
                let id = try? LibraryID(
                    H5Aopen(object.token.id, name, chdf5_default()),
                    object.context("opening", name)
                ),
                let type = try? LibraryID(H5Aget_type(id.value), context("reading", name)),
                H5Tequal(type.value, chdf5_object_reference()) > 0,
                let space = try? LibraryID(H5Aget_space(id.value), context("reading", name)),
                H5Sget_simple_extent_npoints(space.value) == 1
            else { return nil }
            return withUnsafeTemporaryAllocation(
                byteCount: chdf5_reference_size(),
                alignment: 8
            ) { bytes in
                guard H5Aread(id.value, type.value, bytes.baseAddress) >= 0 else { return nil }
                let target = chdf5_open_reference(object.token.id, bytes.baseAddress)
                guard target >= 0 else { return nil }
                guard H5Iget_type(target) == H5I_DATASET else {
                    H5Oclose(target)
                    return nil
                }
                let context = context("opening", "reference \(name)")
                guard let handle = try? HDF5Handle(target, parent: file.handle, context) else {
                    return nil
                }
                return try? HDF5Dataset(
                    file: file,
                    path: HDF5Group.path(of: target),
                    handle: handle,
                    context
                )
            }
        }
    }

    private static func path(of id: hid_t) -> String {
        let length = H5Iget_name(id, nil, 0)
        guard length > 0 else { return "a referenced dataset" }
        return withUnsafeTemporaryAllocation(of: CChar.self, capacity: length + 1) { name in
            H5Iget_name(id, name.baseAddress, length + 1)
            return name.baseAddress.map { String(cString: $0 + (name[0] == 47 ? 1 : 0)) } ?? ""
        }
    }

    /// Place in the file of something in this group.
    package func childPath(_ name: String) -> String { path == "/" ? name : path + "/" + name }

    func childContext(_ operation: String, _ name: String) -> CallContext {
        CallContext(operation: operation, file: file.path, element: childPath(name))
    }
}
