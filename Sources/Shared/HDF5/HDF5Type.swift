internal import CHDF5
internal import Glibc

/// The type in which an element is stored.
package indirect enum HDF5Type: Equatable, Sendable, CustomStringConvertible {
    /// A number. `isNative` is false when it is big-endian or of an unusual layout; the library
    /// then converts it to `number`, the nearest type that holds it.
    case number(HDF5Number, isNative: Bool)
    /// The boolean of h5py and anndata: an 8-bit enumeration of FALSE and TRUE.
    case boolean
    /// Another enumeration over an integer type.
    case enumeration(HDF5Number)
    /// Variable-length text.
    case variableText
    /// Text of a fixed number of bytes, padded.
    case fixedText(bytes: Int)
    /// A record of named members, in stored order.
    case record([HDF5Member])
    /// A reference to an object or a region.
    case reference
    /// Anything else (opaque, array, variable-length list, time, bit field).
    case other(String)

    package var description: String {
        switch self {
        case .number(let number, let isNative): isNative ? "\(number)" : "\(number) (converted)"
        case .boolean: "bool"
        case .enumeration(let base): "enumeration of \(base)"
        case .variableText: "text"
        case .fixedText(let bytes): "text of \(bytes) bytes"
        case .record(let members): "record of \(members.count) fields"
        case .reference: "reference"
        case .other(let name): name
        }
    }

    /// True for variable-length and fixed-length text.
    package var isText: Bool {
        switch self {
        case .variableText, .fixedText: true
        default: false
        }
    }

    /// The integer or floating-point type, also of a boolean or enumeration.
    package var number: HDF5Number? {
        switch self {
        case .number(let number, _): number
        case .boolean: .int8
        case .enumeration(let base): base
        default: nil
        }
    }
}

/// One named member of a record.
package struct HDF5Member: Equatable, Sendable {
    /// Name of the member.
    package let name: String
    /// Type of the member.
    package let type: HDF5Type
}

extension HDF5Type {
    /// Describes a type of the library; the identifier stays the caller's.
    init(_ id: hid_t, _ context: CallContext) throws(HDF5Error) {
        switch H5Tget_class(id) {
        case H5T_INTEGER: self = HDF5Type.integer(id)
        case H5T_FLOAT: self = HDF5Type.float(id)
        case H5T_STRING: self = HDF5Type.text(id)
        case H5T_ENUM: self = try HDF5Type.enumeration(id, context)
        case H5T_COMPOUND: self = try HDF5Type.record(id, context)
        case H5T_REFERENCE: self = .reference
        case H5T_ARRAY: self = .other("array")
        case H5T_VLEN: self = .other("variable-length list")
        case H5T_OPAQUE: self = .other("opaque bytes")
        case H5T_BITFIELD: self = .other("bit field")
        case H5T_TIME: self = .other("time")
        default: throw context.failure()
        }
    }

    private static func integer(_ id: hid_t) -> HDF5Type {
        let size = H5Tget_size(id)
        let signed = H5Tget_sign(id) == H5T_SGN_2
        let isNative =
            H5Tget_order(id) != H5T_ORDER_BE && H5Tget_precision(id) == size * 8
            && H5Tget_offset(id) == 0
        let number: HDF5Number
        switch (size, signed) {
        case (1, true): number = .int8
        case (1, false): number = .uint8
        case (2, true): number = .int16
        case (2, false): number = .uint16
        case (3...4, true): number = .int32
        case (3...4, false): number = .uint32
        case (5...8, true): number = .int64
        case (5...8, false): number = .uint64
        default: return .other("integer of \(size) bytes")
        }
        return .number(number, isNative: isNative && size == number.byteCount)
    }

    private static func float(_ id: hid_t) -> HDF5Type {
        let standard: [HDF5Number] = [.float16, .float32, .float64]
        for number in standard where H5Tequal(id, number.libraryType) > 0 {
            return .number(number, isNative: true)
        }
        // Conversion to half precision is not exact for bfloat16, so small foreign types widen.
        return .number(H5Tget_size(id) <= 4 ? .float32 : .float64, isNative: false)
    }

    private static func text(_ id: hid_t) -> HDF5Type {
        if H5Tis_variable_str(id) > 0 { return .variableText }
        return .fixedText(bytes: H5Tget_size(id))
    }

    private static func enumeration(
        _ id: hid_t,
        _ context: CallContext
    ) throws(HDF5Error) -> HDF5Type {
        let base = try LibraryID(H5Tget_super(id), context)
        guard case .number(let number, _) = integer(base.value) else {
            return .other("enumeration")
        }
        let count = H5Tget_nmembers(id)
        guard count == 2, number.byteCount == 1 else { return .enumeration(number) }
        let names = (0..<2).map { memberName(id, UInt32($0)).uppercased() }
        var values: [Int8] = [0, 0]
        for index in 0..<2 {
            try context.check(H5Tget_member_value(id, UInt32(index), &values[index]))
        }
        let isBoolean = Set(names) == ["FALSE", "TRUE"] && values[names[0] == "FALSE" ? 0 : 1] == 0
        return isBoolean ? .boolean : .enumeration(number)
    }

    private static func record(
        _ id: hid_t,
        _ context: CallContext
    ) throws(HDF5Error) -> HDF5Type {
        let count = try context.check(H5Tget_nmembers(id))
        var members: [HDF5Member] = []
        members.reserveCapacity(Int(count))
        for index in 0..<UInt32(count) {
            let member = try LibraryID(H5Tget_member_type(id, index), context)
            members.append(
                HDF5Member(name: memberName(id, index), type: try HDF5Type(member.value, context))
            )
        }
        return .record(members)
    }

    private static func memberName(_ id: hid_t, _ index: UInt32) -> String {
        guard let name = H5Tget_member_name(id, index) else { return "" }
        defer { H5free_memory(name) }
        return String(cString: name)
    }
}
