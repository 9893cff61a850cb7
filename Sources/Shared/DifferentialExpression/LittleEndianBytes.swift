extension [UInt8] {
    /// Appends an integer, least significant byte first.
    package mutating func append<Value: FixedWidthInteger>(littleEndian value: Value) {
        Swift.withUnsafeBytes(of: value.littleEndian) { append(contentsOf: $0) }
    }

    /// Appends doubles as their bit patterns, little-endian.
    package mutating func append(littleEndian values: [Double]) {
        // x86-64 and arm64 are little-endian: the memory is the encoding.
        values.withUnsafeBytes { append(contentsOf: $0) }
    }

    /// Appends singles as their bit patterns, little-endian.
    package mutating func append(littleEndian values: [Float]) {
        values.withUnsafeBytes { append(contentsOf: $0) }
    }
}

/// Reads little-endian values one after the other from bytes whose length was checked before.
package struct LittleEndianReader {
    private let bytes: [UInt8]
    private var offset = 0

    /// Starts at the first byte.
    package init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// The next integer.
    package mutating func next<Value: FixedWidthInteger>(_ type: Value.Type) -> Value {
        precondition(offset + MemoryLayout<Value>.size <= bytes.count)
        defer { offset += MemoryLayout<Value>.size }
        return bytes.withUnsafeBytes {
            Value(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: Value.self))
        }
    }

    /// The next `count` doubles.
    package mutating func doubles(_ count: Int) -> [Double] {
        (0..<count).map { _ in Double(bitPattern: next(UInt64.self)) }
    }
}
