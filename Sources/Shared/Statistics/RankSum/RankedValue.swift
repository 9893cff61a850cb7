/// A number that can be ranked by an unsigned integer.
///
/// Integers are compared and sorted faster than floating-point numbers, and their digits can be
/// counted.
package protocol RankedValue: BinaryFloatingPoint, Sendable {
    /// The integer.
    associatedtype RankKey: FixedWidthInteger & UnsignedInteger & BitwiseCopyable & Sendable

    /// The key of zero: keys above belong to positive values, keys below to negative ones.
    static var zeroKey: RankKey { get }

    /// An integer that has the order of the values; equal exactly for equal values other than NaN
    /// and zeros of different sign.
    var rankKey: RankKey { get }
}

extension Float: RankedValue {
    package static var zeroKey: UInt32 { 1 << 31 }

    @inline(__always)
    package var rankKey: UInt32 {
        // Negative values have the larger bits the smaller they are: all bits turn over. Positive
        // ones go above them.
        let sign = UInt32(bitPattern: Int32(bitPattern: bitPattern) >> 31)
        return bitPattern ^ (sign | 1 << 31)
    }
}

extension Double: RankedValue {
    package static var zeroKey: UInt64 { 1 << 63 }

    @inline(__always)
    package var rankKey: UInt64 {
        let sign = UInt64(bitPattern: Int64(bitPattern: bitPattern) >> 63)
        return bitPattern ^ (sign | 1 << 63)
    }
}
