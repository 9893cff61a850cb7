internal import CHDF5
internal import Glibc

/// Texts read from a file.
package struct HDF5Texts: Equatable, Sendable {
    /// The texts; bytes that are not UTF-8 have become U+FFFD.
    package var values: [String]
    /// How many texts had such bytes.
    package var repairedCount: Int
}

/// Reads texts of either kind through `read`, which fills memory of the given type.
///
/// - Parameters:
///   - count: Texts that `read` delivers.
///   - type: The stored type.
///   - space: A data space of `count` elements in memory, for giving strings back.
///   - context: For the error text.
///   - member: Name of the record's member that holds the texts; nil when there is no record.
///   - read: Calls the library with a memory type and a buffer.
/// - Returns: The texts in stored order.
/// - Throws: ``HDF5Error`` when `read` fails.
func readTexts(
    _ count: Int,
    _ type: hid_t,
    _ space: hid_t,
    _ context: CallContext,
    member: String? = nil,
    _ read: (hid_t, UnsafeMutableRawPointer?) -> herr_t
) throws(HDF5Error) -> HDF5Texts {
    guard count > 0 else { return HDF5Texts(values: [], repairedCount: 0) }
    let isUTF8 = H5Tget_cset(type) == H5T_CSET_UTF8
    if H5Tis_variable_str(type) > 0 {
        let memory = try textType(chdf5_variable_string(isUTF8), member, context)
        let buffer = UnsafeMutableBufferPointer<UnsafeMutablePointer<CChar>?>
            .allocate(capacity: count)
        buffer.initialize(repeating: nil)
        defer { buffer.deallocate() }
        try context.check(read(memory.value, buffer.baseAddress))
        defer { H5Dvlen_reclaim(memory.value, space, chdf5_default(), buffer.baseAddress) }
        return HDF5Texts(decoding: buffer)
    }
    let width = H5Tget_size(type)
    let padding = H5Tget_strpad(type)
    let memory = try textType(chdf5_fixed_string(width, padding, isUTF8), member, context)
    let buffer = UnsafeMutableRawBufferPointer.allocate(
        byteCount: max(1, count * width),
        alignment: 8
    )
    defer { buffer.deallocate() }
    try context.check(read(memory.value, buffer.baseAddress))
    return HDF5Texts(decoding: buffer, count: count, width: width, padding: padding)
}

private func textType(
    _ id: hid_t,
    _ member: String?,
    _ context: CallContext
) throws(HDF5Error) -> LibraryID {
    let text = try LibraryID(id, context)
    guard let member else { return text }
    return try recordType(of: member, text.value, context)
}

/// A record in memory that has only one member, so that only it is read.
func recordType(
    of member: String,
    _ type: hid_t,
    _ context: CallContext
) throws(HDF5Error) -> LibraryID {
    let record = try LibraryID(H5Tcreate(H5T_COMPOUND, H5Tget_size(type)), context)
    try context.check(H5Tinsert(record.value, member, 0, type))
    return record
}

extension HDF5Texts {
    fileprivate init(decoding pointers: UnsafeMutableBufferPointer<UnsafeMutablePointer<CChar>?>) {
        self.init(values: [], repairedCount: 0)
        values.reserveCapacity(pointers.count)
        for pointer in pointers {
            // The library stores an empty text as a null pointer.
            guard let pointer else {
                values.append("")
                continue
            }
            let length = strlen(pointer)
            append(UnsafeRawBufferPointer(start: pointer, count: length))
        }
    }

    fileprivate init(
        decoding bytes: UnsafeMutableRawBufferPointer,
        count: Int,
        width: Int,
        padding: H5T_str_t
    ) {
        self.init(values: [], repairedCount: 0)
        values.reserveCapacity(count)
        for index in 0..<count {
            let text = bytes[(index * width)..<((index + 1) * width)]
            var end = text.endIndex
            if padding == H5T_STR_NULLTERM {
                end = text.firstIndex(of: 0) ?? end
            } else {
                let pad: UInt8 = padding == H5T_STR_SPACEPAD ? 32 : 0
                while end > text.startIndex, text[end - 1] == pad { end -= 1 }
            }
            append(UnsafeRawBufferPointer(rebasing: text[..<end]))
        }
    }

    private mutating func append(_ bytes: UnsafeRawBufferPointer) {
        if let text = String(validating: bytes, as: UTF8.self) {
            values.append(text)
        } else {
            values.append(String(decoding: bytes, as: UTF8.self))
            repairedCount += 1
        }
    }
}
