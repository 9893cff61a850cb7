/// Medians, found by selection in place.
package enum Median {
    /// The median of the elements, which are reordered; NaN for none.
    ///
    /// An even number of elements gives the mean of the two middle ones.
    ///
    /// - Parameter values: Finite values; shape `[n]`. Their order afterwards means nothing.
    /// - Returns: The median.
    package static func reordering(_ values: UnsafeMutableBufferPointer<Double>) -> Double {
        let count = values.count
        guard count > 0 else { return .nan }
        let upper = count / 2
        select(values, rank: upper)
        guard count % 2 == 0 else { return values[upper] }
        // After selection everything below `upper` is at most its value: the lower middle is there.
        var lower = values[0]
        for index in 1..<max(1, upper) where values[index] > lower { lower = values[index] }
        return (lower + values[upper]) / 2
    }

    /// The median of the elements; NaN for none.
    package static func of(_ values: [Double]) -> Double {
        var copy = values
        return copy.withUnsafeMutableBufferPointer { reordering($0) }
    }

    /// Moves the element of the given rank to its place, smaller ones before it, larger ones after.
    ///
    /// Selection by partition (Hoare 1961) whose pivot comes from a sorted sample, a little beyond
    /// the wanted rank, so that the larger part falls away (Floyd & Rivest 1975). Short ranges end
    /// by insertion.
    private static func select(_ values: UnsafeMutableBufferPointer<Double>, rank: Int) {
        guard let base = values.baseAddress else { return }
        var low = 0
        var high = values.count
        while high - low > 16 {
            let pivot = pivot(base, low..<high, rank: rank)
            let middle = partition(base, low..<high) { ($0 - pivot).bitPattern &>> 63 }
            if rank < middle {
                high = middle
            } else if middle > low {
                low = middle
            } else {
                // Nothing is below the pivot: its equals come to the front, and are done.
                let afterEquals = partition(base, low..<high) {
                    1 - (pivot - $0).bitPattern &>> 63
                }
                if rank < afterEquals { return }
                low = afterEquals
            }
        }
        sortByInsertion(base, low..<high)
    }

    /// Brings the elements for which `belongs` is 1 to the front; returns where the others begin.
    ///
    /// `belongs` is computed from the sign of a difference, 0 or 1, so that no branch depends on the
    /// elements: on random ones every other would be mispredicted.
    @inline(__always)
    private static func partition(
        _ values: UnsafeMutablePointer<Double>,
        _ range: Range<Int>,
        _ belongs: (Double) -> UInt64
    ) -> Int {
        var front = range.lowerBound
        var index = front
        while index < range.upperBound {
            let value = values[index]
            values[index] = values[front]
            values[front] = value
            front &+= Int(truncatingIfNeeded: belongs(value))
            index &+= 1
        }
        return front
    }

    /// An element of the range near the wanted rank, on the side of the larger part.
    private static func pivot(
        _ values: UnsafeMutablePointer<Double>,
        _ range: Range<Int>,
        rank: Int
    ) -> Double {
        let size = range.count < 200 ? 3 : 27
        return withUnsafeTemporaryAllocation(of: Double.self, capacity: size) { sample in
            guard let first = sample.baseAddress else { return values[range.lowerBound] }
            let stride = (range.count - 1) / (size - 1)
            for index in 0..<size {
                (first + index).initialize(to: values[range.lowerBound + index * stride])
            }
            sortByInsertion(first, 0..<size)
            let before = rank - range.lowerBound
            let nearest = before * size / range.count
            let margin = size / 9
            let wanted = 2 * before <= range.count ? nearest + margin : nearest - margin
            return first[min(max(wanted, 0), size - 1)]
        }
    }

    private static func sortByInsertion(
        _ values: UnsafeMutablePointer<Double>,
        _ range: Range<Int>
    ) {
        for index in range.dropFirst() {
            let value = values[index]
            var hole = index
            while hole > range.lowerBound, values[hole - 1] > value {
                values[hole] = values[hole - 1]
                hole -= 1
            }
            values[hole] = value
        }
    }
}
