/// An integer that ranks a value: `UInt32` or `UInt64`.
package protocol RankKey: FixedWidthInteger, UnsignedInteger, BitwiseCopyable, Sendable {
    /// For each of some keys, how many of the sorted keys are below it.
    ///
    /// - Parameters:
    ///   - keys: What is looked for, in any order; shape `[keyCount]`.
    ///   - keyCount: Number of keys.
    ///   - sorted: Ascending; shape `[count]`.
    ///   - count: Number of sorted keys, at least 1 and within the range of the type.
    ///   - bounds: Receives the numbers; shape `[keyCount]`.
    static func lowerBounds(
        of keys: UnsafePointer<Self>,
        _ keyCount: Int,
        among sorted: UnsafePointer<Self>,
        _ count: Int,
        into bounds: UnsafeMutablePointer<Self>
    )
}

/// A number that can be ranked by an unsigned integer.
///
/// Integers are compared and sorted faster than floating-point numbers, and their digits can be
/// counted.
package protocol RankedValue: BinaryFloatingPoint, Sendable {
    /// The integer.
    associatedtype Key: RankKey

    /// The key of zero: keys above belong to positive values, keys below to negative ones.
    static var zeroKey: Key { get }

    /// An integer that has the order of the values; equal exactly for equal values other than NaN
    /// and zeros of different sign.
    var rankKey: Key { get }

    /// The value with a key.
    init(rankKey: Key)
}

extension Float: RankedValue {
    package static var zeroKey: UInt32 { 1 << 31 }

    @inlinable
    @inline(__always)
    package var rankKey: UInt32 {
        // Negative values have the larger bits the smaller they are: all bits turn over. Positive
        // ones go above them.
        let sign = UInt32(bitPattern: Int32(bitPattern: bitPattern) >> 31)
        return bitPattern ^ (sign | 1 << 31)
    }

    @inlinable
    @inline(__always)
    package init(rankKey: UInt32) {
        let sign = UInt32(bitPattern: ~Int32(bitPattern: rankKey) >> 31)
        self.init(bitPattern: rankKey ^ (sign | 1 << 31))
    }
}

extension Double: RankedValue {
    package static var zeroKey: UInt64 { 1 << 63 }

    @inlinable
    @inline(__always)
    package var rankKey: UInt64 {
        let sign = UInt64(bitPattern: Int64(bitPattern: bitPattern) >> 63)
        return bitPattern ^ (sign | 1 << 63)
    }

    @inlinable
    @inline(__always)
    package init(rankKey: UInt64) {
        let sign = UInt64(bitPattern: ~Int64(bitPattern: rankKey) >> 63)
        self.init(bitPattern: rankKey ^ (sign | 1 << 63))
    }
}
