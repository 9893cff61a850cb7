/// Sorting of unsigned integers, ascending.
package enum KeySort {
    /// Sorts keys: up to 15 ns each, whatever their order.
    ///
    /// - Parameters:
    ///   - keys: What is sorted.
    ///   - scratch: Room for as many keys; its content afterwards is of no use.
    @specialized(where Key == UInt32)
    @specialized(where Key == UInt64)
    package static func sort<Key: RankKey>(
        _ keys: UnsafeMutableBufferPointer<Key>,
        scratch: UnsafeMutableBufferPointer<Key>
    ) {
        guard keys.count > 1, let base = keys.baseAddress else { return }
        precondition(scratch.count >= keys.count)
        guard let room = scratch.baseAddress else { return }
        if keys.count < 512 / MemoryLayout<Key>.size {
            rankSort(base, keys.count, room)
        } else {
            digitSort(base, keys.count, room)
        }
    }

    /// Counts for each key how many are below it.
    ///
    /// Quadratic but without branches, which for a hundred keys is faster than being clever.
    @inline(__always)
    private static func rankSort<Key: RankKey>(
        _ keys: UnsafeMutablePointer<Key>,
        _ count: Int,
        _ scratch: UnsafeMutablePointer<Key>
    ) {
        withUnsafeTemporaryAllocation(of: Key.self, capacity: count) { room in
            guard let placed = room.baseAddress else { return }
            // How many equal keys have been placed, by the place of the first of them.
            placed.initialize(repeating: 0, count: count)
            for index in 0..<count {
                let key = keys[index]
                var below: Key = 0
                for other in 0..<count { below &+= oneIfLess(keys[other], key) }
                let place = Int(truncatingIfNeeded: below)
                scratch[place &+ Int(truncatingIfNeeded: placed[place])] = key
                placed[place] &+= 1
            }
        }
        keys.update(from: scratch, count: count)
    }

    /// 1 if `left` is below `right`, otherwise 0, by arithmetic: a loop of comparisons is compiled to
    /// branches, this one to vectors.
    @inline(__always)
    private static func oneIfLess<Key: RankKey>(_ left: Key, _ right: Key) -> Key {
        if Key.bitWidth < 64 {
            let difference = UInt64(truncatingIfNeeded: left) &- UInt64(truncatingIfNeeded: right)
            return Key(truncatingIfNeeded: difference &>> 63)
        }
        let borrow = (~left & right) | (~(left ^ right) & (left &- right))
        return borrow &>> 63
    }

    /// Distributes by one byte after the other, the lowest first; bytes that all share are skipped.
    @inline(__always)
    private static func digitSort<Key: RankKey>(
        _ keys: UnsafeMutablePointer<Key>,
        _ count: Int,
        _ scratch: UnsafeMutablePointer<Key>
    ) {
        let digits = MemoryLayout<Key>.size
        withUnsafeTemporaryAllocation(of: UInt32.self, capacity: 256 * digits) { room in
            guard let places = room.baseAddress else { return }
            places.initialize(repeating: 0, count: 256 * digits)
            for index in 0..<count {
                let key = keys[index]
                for digit in 0..<digits { places[256 &* digit &+ byte(key, digit)] &+= 1 }
            }
            var (source, target) = (keys, scratch)
            for digit in 0..<digits {
                if places[256 * digit + byte(keys[0], digit)] == count { continue }
                let next = places + 256 * digit
                var sum: UInt32 = 0
                for bucket in 0..<256 {
                    let size = next[bucket]
                    next[bucket] = sum
                    sum &+= size
                }
                for index in 0..<count {
                    let key = source[index]
                    let bucket = byte(key, digit)
                    target[Int(next[bucket])] = key
                    next[bucket] &+= 1
                }
                swap(&source, &target)
            }
            if source != keys { keys.update(from: source, count: count) }
        }
    }

    @inline(__always)
    private static func byte<Key: RankKey>(_ key: Key, _ digit: Int) -> Int {
        Int(truncatingIfNeeded: (key &>> Key(truncatingIfNeeded: 8 * digit)) & 0xFF)
    }
}
