package import HDF5

/// A type in which a pass delivers expression values.
package protocol StreamedValue: MatrixElement, BinaryFloatingPoint, CustomStringConvertible
where Sum == Self {
    /// The stored types that are delivered so.
    static var valueType: ValueType { get }
}

/// The precision in which a matrix of expression values is delivered.
package enum ValueType: String, Equatable, Sendable {
    /// As `Float`: stored with half or single precision.
    case float32
    /// As `Double`: stored with double precision.
    case float64
}

extension StreamedValue {
    package var sum: Self { self }

    package init?(sum: Self) {
        guard sum.isFinite else { return nil }
        self = sum
    }

    package static func refusal(
        _ place: MatrixPlace,
        _ source: UnsafeRawPointer,
        _ number: HDF5Number
    ) -> AnnDataError {
        refusal(place, CountConversion.problem(source, number).value)
    }

    package static func refusal(_ place: MatrixPlace, sum: Self) -> AnnDataError {
        refusal(place, "duplicates that sum to \(sum)")
    }

    private static func refusal(_ place: MatrixPlace, _ value: String) -> AnnDataError {
        .notFinite(
            path: place.path,
            element: place.element,
            cell: place.cell,
            gene: place.gene,
            value: value
        )
    }

    /// Copies numbers that are stored as they are delivered.
    @inline(__always)
    fileprivate static func copy(
        _ source: UnsafeRawPointer,
        _ count: Int,
        _ target: UnsafeMutablePointer<Self>
    ) -> Int {
        UnsafeMutableRawPointer(target)
            .copyMemory(from: source, byteCount: count * MemoryLayout<Self>.size)
        return firstNotFinite(target, count)
    }

    /// Position of the first number that is infinite or none, or `count`.
    @inline(__always)
    fileprivate static func firstNotFinite(
        _ values: UnsafeMutablePointer<Self>,
        _ count: Int
    ) -> Int {
        var refused: UInt32 = 0
        for index in 0..<count { refused |= values[index].magnitude < .infinity ? 0 : 1 }
        guard refused != 0 else { return count }
        return UnsafeBufferPointer(start: values, count: count).firstIndex { !$0.isFinite }
            ?? count
    }
}

extension Float: StreamedValue {
    package static var valueType: ValueType { .float32 }

    package static var wordCount: Int { 1 }

    package static func convert(
        _ source: UnsafeRawPointer,
        _ number: HDF5Number,
        _ count: Int,
        _ target: UnsafeMutablePointer<Float>
    ) -> Int {
        if number == .float32 { return copy(source, count, target) }
        precondition(number == .float16, "\(number) is not delivered as float32")
        for index in 0..<count {
            let bits = source.loadUnaligned(fromByteOffset: index * 2, as: UInt16.self)
            target[index] = Float(Double(halfPrecision: bits))
        }
        return firstNotFinite(target, count)
    }

    package func write(to words: UnsafeMutablePointer<UInt32>) { words[0] = bitPattern }

    package init(words: UnsafePointer<UInt32>) { self.init(bitPattern: words[0]) }
}

extension Double: StreamedValue {
    package static var valueType: ValueType { .float64 }

    package static var wordCount: Int { 2 }

    package static func convert(
        _ source: UnsafeRawPointer,
        _ number: HDF5Number,
        _ count: Int,
        _ target: UnsafeMutablePointer<Double>
    ) -> Int {
        precondition(number == .float64, "\(number) is not delivered as float64")
        return copy(source, count, target)
    }

    package func write(to words: UnsafeMutablePointer<UInt32>) {
        words[0] = UInt32(truncatingIfNeeded: bitPattern)
        words[1] = UInt32(truncatingIfNeeded: bitPattern >> 32)
    }

    package init(words: UnsafePointer<UInt32>) {
        self.init(bitPattern: UInt64(words[0]) | UInt64(words[1]) << 32)
    }
}
