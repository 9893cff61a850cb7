internal import CHDF5

/// The type that all fields of a record share.
package enum HDF5FieldElement: Equatable, Sendable {
    /// A number.
    case number(HDF5Number)
    /// ASCII text of a fixed number of bytes, padded with zero bytes.
    case fixedText(bytes: Int)
    /// UTF-8 text of any length; the record holds a reference to where it lies in the file.
    case variableText

    /// Bytes that one field takes in the file.
    package var storedByteCount: Int {
        switch self {
        case .number(let number): number.byteCount
        case .fixedText(let bytes): bytes
        // Length (4), address of a heap (8), position in it (4).
        case .variableText: 16
        }
    }

    /// Bytes that one field of this type takes in the description of the record, without its name.
    fileprivate var descriptionByteCount: Int {
        switch self {
        case .number(let number): number.isFloat ? 52 : 44
        case .fixedText: 40
        case .variableText: 52
        }
    }
}

/// Arrays of records whose fields all have one type, as a table with named columns.
package enum HDF5Records {
    /// Largest description of a type that fits into an object's header.
    ///
    /// A message of a header has less than 64 KiB and a multiple of 8 bytes.
    package static let largestDescription = 65_528

    /// Bytes that the description of a record takes in the file.
    ///
    /// Each field needs its name, ended by a zero byte and padded to a multiple of 8, and a
    /// description of fixed size. Source: HDF5 File Format Specification 3.0, IV.A.2.d, version 1.
    ///
    /// - Parameters:
    ///   - fields: Names of the fields.
    ///   - element: Their type.
    /// - Returns: The size; a record can be stored when it is at most ``largestDescription``.
    package static func descriptionByteCount(
        fields: [String],
        _ element: HDF5FieldElement
    ) -> Int {
        let bytes = fields.reduce(8) { total, name in
            total + element.descriptionByteCount + (name.utf8.count / 8 + 1) * 8
        }
        return (bytes + 7) / 8 * 8
    }
}

extension HDF5Group {
    /// Creates an array of records in one piece whose room is taken at once, so that
    /// ``HDF5Dataset/fileOffset`` is known and records can be written past the library.
    ///
    /// - Parameters:
    ///   - name: Name of the array.
    ///   - fields: Names of the fields, different from each other, none empty.
    ///   - element: Type of every field; fields follow each other without gaps.
    ///   - count: Number of records.
    /// - Returns: The new array, open.
    /// - Throws: ``HDF5Error`` when the library refuses, for example a description that is too long.
    package func createRecords(
        _ name: String,
        fields: [String],
        _ element: HDF5FieldElement,
        count: Int
    ) throws(HDF5Error) -> HDF5Dataset {
        try HDF5Thread.perform { () throws(HDF5Error) -> HDF5Dataset in
            let context = childContext("creating", name)
            let field = try Self.fieldType(element, context)
            let width = H5Tget_size(field.value)
            let record = try LibraryID(
                H5Tcreate(H5T_COMPOUND, max(1, width * fields.count)),
                context
            )
            for (index, name) in fields.enumerated() {
                try context.check(H5Tinsert(record.value, name, index * width, field.value))
            }
            let dataset = try createContiguous(
                name,
                type: record.value,
                shape: [count],
                isFilled: element == .variableText,
                context
            )
            let stored = UInt64(count * fields.count * element.storedByteCount)
            guard dataset.storageByteCount == stored else {
                throw .wrongShape(
                    file: file.path,
                    element: dataset.path,
                    problem: "it takes \(dataset.storageByteCount) bytes instead of \(stored)"
                )
            }
            return dataset
        }
    }

    private static func fieldType(
        _ element: HDF5FieldElement,
        _ context: CallContext
    ) throws(HDF5Error) -> LibraryID {
        switch element {
        case .number(let number): try LibraryID(H5Tcopy(number.libraryType), context)
        case .fixedText(let bytes):
            try LibraryID(chdf5_fixed_string(bytes, H5T_STR_NULLPAD, false), context)
        case .variableText: try LibraryID(chdf5_variable_string(true), context)
        }
    }
}
