/// How the values of one gene in a perturbation rank among those of the control, in whole numbers.
///
/// Whole numbers make the order of additions, and the way of counting, without influence.
package struct RankCounts: Equatable, Sendable {
    /// 2 U: over all pairs of a perturbed and a control cell, 2 where the perturbed cell has the
    /// larger value and 1 where both have the same.
    package var doubledU: Int
    /// Σ (t³ - t) over the groups of t equal values in both groups of cells together.
    package var tieSum: UInt128

    /// States the counts.
    package init(doubledU: Int, tieSum: UInt128) {
        self.doubledU = doubledU
        self.tieSum = tieSum
    }
}

extension RankCounts {
    /// The nonzero values of one gene in the control, prepared for any number of perturbations.
    package struct Control<Key: RankKey> {
        /// Keys of the nonzero values, ascending.
        package let keys: UnsafeBufferPointer<Key>
        /// How many of them belong to negative values.
        package let negatives: Int
        /// Control cells in which the gene is zero.
        package let zeros: Int
        /// ``RankCounts/tieSum(ofSorted:)`` of the keys.
        package let tieSum: UInt128

        /// Gathers what is known of the control.
        package init(
            keys: UnsafeBufferPointer<Key>,
            negatives: Int,
            zeros: Int,
            tieSum: UInt128
        ) {
            self.keys = keys
            self.negatives = negatives
            self.zeros = zeros
            self.tieSum = tieSum
        }
    }

    /// How the perturbed cells are compared with the control's; the numbers are the same.
    package enum Search: Sendable, CaseIterable {
        /// A binary search for each distinct value: good when the control is much larger.
        case bisection
        /// One walk along both.
        case merge
    }

    /// Counts for one perturbation.
    ///
    /// - Parameters:
    ///   - control: The control's values.
    ///   - sorted: Keys of the perturbation's nonzero values, ascending.
    ///   - zeros: Cells of the perturbation in which the gene is zero.
    ///   - zeroKey: The key of zero.
    ///   - scratch: Room for as many keys as `sorted`.
    ///   - search: How to count; nil chooses by the sizes.
    @specialized(where Key == UInt32)
    @specialized(where Key == UInt64)
    package init<Key: RankKey>(
        control: Control<Key>,
        sorted: UnsafeBufferPointer<Key>,
        zeros: Int,
        zeroKey: Key,
        scratch: UnsafeMutableBufferPointer<Key>,
        search: Search? = nil
    ) {
        self.init(
            doubledU: zeros * (2 * control.negatives + control.zeros),
            tieSum: control.tieSum + Self.tieTerm(control.zeros + zeros)
        )
        guard let keys = sorted.baseAddress else { return }
        let count = control.keys.count
        guard let among = control.keys.baseAddress, count > 0 else {
            add(keys, sorted.count, control.zeros, zeroKey) { _, _ in (0, 0) }
            return
        }
        switch search ?? Self.search(control: count, perturbed: sorted.count) {
        case .bisection:
            precondition(scratch.count >= sorted.count)
            guard let bounds = scratch.baseAddress else { return }
            Key.lowerBounds(of: keys, sorted.count, among: among, count, into: bounds)
            add(keys, sorted.count, control.zeros, zeroKey) { place, key in
                let below = Int(truncatingIfNeeded: bounds[place])
                guard below < count, among[below] == key else { return (below, 0) }
                return (below, KeyRun.length(among + below, count - below, key))
            }
        case .merge:
            var below = 0
            add(keys, sorted.count, control.zeros, zeroKey) { _, key in
                while below < count, among[below] < key { below += 1 }
                var end = below
                while end < count, among[end] == key { end += 1 }
                return (below, end - below)
            }
        }
    }

    /// Σ (t³ - t) over the groups of t equal keys.
    @specialized(where Key == UInt32)
    @specialized(where Key == UInt64)
    package static func tieSum<Key: RankKey>(
        ofSorted keys: UnsafeBufferPointer<Key>
    ) -> UInt128 {
        var sum: UInt128 = 0
        var start = 0
        for index in 1..<max(keys.count, 1) where keys[index] != keys[start] {
            if index - start > 1 { sum += tieTerm(index - start) }
            start = index
        }
        return sum + tieTerm(keys.count - start)
    }

    /// t³ - t.
    @inline(__always)
    static func tieTerm(_ count: Int) -> UInt128 {
        // Below 2²¹ the cube has less than 64 bits.
        if count < 1 << 21 { return UInt128(UInt64(count &* count &* count &- count)) }
        let wide = UInt128(count)
        return wide * wide * wide - wide
    }

    /// Bisection takes log2(control) steps a value, a walk one step a value of either group.
    private static func search(control: Int, perturbed: Int) -> Search {
        let steps = Int.bitWidth - control.leadingZeroBitCount
        return perturbed * steps < 2 * control ? .bisection : .merge
    }

    /// Adds the pairs and ties of all distinct values.
    ///
    /// `find` gives the number of control nonzeros below a key, and of those equal to it; it also
    /// gets the place of the key.
    @inline(__always)
    private mutating func add<Key: RankKey>(
        _ keys: UnsafePointer<Key>,
        _ count: Int,
        _ controlZeros: Int,
        _ zeroKey: Key,
        find: (Int, Key) -> (below: Int, equal: Int)
    ) {
        var pairs = 0
        var start = 0
        while start < count {
            let key = keys[start]
            var end = start + 1
            while end < count, keys[end] == key { end += 1 }
            let own = end - start
            let (below, equal) = find(start, key)
            pairs += own * (2 * (below + (key > zeroKey ? controlZeros : 0)) + equal)
            if own + equal > 1 {
                tieSum += Self.tieTerm(own + equal) - Self.tieTerm(equal)
            }
            start = end
        }
        doubledU += pairs
    }
}
