extension UInt32: RankKey {
    /// Four searches advance together and without branches, because which half a key lies in
    /// cannot be foretold: about 1 ns a key and halving.
    package static func lowerBounds(
        of keys: UnsafePointer<UInt32>,
        _ keyCount: Int,
        among sorted: UnsafePointer<UInt32>,
        _ count: Int,
        into bounds: UnsafeMutablePointer<UInt32>
    ) {
        let last = keyCount - 1
        for place in stride(from: 0, to: keyCount, by: 4) {
            // The last four take some keys again rather than none.
            let (second, third) = (Swift.min(place + 1, last), Swift.min(place + 2, last))
            let fourth = Swift.min(place + 3, last)
            let four = SIMD4(keys[place], keys[second], keys[third], keys[fourth])
            var start = SIMD4<UInt32>.zero
            var length = count
            while length > 1 {
                let half = length >> 1
                let isBelow = gather(sorted + (half - 1), start) .< four
                start &+= SIMD4(repeating: UInt32(truncatingIfNeeded: half)) & bits(isBelow)
                length -= half
            }
            start &-= bits(gather(sorted, start) .< four)
            bounds[place] = start[0]
            bounds[second] = start[1]
            bounds[third] = start[2]
            bounds[fourth] = start[3]
        }
    }

    @inline(__always)
    private static func gather(
        _ base: UnsafePointer<UInt32>,
        _ places: SIMD4<UInt32>
    ) -> SIMD4<UInt32> {
        SIMD4(
            base[Int(places[0])],
            base[Int(places[1])],
            base[Int(places[2])],
            base[Int(places[3])]
        )
    }

    /// All bits set where a mask is true.
    @inline(__always)
    private static func bits(_ mask: SIMDMask<SIMD4<Int32>>) -> SIMD4<UInt32> {
        unsafeBitCast(mask, to: SIMD4<UInt32>.self)
    }
}

extension UInt64: RankKey {
    /// As for 32 bits.
    package static func lowerBounds(
        of keys: UnsafePointer<UInt64>,
        _ keyCount: Int,
        among sorted: UnsafePointer<UInt64>,
        _ count: Int,
        into bounds: UnsafeMutablePointer<UInt64>
    ) {
        let last = keyCount - 1
        for place in stride(from: 0, to: keyCount, by: 4) {
            // The last four take some keys again rather than none.
            let (second, third) = (Swift.min(place + 1, last), Swift.min(place + 2, last))
            let fourth = Swift.min(place + 3, last)
            let four = SIMD4(keys[place], keys[second], keys[third], keys[fourth])
            var start = SIMD4<UInt64>.zero
            var length = count
            while length > 1 {
                let half = length >> 1
                let isBelow = gather(sorted + (half - 1), start) .< four
                start &+= SIMD4(repeating: UInt64(truncatingIfNeeded: half)) & bits(isBelow)
                length -= half
            }
            start &-= bits(gather(sorted, start) .< four)
            bounds[place] = start[0]
            bounds[second] = start[1]
            bounds[third] = start[2]
            bounds[fourth] = start[3]
        }
    }

    @inline(__always)
    private static func gather(
        _ base: UnsafePointer<UInt64>,
        _ places: SIMD4<UInt64>
    ) -> SIMD4<UInt64> {
        SIMD4(
            base[Int(truncatingIfNeeded: places[0])],
            base[Int(truncatingIfNeeded: places[1])],
            base[Int(truncatingIfNeeded: places[2])],
            base[Int(truncatingIfNeeded: places[3])]
        )
    }

    /// All bits set where a mask is true.
    @inline(__always)
    private static func bits(_ mask: SIMDMask<SIMD4<Int64>>) -> SIMD4<UInt64> {
        unsafeBitCast(mask, to: SIMD4<UInt64>.self)
    }
}

/// Runs in sorted keys.
enum KeyRun {
    /// How many keys from the first on equal `key`, which the first does.
    @inline(__always)
    static func length<Key: RankKey>(
        _ keys: UnsafePointer<Key>,
        _ count: Int,
        _ key: Key
    ) -> Int {
        var reach = 1
        while reach < count, keys[reach] == key { reach *= 2 }
        // The run ends after reach / 2 and at or before reach.
        var start = reach / 2
        var length = min(reach, count) - start
        while length > 0 {
            let half = length / 2
            if keys[start + half] == key {
                start += half + 1
                length -= half + 1
            } else {
                length = half
            }
        }
        return start
    }
}
