/// Sorting of unsigned integers, ascending.
package enum KeySort {
    /// Sorts keys.
    ///
    /// Insertion for a few, merging for some, by digits for many: 5 to 15 ns a key.
    ///
    /// - Parameters:
    ///   - keys: What is sorted.
    ///   - scratch: Room for as many keys; its content afterwards is of no use.
    @specialized(where Key == UInt32)
    @specialized(where Key == UInt64)
    package static func sort<Key: FixedWidthInteger & UnsignedInteger & BitwiseCopyable>(
        _ keys: UnsafeMutableBufferPointer<Key>,
        scratch: UnsafeMutableBufferPointer<Key>
    ) {
        guard keys.count > 1, let base = keys.baseAddress else { return }
        if keys.count <= runLength {
            insertionSort(base, keys.count)
            return
        }
        precondition(scratch.count >= keys.count)
        guard let room = scratch.baseAddress else { return }
        if keys.count < 32 * MemoryLayout<Key>.size {
            mergeSort(base, keys.count, room)
        } else {
            digitSort(base, keys.count, room)
        }
    }

    private static let runLength = 20

    @inline(__always)
    private static func insertionSort<Key: FixedWidthInteger>(
        _ keys: UnsafeMutablePointer<Key>,
        _ count: Int
    ) {
        for end in 1..<max(count, 1) {
            let key = keys[end]
            var place = end
            while place > 0, keys[place - 1] > key {
                keys[place] = keys[place - 1]
                place -= 1
            }
            keys[place] = key
        }
    }

    /// Sorts short runs by insertion, then merges runs of doubling length back and forth.
    @inline(__always)
    private static func mergeSort<Key: FixedWidthInteger>(
        _ keys: UnsafeMutablePointer<Key>,
        _ count: Int,
        _ scratch: UnsafeMutablePointer<Key>
    ) {
        for start in stride(from: 0, to: count, by: runLength) {
            insertionSort(keys + start, min(runLength, count - start))
        }
        var (source, target) = (keys, scratch)
        var length = runLength
        while length < count {
            for start in stride(from: 0, to: count, by: 2 * length) {
                merge(
                    source,
                    start,
                    min(start + length, count),
                    min(start + 2 * length, count),
                    target
                )
            }
            swap(&source, &target)
            length *= 2
        }
        if source != keys { keys.update(from: source, count: count) }
    }

    @inline(__always)
    private static func merge<Key: FixedWidthInteger>(
        _ source: UnsafeMutablePointer<Key>,
        _ start: Int,
        _ middle: Int,
        _ end: Int,
        _ target: UnsafeMutablePointer<Key>
    ) {
        var (left, right, place) = (start, middle, start)
        while left < middle, right < end {
            let (one, other) = (source[left], source[right])
            // Without branches: which of two random keys is smaller cannot be foretold.
            let takesRight = other < one ? 1 : 0
            target[place] = takesRight == 1 ? other : one
            right += takesRight
            left += 1 - takesRight
            place += 1
        }
        while left < middle {
            target[place] = source[left]
            left += 1
            place += 1
        }
        while right < end {
            target[place] = source[right]
            right += 1
            place += 1
        }
    }

    /// Distributes by one byte after the other, the lowest first; bytes that all share are skipped.
    @inline(__always)
    private static func digitSort<Key: FixedWidthInteger>(
        _ keys: UnsafeMutablePointer<Key>,
        _ count: Int,
        _ scratch: UnsafeMutablePointer<Key>
    ) {
        let digits = MemoryLayout<Key>.size
        withUnsafeTemporaryAllocation(of: Int.self, capacity: 256 * digits) { places in
            places.initialize(repeating: 0)
            for index in 0..<count {
                let key = keys[index]
                for digit in 0..<digits { places[256 * digit + byte(key, digit)] += 1 }
            }
            var (source, target) = (keys, scratch)
            for digit in 0..<digits {
                if places[256 * digit + byte(keys[0], digit)] == count { continue }
                var next = 0
                for bucket in 256 * digit..<256 * (digit + 1) {
                    let size = places[bucket]
                    places[bucket] = next
                    next += size
                }
                for index in 0..<count {
                    let key = source[index]
                    let bucket = 256 * digit + byte(key, digit)
                    target[places[bucket]] = key
                    places[bucket] += 1
                }
                swap(&source, &target)
            }
            if source != keys { keys.update(from: source, count: count) }
        }
    }

    @inline(__always)
    private static func byte<Key: FixedWidthInteger>(_ key: Key, _ digit: Int) -> Int {
        Int(truncatingIfNeeded: (key &>> Key(truncatingIfNeeded: 8 * digit)) & 0xFF)
    }
}
