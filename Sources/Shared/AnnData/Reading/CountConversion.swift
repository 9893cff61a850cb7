internal import HDF5

/// Turns stored numbers into counts.
///
/// A count is an integer from 0 to 4,294,967,295. Floating-point values may miss the integer by
/// 1e-6 of their size, and by 0.01 at most, which is what rounding in earlier steps explains.
enum CountConversion {
    /// Converts `count` numbers at `source`, which need not be aligned.
    ///
    /// Returns the position of the first number that is no count, or `count` when all are; what
    /// `target` holds from that position on is undefined.
    static func convert(
        _ source: UnsafeRawPointer,
        _ number: HDF5Number,
        _ count: Int,
        _ target: UnsafeMutablePointer<UInt32>
    ) -> Int {
        switch number {
        case .float32: floats(source, count, target)
        case .float64: doubles(source, count, target)
        case .float16: halves(source, count, target)
        case .int32: signed32(source, count, target)
        case .uint32: unsigned32(source, count, target)
        case .int64: wide(source, count, target)
        case .uint64: wide(source, count, target)
        case .int8: small(source, Int8.self, count, target)
        case .uint8: small(source, UInt8.self, count, target)
        case .int16: small(source, Int16.self, count, target)
        case .uint16: small(source, UInt16.self, count, target)
        }
    }

    /// The count that a floating-point value stands for; nil when it stands for none.
    static func count(of value: Double) -> UInt32? {
        let nearest = value.rounded()
        guard nearest >= 0, nearest <= 4_294_967_295 else { return nil }
        guard value != nearest else { return UInt32(nearest) }
        let distance = (value - nearest).magnitude
        guard distance <= 1e-6 * value.magnitude, distance <= 0.01 else { return nil }
        return UInt32(nearest)
    }

    private static func floats(
        _ source: UnsafeRawPointer,
        _ count: Int,
        _ target: UnsafeMutablePointer<UInt32>
    ) -> Int {
        // Adding 2^23 leaves the integer in the low bits of a float below that.
        let shift = SIMD16<Float>(repeating: 8_388_608)
        let low = SIMD16<UInt32>(repeating: 0x7F_FFFF)
        let zero = SIMD16<Float>(repeating: 0)
        let output = UnsafeMutableRawPointer(target)
        var index = 0
        while index + 16 <= count {
            let value = source.loadUnaligned(fromByteOffset: index * 4, as: SIMD16<Float>.self)
            let shifted = value + shift
            let exact = (shifted - shift) .== value
            let inRange = (value .>= zero) .& (value .< shift)
            if all(exact .& inRange) {
                let bits = unsafeBitCast(shifted, to: SIMD16<UInt32>.self) & low
                output.storeBytes(of: bits, toByteOffset: index * 4, as: SIMD16<UInt32>.self)
                index += 16
            } else {
                let end = index + 16
                while index < end {
                    guard let value = scalar(source, Float.self, index) else { return index }
                    target[index] = value
                    index += 1
                }
            }
        }
        while index < count {
            guard let value = scalar(source, Float.self, index) else { return index }
            target[index] = value
            index += 1
        }
        return count
    }

    private static func doubles(
        _ source: UnsafeRawPointer,
        _ count: Int,
        _ target: UnsafeMutablePointer<UInt32>
    ) -> Int {
        let shift = SIMD8<Double>(repeating: 4_503_599_627_370_496)
        let limit = SIMD8<Double>(repeating: 4_294_967_296)
        let zero = SIMD8<Double>(repeating: 0)
        let output = UnsafeMutableRawPointer(target)
        var index = 0
        while index + 8 <= count {
            let value = source.loadUnaligned(fromByteOffset: index * 8, as: SIMD8<Double>.self)
            let shifted = value + shift
            let exact = (shifted - shift) .== value
            if all(exact .& (value .>= zero) .& (value .< limit)) {
                let bits = unsafeBitCast(shifted, to: SIMD8<UInt64>.self)
                let counts = SIMD8<UInt32>(truncatingIfNeeded: bits)
                output.storeBytes(of: counts, toByteOffset: index * 4, as: SIMD8<UInt32>.self)
                index += 8
            } else {
                let end = index + 8
                while index < end {
                    guard let value = scalar(source, Double.self, index) else { return index }
                    target[index] = value
                    index += 1
                }
            }
        }
        while index < count {
            guard let value = scalar(source, Double.self, index) else { return index }
            target[index] = value
            index += 1
        }
        return count
    }

    @inline(__always)
    private static func scalar<T: BinaryFloatingPoint & BitwiseCopyable>(
        _ source: UnsafeRawPointer,
        _: T.Type,
        _ index: Int
    ) -> UInt32? {
        let offset = index * MemoryLayout<T>.size
        return self.count(of: Double(source.loadUnaligned(fromByteOffset: offset, as: T.self)))
    }

    private static func halves(
        _ source: UnsafeRawPointer,
        _ count: Int,
        _ target: UnsafeMutablePointer<UInt32>
    ) -> Int {
        for index in 0..<count {
            let bits = source.loadUnaligned(fromByteOffset: index * 2, as: UInt16.self)
            guard let value = self.count(of: Double(halfPrecision: bits)) else { return index }
            target[index] = value
        }
        return count
    }

    private static func signed32(
        _ source: UnsafeRawPointer,
        _ count: Int,
        _ target: UnsafeMutablePointer<UInt32>
    ) -> Int {
        _ = unsigned32(source, count, target)
        var signs: UInt32 = 0
        for index in 0..<count { signs |= target[index] }
        guard signs >> 31 != 0 else { return count }
        return UnsafeBufferPointer(start: target, count: count).firstIndex { $0 >> 31 != 0 }
            ?? count
    }

    private static func unsigned32(
        _ source: UnsafeRawPointer,
        _ count: Int,
        _ target: UnsafeMutablePointer<UInt32>
    ) -> Int {
        UnsafeMutableRawPointer(target).copyMemory(from: source, byteCount: count * 4)
        return count
    }

    /// Signed numbers need no check of their own: a negative one has high bits.
    private static func wide(
        _ source: UnsafeRawPointer,
        _ count: Int,
        _ target: UnsafeMutablePointer<UInt32>
    ) -> Int {
        var high: UInt64 = 0
        for index in 0..<count {
            let value = source.loadUnaligned(fromByteOffset: index * 8, as: UInt64.self)
            high |= value
            target[index] = UInt32(truncatingIfNeeded: value)
        }
        guard high >> 32 != 0 else { return count }
        for index in 0..<count {
            let value = source.loadUnaligned(fromByteOffset: index * 8, as: UInt64.self)
            if value >> 32 != 0 { return index }
        }
        return count
    }

    @inline(__always)
    private static func small<T: FixedWidthInteger & BitwiseCopyable>(
        _ source: UnsafeRawPointer,
        _: T.Type,
        _ count: Int,
        _ target: UnsafeMutablePointer<UInt32>
    ) -> Int {
        var signs: UInt32 = 0
        for index in 0..<count {
            let offset = index * MemoryLayout<T>.size
            let value = source.loadUnaligned(fromByteOffset: offset, as: T.self)
            let extended = UInt32(truncatingIfNeeded: value)
            signs |= extended
            target[index] = extended
        }
        guard T.isSigned, signs >> 31 != 0 else { return count }
        return UnsafeBufferPointer(start: target, count: count).firstIndex { $0 >> 31 != 0 }
            ?? count
    }

    /// What is wrong with the number at `source`, and its text.
    static func problem(
        _ source: UnsafeRawPointer,
        _ number: HDF5Number
    ) -> (value: String, problem: AnnDataError.CountProblem) {
        switch number {
        case .int8: return integer(source.loadUnaligned(as: Int8.self))
        case .int16: return integer(source.loadUnaligned(as: Int16.self))
        case .int32: return integer(source.loadUnaligned(as: Int32.self))
        case .int64: return integer(source.loadUnaligned(as: Int64.self))
        case .uint8: return integer(source.loadUnaligned(as: UInt8.self))
        case .uint16: return integer(source.loadUnaligned(as: UInt16.self))
        case .uint32: return integer(source.loadUnaligned(as: UInt32.self))
        case .uint64: return integer(source.loadUnaligned(as: UInt64.self))
        case .float16:
            let value = Double(halfPrecision: source.loadUnaligned(as: UInt16.self))
            return (Float(value).description, problem(value))
        case .float32:
            let value = source.loadUnaligned(as: Float.self)
            return (value.description, problem(Double(value)))
        case .float64:
            let value = source.loadUnaligned(as: Double.self)
            return (value.description, problem(value))
        }
    }

    private static func integer<T: FixedWidthInteger>(
        _ value: T
    ) -> (value: String, problem: AnnDataError.CountProblem) {
        (String(value), value < 0 ? .negative : .tooLarge)
    }

    private static func problem(_ value: Double) -> AnnDataError.CountProblem {
        if !value.isFinite { return .notFinite }
        if value < 0 { return .negative }
        return value.rounded() > 4_294_967_295 ? .tooLarge : .notInteger
    }
}

extension Double {
    /// The value of an IEEE 754 half-precision number.
    init(halfPrecision bits: UInt16) {
        let exponent = Int(bits >> 10) & 31
        let fraction = Double(bits & 1023)
        let magnitude =
            switch exponent {
            case 0: fraction * 0x1p-24
            case 31: fraction == 0 ? Double.infinity : Double.nan
            default:
                (1024 + fraction) * Double(sign: .plus, exponent: exponent - 25, significand: 1)
            }
        self = bits >> 15 == 0 ? magnitude : -magnitude
    }
}
