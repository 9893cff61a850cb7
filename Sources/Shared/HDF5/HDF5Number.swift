internal import CHDF5

/// A number as it lies in memory: little-endian, two's complement or IEEE 754.
package enum HDF5Number: Int32, Sendable, CaseIterable, CustomStringConvertible {
    case int8 = 0
    case int16
    case int32
    case int64
    case uint8
    case uint16
    case uint32
    case uint64
    case float16
    case float32
    case float64

    /// Bytes of one number.
    package var byteCount: Int {
        switch self {
        case .int8, .uint8: 1
        case .int16, .uint16, .float16: 2
        case .int32, .uint32, .float32: 4
        case .int64, .uint64, .float64: 8
        }
    }

    /// True for the floating-point types.
    package var isFloat: Bool {
        switch self {
        case .float16, .float32, .float64: true
        default: false
        }
    }

    package var description: String {
        switch self {
        case .int8: "int8"
        case .int16: "int16"
        case .int32: "int32"
        case .int64: "int64"
        case .uint8: "uint8"
        case .uint16: "uint16"
        case .uint32: "uint32"
        case .uint64: "uint64"
        case .float16: "float16"
        case .float32: "float32"
        case .float64: "float64"
        }
    }

    /// The library's type, which stays the library's; to be used on its thread only.
    var libraryType: hid_t { chdf5_number(rawValue) }
}

/// A Swift type that lies in memory as an ``HDF5Number``.
package protocol HDF5Scalar: BitwiseCopyable, Sendable {
    /// The matching number type.
    static var hdf5Number: HDF5Number { get }
}

extension Int8: HDF5Scalar { package static var hdf5Number: HDF5Number { .int8 } }
extension Int16: HDF5Scalar { package static var hdf5Number: HDF5Number { .int16 } }
extension Int32: HDF5Scalar { package static var hdf5Number: HDF5Number { .int32 } }
extension Int64: HDF5Scalar { package static var hdf5Number: HDF5Number { .int64 } }
extension Int: HDF5Scalar { package static var hdf5Number: HDF5Number { .int64 } }
extension UInt8: HDF5Scalar { package static var hdf5Number: HDF5Number { .uint8 } }
extension UInt16: HDF5Scalar { package static var hdf5Number: HDF5Number { .uint16 } }
extension UInt32: HDF5Scalar { package static var hdf5Number: HDF5Number { .uint32 } }
extension UInt64: HDF5Scalar { package static var hdf5Number: HDF5Number { .uint64 } }
extension Float: HDF5Scalar { package static var hdf5Number: HDF5Number { .float32 } }
extension Double: HDF5Scalar { package static var hdf5Number: HDF5Number { .float64 } }
