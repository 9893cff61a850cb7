/// Undoes the shuffle filter, which puts bytes of equal significance together.
enum Shuffle {
    /// Puts the bytes of each element of `width` bytes together again.
    ///
    /// Bytes after the last whole element are copied as they are.
    static func undo(
        _ source: UnsafeRawBufferPointer,
        width: Int,
        into target: UnsafeMutableRawBufferPointer
    ) {
        precondition(target.count >= source.count, "target too small")
        guard let from = source.baseAddress, let to = target.baseAddress else { return }
        let count = width > 0 ? source.count / width : 0
        switch width {
        case 0, 1:
            to.copyMemory(from: from, byteCount: source.count)
            return
        case 4: undo4(from, count, to)
        case 8: undo8(from, count, to)
        default:
            for byte in 0..<width {
                for element in 0..<count {
                    to.storeBytes(
                        of: from.load(fromByteOffset: byte * count + element, as: UInt8.self),
                        toByteOffset: element * width + byte,
                        as: UInt8.self
                    )
                }
            }
        }
        let done = count * width
        (to + done).copyMemory(from: from + done, byteCount: source.count - done)
    }

    private static func lane(
        _ from: UnsafeRawPointer,
        _ offset: Int
    ) -> SIMD16<UInt32> {
        SIMD16<UInt32>(
            truncatingIfNeeded: from.loadUnaligned(fromByteOffset: offset, as: SIMD16<UInt8>.self)
        )
    }

    private static func undo4(
        _ from: UnsafeRawPointer,
        _ count: Int,
        _ to: UnsafeMutableRawPointer
    ) {
        var element = 0
        while element + 16 <= count {
            let value =
                lane(from, element)
                | (lane(from, element + count) &<< 8)
                | (lane(from, element + 2 * count) &<< 16)
                | (lane(from, element + 3 * count) &<< 24)
            to.storeBytes(of: value, toByteOffset: element * 4, as: SIMD16<UInt32>.self)
            element += 16
        }
        while element < count {
            var value: UInt32 = 0
            for byte in 0..<4 {
                let part = from.load(fromByteOffset: byte * count + element, as: UInt8.self)
                value |= UInt32(part) &<< UInt32(byte * 8)
            }
            to.storeBytes(of: value, toByteOffset: element * 4, as: UInt32.self)
            element += 1
        }
    }

    private static func undo8(
        _ from: UnsafeRawPointer,
        _ count: Int,
        _ to: UnsafeMutableRawPointer
    ) {
        for element in 0..<count {
            var value: UInt64 = 0
            for byte in 0..<8 {
                let part = from.load(fromByteOffset: byte * count + element, as: UInt8.self)
                value |= UInt64(part) &<< UInt64(byte * 8)
            }
            to.storeBytes(of: value, toByteOffset: element * 8, as: UInt64.self)
        }
    }
}
