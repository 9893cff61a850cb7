extension UInt32: RankKey {
    package static func lowerBounds(
        of keys: UnsafePointer<UInt32>,
        _ keyCount: Int,
        among sorted: UnsafePointer<UInt32>,
        _ count: Int,
        into bounds: UnsafeMutablePointer<UInt32>
    ) {
        FourSearches.run(of: keys, keyCount, among: sorted, count, into: bounds)
    }
}

extension UInt64: RankKey {
    package static func lowerBounds(
        of keys: UnsafePointer<UInt64>,
        _ keyCount: Int,
        among sorted: UnsafePointer<UInt64>,
        _ count: Int,
        into bounds: UnsafeMutablePointer<UInt64>
    ) {
        FourSearches.run(of: keys, keyCount, among: sorted, count, into: bounds)
    }
}

/// Binary searches, four at a time.
///
/// They advance together and without branches, because which half a key lies in cannot be
/// foretold: about 1 ns a key and halving.
private enum FourSearches {
    @inline(__always)
    static func run<Key: FixedWidthInteger & SIMDScalar>(
        of keys: UnsafePointer<Key>,
        _ keyCount: Int,
        among sorted: UnsafePointer<Key>,
        _ count: Int,
        into bounds: UnsafeMutablePointer<Key>
    ) {
        let last = keyCount - 1
        for place in stride(from: 0, to: keyCount, by: 4) {
            // The last four take some keys again rather than none.
            let (second, third) = (min(place + 1, last), min(place + 2, last))
            let fourth = min(place + 3, last)
            let four = SIMD4(keys[place], keys[second], keys[third], keys[fourth])
            var start = SIMD4<Key>.zero
            var length = count
            while length > 1 {
                let half = length >> 1
                let isBelow = gather(sorted + (half - 1), start) .< four
                let step = SIMD4(repeating: Key(truncatingIfNeeded: half))
                start &+= SIMD4<Key>.zero.replacing(with: step, where: isBelow)
                length -= half
            }
            let isBelow = gather(sorted, start) .< four
            start &+= SIMD4<Key>.zero.replacing(with: SIMD4(repeating: 1), where: isBelow)
            bounds[place] = start[0]
            bounds[second] = start[1]
            bounds[third] = start[2]
            bounds[fourth] = start[3]
        }
    }

    @inline(__always)
    private static func gather<Key: FixedWidthInteger & SIMDScalar>(
        _ base: UnsafePointer<Key>,
        _ places: SIMD4<Key>
    ) -> SIMD4<Key> {
        SIMD4(
            base[Int(truncatingIfNeeded: places[0])],
            base[Int(truncatingIfNeeded: places[1])],
            base[Int(truncatingIfNeeded: places[2])],
            base[Int(truncatingIfNeeded: places[3])]
        )
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
