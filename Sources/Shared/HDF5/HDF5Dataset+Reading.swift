internal import CHDF5
internal import Glibc

extension HDF5Dataset {
    /// Reads a box of numbers into memory that the caller owns.
    ///
    /// - Parameters:
    ///   - buffer: At least `count` elements of `number`, row by row.
    ///   - number: Type in memory; the library converts when the stored type differs.
    ///   - start: First position of the box; one entry per dimension.
    ///   - count: Size of the box; one entry per dimension.
    /// - Throws: ``HDF5Error`` when the type is no number, the box does not fit or reading fails.
    package func read(
        into buffer: UnsafeMutableRawBufferPointer,
        as number: HDF5Number,
        start: [Int],
        count: [Int]
    ) throws(HDF5Error) {
        let elements = count.reduce(1, *)
        precondition(buffer.count >= elements * number.byteCount, "buffer too small for the box")
        guard elements > 0 else { return }
        try HDF5Thread.perform { () throws(HDF5Error) -> Void in
            let context = context("reading")
            let memoryType = try numberType(number, context)
            let memorySpace = try simpleSpace([elements], context)
            let fileSpace = try selection(start: start, count: count, context)
            try context.check(
                H5Dread(
                    token.id,
                    memoryType.value,
                    memorySpace.value,
                    fileSpace.value,
                    chdf5_default(),
                    buffer.baseAddress
                )
            )
        }
    }

    /// Reads a box of numbers.
    package func read<T: HDF5Scalar>(
        _: T.Type,
        start: [Int],
        count: [Int]
    ) throws(HDF5Error) -> [T] {
        let elements = count.reduce(1, *)
        let buffer = UnsafeMutableBufferPointer<T>.allocate(capacity: max(1, elements))
        defer { buffer.deallocate() }
        try read(
            into: UnsafeMutableRawBufferPointer(buffer),
            as: T.hdf5Number,
            start: start,
            count: count
        )
        return Array(buffer.prefix(elements))
    }

    /// Reads all numbers, row by row.
    package func readAll<T: HDF5Scalar>(_ type: T.Type) throws(HDF5Error) -> [T] {
        switch try extent() {
        case .null: []
        case .scalar: try read(type, start: [], count: [])
        case .array(let shape):
            try read(type, start: shape.map { _ in 0 }, count: shape)
        }
    }

    /// Reads texts of a one-dimensional or scalar dataset.
    ///
    /// - Parameter range: Positions to read; nil reads all.
    /// - Returns: The texts in stored order.
    /// - Throws: ``HDF5Error`` when the type is no text, the range does not fit or reading fails.
    package func readTexts(_ range: Range<Int>? = nil) throws(HDF5Error) -> HDF5Texts {
        guard type.isText else { throw wrongType("text") }
        return try HDF5Thread.perform { () throws(HDF5Error) -> HDF5Texts in
            let context = context("reading")
            let storedType = try LibraryID(H5Dget_type(token.id), context)
            return try texts(of: storedType.value, range, context)
        }
    }

    /// Reads one text member of every record of a one-dimensional dataset.
    package func readTexts(
        member: String,
        _ range: Range<Int>? = nil
    ) throws(HDF5Error) -> HDF5Texts {
        try HDF5Thread.perform { () throws(HDF5Error) -> HDF5Texts in
            let context = memberContext(member)
            let stored = try memberType(member, context)
            return try texts(of: stored.value, range, context, member: member)
        }
    }

    /// Reads one numeric member of every record of a one-dimensional dataset.
    package func readMember<T: HDF5Scalar>(
        _ member: String,
        as type: T.Type,
        _ range: Range<Int>? = nil
    ) throws(HDF5Error) -> [T] {
        try HDF5Thread.perform { () throws(HDF5Error) -> [T] in
            let context = memberContext(member)
            let stored = try memberType(member, context)
            let memory = try memoryType(of: stored.value, as: T.hdf5Number, context)
            let record = try recordType(of: member, memory.value, context)
            let range = try resolved(range)
            let buffer = UnsafeMutableBufferPointer<T>.allocate(capacity: max(1, range.count))
            defer { buffer.deallocate() }
            guard !range.isEmpty else { return [] }
            let memorySpace = try simpleSpace([range.count], context)
            let fileSpace = try selection(range, context)
            try context.check(
                H5Dread(
                    token.id,
                    record.value,
                    memorySpace.value,
                    fileSpace.value,
                    chdf5_default(),
                    buffer.baseAddress
                )
            )
            return Array(buffer.prefix(range.count))
        }
    }

    private func texts(
        of stored: hid_t,
        _ range: Range<Int>?,
        _ context: CallContext,
        member: String? = nil
    ) throws(HDF5Error) -> HDF5Texts {
        let range = try resolved(range)
        guard !range.isEmpty else { return HDF5Texts(values: [], repairedCount: 0) }
        let memorySpace = try simpleSpace([range.count], context)
        let fileSpace = try selection(range, context)
        return try HDF5.readTexts(
            range.count,
            stored,
            memorySpace.value,
            context,
            member: member
        ) { memory, bytes in
            H5Dread(token.id, memory, memorySpace.value, fileSpace.value, chdf5_default(), bytes)
        }
    }

    private func resolved(_ range: Range<Int>?) throws(HDF5Error) -> Range<Int> {
        if let range { return range }
        return 0..<(try elementCount())
    }

    private func memberContext(_ member: String) -> CallContext {
        CallContext(operation: "reading", file: file.path, element: "\(path) field \(member)")
    }

    private func memberType(
        _ member: String,
        _ context: CallContext
    ) throws(HDF5Error) -> LibraryID {
        let type = try LibraryID(H5Dget_type(token.id), context)
        let index = H5Tget_member_index(type.value, member)
        return try LibraryID(
            index < 0 ? -1 : H5Tget_member_type(type.value, UInt32(index)),
            context
        )
    }

    /// The type of numbers in memory; an enumeration is read as its base type.
    func numberType(
        _ number: HDF5Number,
        _ context: CallContext
    ) throws(HDF5Error) -> LibraryID {
        let stored = try LibraryID(H5Dget_type(token.id), context)
        return try memoryType(of: stored.value, as: number, context)
    }

    private func memoryType(
        of stored: hid_t,
        as number: HDF5Number,
        _ context: CallContext
    ) throws(HDF5Error) -> LibraryID {
        switch try HDF5Type(stored, context) {
        case .number:
            return try LibraryID(H5Tcopy(number.libraryType), context)
        case .boolean, .enumeration:
            let native = try LibraryID(H5Tget_native_type(stored, H5T_DIR_ASCEND), context)
            guard H5Tget_size(native.value) == number.byteCount, !number.isFloat else {
                throw wrongType("\(number)")
            }
            return native
        default:
            throw wrongType("a number")
        }
    }

    /// A selection of consecutive positions of a one-dimensional or scalar dataset.
    private func selection(
        _ range: Range<Int>,
        _ context: CallContext
    ) throws(HDF5Error) -> LibraryID {
        switch try extent() {
        case .array(let shape) where shape.count == 1:
            return try selection(start: [range.lowerBound], count: [range.count], context)
        case .scalar where range == 0..<1:
            return try selection(start: [], count: [], context)
        case let extent:
            throw .wrongShape(
                file: file.path,
                element: path,
                problem: "need one dimension that holds \(range), found \(extent)"
            )
        }
    }

    /// The data space of the file with a box selected.
    func selection(
        start: [Int],
        count: [Int],
        _ context: CallContext
    ) throws(HDF5Error) -> LibraryID {
        let space = try LibraryID(H5Dget_space(token.id), context)
        let rank = Int(H5Sget_simple_extent_ndims(space.value))
        guard rank == start.count, rank == count.count else {
            throw .wrongShape(
                file: file.path,
                element: path,
                problem: "it has \(rank) dimensions, need \(start.count)"
            )
        }
        guard rank > 0 else { return space }
        let first = start.map { hsize_t($0) }
        let size = count.map { hsize_t($0) }
        try context.check(
            H5Sselect_hyperslab(space.value, H5S_SELECT_SET, first, nil, size, nil)
        )
        return space
    }

    func wrongType(_ needed: String) -> HDF5Error {
        .wrongType(file: file.path, element: path, found: type.description, needed: needed)
    }
}
