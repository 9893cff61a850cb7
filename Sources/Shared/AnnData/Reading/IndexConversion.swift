internal import HDF5

/// Turns stored positions of genes or cells into 32-bit ones.
enum IndexConversion {
    /// Converts `count` integers at `source`, which need not be aligned.
    ///
    /// Returns the position of the first integer that is negative or not below `limit`, or `count`
    /// when there is none.
    static func convert(
        _ source: UnsafeRawPointer,
        _ number: HDF5Number,
        _ count: Int,
        below limit: UInt32,
        _ target: UnsafeMutablePointer<UInt32>
    ) -> Int {
        switch number {
        case .int32, .uint32:
            UnsafeMutableRawPointer(target).copyMemory(from: source, byteCount: count * 4)
        case .int64, .uint64:
            var high: UInt64 = 0
            for index in 0..<count {
                let value = source.loadUnaligned(fromByteOffset: index * 8, as: UInt64.self)
                high |= value
                target[index] = UInt32(truncatingIfNeeded: value)
            }
            if high >> 32 != 0 { return firstWide(source, count, below: limit) }
        case .int8: extend(source, Int8.self, count, target)
        case .uint8: extend(source, UInt8.self, count, target)
        case .int16: extend(source, Int16.self, count, target)
        case .uint16: extend(source, UInt16.self, count, target)
        case .float16, .float32, .float64:
            preconditionFailure("positions are integers; checked when the matrix was found")
        }
        // A negative number of at most 32 bits is above every limit after the conversion.
        return firstNotBelow(limit, target, count)
    }

    private static func firstWide(
        _ source: UnsafeRawPointer,
        _ count: Int,
        below limit: UInt32
    ) -> Int {
        for index in 0..<count {
            let value = source.loadUnaligned(fromByteOffset: index * 8, as: UInt64.self)
            if value >= UInt64(limit) { return index }
        }
        return count
    }

    @inline(__always)
    private static func extend<T: FixedWidthInteger & BitwiseCopyable>(
        _ source: UnsafeRawPointer,
        _: T.Type,
        _ count: Int,
        _ target: UnsafeMutablePointer<UInt32>
    ) {
        for index in 0..<count {
            let offset = index * MemoryLayout<T>.size
            let value = source.loadUnaligned(fromByteOffset: offset, as: T.self)
            target[index] = UInt32(truncatingIfNeeded: value)
        }
    }

    private static func firstNotBelow(
        _ limit: UInt32,
        _ values: UnsafeMutablePointer<UInt32>,
        _ count: Int
    ) -> Int {
        let raw = UnsafeRawPointer(values)
        let limits = SIMD8<UInt32>(repeating: limit)
        var index = 0
        while index + 8 <= count {
            let block = raw.loadUnaligned(fromByteOffset: index * 4, as: SIMD8<UInt32>.self)
            if any(block .>= limits) { break }
            index += 8
        }
        while index < count, values[index] < limit { index += 1 }
        return index
    }

    /// The integer at `source` as text.
    static func text(_ source: UnsafeRawPointer, _ number: HDF5Number) -> String {
        switch number {
        case .int8: String(source.loadUnaligned(as: Int8.self))
        case .int16: String(source.loadUnaligned(as: Int16.self))
        case .int32: String(source.loadUnaligned(as: Int32.self))
        case .int64: String(source.loadUnaligned(as: Int64.self))
        case .uint8: String(source.loadUnaligned(as: UInt8.self))
        case .uint16: String(source.loadUnaligned(as: UInt16.self))
        case .uint32: String(source.loadUnaligned(as: UInt32.self))
        case .uint64: String(source.loadUnaligned(as: UInt64.self))
        case .float16, .float32, .float64: "a floating-point number"
        }
    }
}
