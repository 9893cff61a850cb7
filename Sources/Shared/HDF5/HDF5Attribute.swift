internal import CHDF5
internal import Glibc

/// The value of an attribute, as far as AnnData files use attributes.
package enum HDF5AttributeValue: Equatable, Sendable {
    case text(String)
    case texts([String])
    case integer(Int64)
    case integers([Int64])
    case double(Double)
    case doubles([Double])
    case boolean(Bool)
    /// No value: the attribute has a null data space.
    case empty
    /// An object reference; follow it with ``HDF5Group/dataset(referredToBy:of:)``.
    case reference
    /// A type that is not read.
    case other(String)
}

extension HDF5Object {
    /// Names of the attributes.
    package func attributeNames() throws(HDF5Error) -> [String] {
        try HDF5Thread.perform { () throws(HDF5Error) -> [String] in
            var bytes: UnsafeMutablePointer<CChar>?
            var length = 0
            let status = chdf5_attribute_names(token.id, &bytes, &length)
            defer { free(bytes) }
            try context("listing the attributes of").check(status)
            return HDF5Group.split(bytes, length)
        }
    }

    /// Whether there is an attribute of this name.
    package func hasAttribute(_ name: String) -> Bool {
        HDF5Thread.perform {
            let found = H5Aexists(token.id, name)
            if found < 0 { H5Eclear2(0) }
            return found > 0
        }
    }

    /// Reads an attribute; nil when there is none of this name.
    package func attribute(_ name: String) throws(HDF5Error) -> HDF5AttributeValue? {
        try HDF5Thread.perform { () throws(HDF5Error) -> HDF5AttributeValue? in
            guard hasAttribute(name) else { return nil }
            let context = context("reading", name)
            let id = try LibraryID(H5Aopen(token.id, name, chdf5_default()), context)
            let type = try LibraryID(H5Aget_type(id.value), context)
            let space = try LibraryID(H5Aget_space(id.value), context)
            let extent = H5Sget_simple_extent_type(space.value)
            if extent == H5S_NULL { return .empty }
            let count = Int(try context.check(H5Sget_simple_extent_npoints(space.value)))
            let isScalar = extent == H5S_SCALAR
            switch try HDF5Type(type.value, context) {
            case .variableText, .fixedText:
                let texts = try readTexts(count, type.value, space.value, context) {
                    memory,
                    bytes in
                    H5Aread(id.value, memory, bytes)
                }.values
                return isScalar ? .text(texts.first ?? "") : .texts(texts)
            case .boolean:
                let native = try LibraryID(H5Tget_native_type(type.value, H5T_DIR_ASCEND), context)
                let values = try attributeNumbers(Int8.self, count, id.value, native.value, context)
                return isScalar ? .boolean(values.first == 1) : .integers(values.map(Int64.init))
            case .enumeration:
                return .other("enumeration")
            case .number(let number, _) where number.isFloat:
                let memory = HDF5Number.float64.libraryType
                let values = try attributeNumbers(Double.self, count, id.value, memory, context)
                return isScalar ? .double(values.first ?? 0) : .doubles(values)
            case .number:
                let memory = HDF5Number.int64.libraryType
                let values = try attributeNumbers(Int64.self, count, id.value, memory, context)
                return isScalar ? .integer(values.first ?? 0) : .integers(values)
            case .reference:
                return .reference
            case let other:
                return .other(other.description)
            }
        }
    }

    /// Reads an attribute that should be one text; nil when it is missing or something else.
    ///
    /// A list of one text counts as one text, because some writers store scalars so.
    package func textAttribute(_ name: String) throws(HDF5Error) -> String? {
        switch try attribute(name) {
        case .text(let text): text
        case .texts(let texts) where texts.count == 1: texts[0]
        default: nil
        }
    }

    /// Reads an attribute that should be a list of integers; nil when it is missing or not one.
    package func integersAttribute(_ name: String) throws(HDF5Error) -> [Int]? {
        switch try attribute(name) {
        case .integer(let value): [Int(value)]
        case .integers(let values): values.map { Int($0) }
        default: nil
        }
    }

    private func attributeNumbers<T: HDF5Scalar>(
        _: T.Type,
        _ count: Int,
        _ id: hid_t,
        _ memory: hid_t,
        _ context: CallContext
    ) throws(HDF5Error) -> [T] {
        let buffer = UnsafeMutableBufferPointer<T>.allocate(capacity: max(1, count))
        defer { buffer.deallocate() }
        if count > 0 { try context.check(H5Aread(id, memory, buffer.baseAddress)) }
        return Array(buffer.prefix(count))
    }

    /// Writes one text as a scalar variable-length UTF-8 string, the form anndata uses.
    package func setAttribute(_ name: String, _ text: String) throws(HDF5Error) {
        try HDF5Thread.perform { () throws(HDF5Error) -> Void in
            let context = context("writing", name)
            let type = try LibraryID(chdf5_variable_string(true), context)
            let space = try LibraryID(H5Screate(H5S_SCALAR), context)
            let id = try newAttribute(name, type.value, space.value, context)
            let status = text.withCString { characters in
                withUnsafePointer(to: characters) { H5Awrite(id.value, type.value, $0) }
            }
            try context.check(status)
        }
    }

    /// Writes a list of texts as variable-length UTF-8 strings; an empty list has dimensions {0}.
    package func setAttribute(_ name: String, _ texts: [String]) throws(HDF5Error) {
        try HDF5Thread.perform { () throws(HDF5Error) -> Void in
            let context = context("writing", name)
            let type = try LibraryID(chdf5_variable_string(true), context)
            let space = try simpleSpace([texts.count], context)
            let id = try newAttribute(name, type.value, space.value, context)
            guard !texts.isEmpty else { return }
            let status = withTextPointers(texts) { H5Awrite(id.value, type.value, $0) }
            try context.check(status)
        }
    }

    /// Writes one number as a scalar.
    package func setAttribute<T: HDF5Scalar>(_ name: String, _ value: T) throws(HDF5Error) {
        try HDF5Thread.perform { () throws(HDF5Error) -> Void in
            let context = context("writing", name)
            let space = try LibraryID(H5Screate(H5S_SCALAR), context)
            let type = T.hdf5Number.libraryType
            let id = try newAttribute(name, type, space.value, context)
            let status = withUnsafePointer(to: value) { H5Awrite(id.value, type, $0) }
            try context.check(status)
        }
    }

    /// Writes a list of numbers.
    package func setAttribute<T: HDF5Scalar>(_ name: String, _ values: [T]) throws(HDF5Error) {
        try HDF5Thread.perform { () throws(HDF5Error) -> Void in
            let context = context("writing", name)
            let space = try simpleSpace([values.count], context)
            let type = T.hdf5Number.libraryType
            let id = try newAttribute(name, type, space.value, context)
            guard !values.isEmpty else { return }
            let status = values.withUnsafeBufferPointer { H5Awrite(id.value, type, $0.baseAddress) }
            try context.check(status)
        }
    }

    /// Writes a boolean as the enumeration that h5py reads as one.
    package func setAttribute(_ name: String, _ value: Bool) throws(HDF5Error) {
        try HDF5Thread.perform { () throws(HDF5Error) -> Void in
            let context = context("writing", name)
            let type = try LibraryID(chdf5_boolean(), context)
            let space = try LibraryID(H5Screate(H5S_SCALAR), context)
            let id = try newAttribute(name, type.value, space.value, context)
            let byte: Int8 = value ? 1 : 0
            let status = withUnsafePointer(to: byte) { H5Awrite(id.value, type.value, $0) }
            try context.check(status)
        }
    }

    private func newAttribute(
        _ name: String,
        _ type: hid_t,
        _ space: hid_t,
        _ context: CallContext
    ) throws(HDF5Error) -> LibraryID {
        // Writing an attribute again replaces it, whatever its former type.
        if H5Aexists(token.id, name) > 0 { try context.check(H5Adelete(token.id, name)) }
        return try LibraryID(
            H5Acreate2(token.id, name, type, space, chdf5_default(), chdf5_default()),
            context
        )
    }
}

/// A data space of the given dimensions.
func simpleSpace(_ shape: [Int], _ context: CallContext) throws(HDF5Error) -> LibraryID {
    let dimensions = shape.map { hsize_t($0) }
    return try LibraryID(H5Screate_simple(Int32(shape.count), dimensions, nil), context)
}

/// Calls `body` with an array of C strings.
func withTextPointers<Value>(
    _ texts: [String],
    _ body: (UnsafePointer<UnsafePointer<CChar>?>?) -> Value
) -> Value {
    var bytes: [CChar] = []
    var starts: [Int] = []
    starts.reserveCapacity(texts.count)
    for text in texts {
        starts.append(bytes.count)
        for byte in text.utf8 { bytes.append(CChar(bitPattern: byte)) }
        bytes.append(0)
    }
    return bytes.withUnsafeBufferPointer { bytes in
        let pointers = starts.map { start in bytes.baseAddress.map { $0 + start } }
        return pointers.withUnsafeBufferPointer { body($0.baseAddress) }
    }
}
