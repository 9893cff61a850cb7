internal import CHDF5
internal import Glibc

/// An open dataset: an array in the file, with its type, shape and storage.
package struct HDF5Dataset: HDF5Object {
    package let file: HDF5File
    package let path: String
    package let token: HDF5Token
    /// Stored type.
    package let type: HDF5Type

    init(
        file: HDF5File,
        path: String,
        handle: HDF5Handle,
        _ context: CallContext
    ) throws(HDF5Error) {
        self.file = file
        self.path = path
        token = HDF5Token(handle: handle)
        let type = try LibraryID(H5Dget_type(handle.id), context)
        self.type = try HDF5Type(type.value, context)
    }

    /// Extent of a dataset.
    package enum Extent: Equatable, Sendable {
        /// No element at all.
        case null
        /// One element without a dimension.
        case scalar
        /// Elements in rows, the last dimension varying fastest.
        case array([Int])
    }

    /// Where the elements lie.
    package enum Layout: Equatable, Sendable {
        /// In one piece.
        case contiguous
        /// Inside the object's header.
        case compact
        /// In pieces of the given shape.
        case chunked([Int])
        /// In other datasets.
        case virtual
    }

    /// One step of the filter pipeline, in the order applied when writing.
    package struct Filter: Equatable, Sendable {
        /// Registered number: 1 deflate, 2 shuffle, 3 fletcher32, 32000 lzf, ...
        package let id: Int
        /// Name stored by the writer; may be empty.
        package let name: String
        /// Parameters stored by the writer.
        package let parameters: [UInt32]
    }

    /// The extent, asked anew because a dataset may grow.
    package func extent() throws(HDF5Error) -> Extent {
        try HDF5Thread.perform { () throws(HDF5Error) -> Extent in
            let context = context("measuring")
            let space = try LibraryID(H5Dget_space(token.id), context)
            switch H5Sget_simple_extent_type(space.value) {
            case H5S_NULL: return .null
            case H5S_SCALAR: return .scalar
            default: break
            }
            let rank = Int(try context.check(H5Sget_simple_extent_ndims(space.value)))
            var dimensions = [hsize_t](repeating: 0, count: rank)
            try context.check(H5Sget_simple_extent_dims(space.value, &dimensions, nil))
            return .array(dimensions.map { Int(clamping: $0) })
        }
    }

    /// The dimensions; a scalar has none.
    ///
    /// - Throws: ``HDF5Error/wrongShape(file:element:problem:)`` for a null data space.
    package func shape() throws(HDF5Error) -> [Int] {
        switch try extent() {
        case .null: throw .wrongShape(file: file.path, element: path, problem: "it has no data")
        case .scalar: []
        case .array(let dimensions): dimensions
        }
    }

    /// Number of elements; 0 for a null data space.
    package func elementCount() throws(HDF5Error) -> Int {
        switch try extent() {
        case .null: 0
        case .scalar: 1
        case .array(let dimensions): dimensions.reduce(1, *)
        }
    }

    /// Where the elements lie.
    package func layout() throws(HDF5Error) -> Layout {
        try HDF5Thread.perform { () throws(HDF5Error) -> Layout in
            let context = context("describing")
            let creation = try LibraryID(H5Dget_create_plist(token.id), context)
            switch H5Pget_layout(creation.value) {
            case H5D_CONTIGUOUS: return .contiguous
            case H5D_COMPACT: return .compact
            case H5D_VIRTUAL: return .virtual
            case H5D_CHUNKED: break
            default: throw context.failure()
            }
            var dimensions = [hsize_t](repeating: 0, count: 32)
            let rank = try context.check(H5Pget_chunk(creation.value, 32, &dimensions))
            return .chunked(dimensions.prefix(Int(rank)).map { Int($0) })
        }
    }

    /// The filter pipeline, in the order applied when writing.
    package func filters() throws(HDF5Error) -> [Filter] {
        try HDF5Thread.perform { () throws(HDF5Error) -> [Filter] in
            let context = context("describing")
            let creation = try LibraryID(H5Dget_create_plist(token.id), context)
            let count = try context.check(H5Pget_nfilters(creation.value))
            var filters: [Filter] = []
            for index in 0..<UInt32(count) {
                var flags: UInt32 = 0
                var parameterCount = 32
                var parameters = [UInt32](repeating: 0, count: parameterCount)
                var configuration: UInt32 = 0
                var name = [CChar](repeating: 0, count: 128)
                let id = H5Pget_filter2(
                    creation.value,
                    index,
                    &flags,
                    &parameterCount,
                    &parameters,
                    127,
                    &name,
                    &configuration
                )
                try context.check(id)
                let text = name.withUnsafeBufferPointer { name in
                    name.baseAddress.map { String(cString: $0) } ?? ""
                }
                filters.append(
                    Filter(
                        id: Int(id),
                        name: text,
                        parameters: Array(parameters.prefix(min(32, parameterCount)))
                    )
                )
            }
            return filters
        }
    }

    /// Number of raw files outside the HDF5 file that hold elements.
    package func externalFileCount() throws(HDF5Error) -> Int {
        try HDF5Thread.perform { () throws(HDF5Error) -> Int in
            let context = context("describing")
            let creation = try LibraryID(H5Dget_create_plist(token.id), context)
            return Int(try context.check(H5Pget_external_count(creation.value)))
        }
    }

    /// Bytes that the elements take in the file.
    package var storageByteCount: UInt64 {
        HDF5Thread.perform { UInt64(H5Dget_storage_size(token.id)) }
    }

    /// Position of the first element from the start of the file; nil unless the elements lie in one
    /// piece and room for them has been taken.
    package var fileOffset: UInt64? {
        HDF5Thread.perform {
            let offset = H5Dget_offset(token.id)
            guard offset == chdf5_no_address() else { return UInt64(offset) }
            H5Eclear2(0)
            return nil
        }
    }
}
