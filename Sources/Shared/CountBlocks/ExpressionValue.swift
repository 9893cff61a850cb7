/// A floating-point type of expression values that blocks can hold.
package protocol ExpressionValue: BinaryFloatingPoint, BitwiseCopyable, Sendable {
    /// Kind of the segments that hold such values.
    static var segmentKind: SegmentHeader.Kind { get }

    /// The bits of the value; zeros above them.
    var wideBits: UInt64 { get }

    /// The value with these bits.
    init(wideBits: UInt64)

    /// The buffer of such values of a decoded segment.
    static func values(of segment: DecodedSegment) -> [Self]
}

extension Float: ExpressionValue {
    package static var segmentKind: SegmentHeader.Kind { .float32Values }

    package var wideBits: UInt64 { UInt64(bitPattern) }

    package init(wideBits: UInt64) {
        self.init(bitPattern: UInt32(truncatingIfNeeded: wideBits))
    }

    package static func values(of segment: DecodedSegment) -> [Float] { segment.floatValues }
}

extension Double: ExpressionValue {
    package static var segmentKind: SegmentHeader.Kind { .float64Values }

    package var wideBits: UInt64 { bitPattern }

    package init(wideBits: UInt64) {
        self.init(bitPattern: wideBits)
    }

    package static func values(of segment: DecodedSegment) -> [Double] { segment.doubleValues }
}

extension ExpressionValue {
    /// Bytes of a stored value.
    static var byteCount: Int { MemoryLayout<Self>.size }

    /// The bit of the sign in ``wideBits``.
    static var signBit: UInt64 { 1 << UInt64(8 * byteCount - 1) }

    /// Whether a segment may hold the value: finite and not zero.
    @inline(__always)
    var isStorable: Bool { magnitude > 0 && magnitude < .infinity }

    /// An integer that has the order of the values.
    @inline(__always)
    var orderedBits: UInt64 {
        let bits = wideBits
        // Negative values have the larger bits the smaller they are.
        return bits & Self.signBit == 0 ? bits | Self.signBit : bits ^ (2 &* Self.signBit &- 1)
    }

    /// The value with this ``orderedBits``.
    @inline(__always)
    init(orderedBits bits: UInt64) {
        let isPositive = bits & Self.signBit != 0
        self.init(wideBits: isPositive ? bits ^ Self.signBit : bits ^ (2 &* Self.signBit &- 1))
    }

    /// Whether a segment may hold all of the values.
    static func areStorable(_ values: UnsafePointer<Self>, _ count: Int) -> Bool {
        var refused: UInt32 = 0
        for i in 0..<count {
            // Without branches, so that the loop is done on several values at once. NaN is not
            // above zero.
            let magnitude = values[i].magnitude
            refused |= (magnitude > 0 ? 0 : 1) | (magnitude < .infinity ? 0 : 1)
        }
        return refused == 0
    }

    /// What is wrong with values that come from a peer; nil when nothing is.
    static func damage(of values: UnsafePointer<Self>, _ count: Int) -> CellDamage? {
        if areStorable(values, count) { return nil }
        let refused = UnsafeBufferPointer(start: values, count: count).first { !$0.isStorable }
        return refused.map { .valueNotAllowed(Double($0)) }
    }
}
