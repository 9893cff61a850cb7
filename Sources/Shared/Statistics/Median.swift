/// Medians, found by selection in place.
package enum Median {
    /// The median of the elements, which are reordered; NaN for none.
    ///
    /// An even number of elements gives the mean of the two middle ones.
    ///
    /// - Parameter values: Finite values; shape `[n]`. Their order afterwards means nothing.
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
    /// Hoare's selection (1961) with the median of three as pivot; short ranges end by insertion.
    private static func select(_ values: UnsafeMutableBufferPointer<Double>, rank: Int) {
        var low = 0
        var high = values.count - 1
        while high - low > 12 {
            let pivot = medianOfThree(values[low], values[(low + high) / 2], values[high])
            var i = low
            var j = high
            while i <= j {
                while values[i] < pivot { i += 1 }
                while values[j] > pivot { j -= 1 }
                if i <= j {
                    values.swapAt(i, j)
                    i += 1
                    j -= 1
                }
            }
            if rank <= j {
                high = j
            } else if rank >= i {
                low = i
            } else {
                return
            }
        }
        guard low < high else { return }
        for index in (low + 1)...high {
            let value = values[index]
            var hole = index
            while hole > low, values[hole - 1] > value {
                values[hole] = values[hole - 1]
                hole -= 1
            }
            values[hole] = value
        }
    }

    private static func medianOfThree(_ a: Double, _ b: Double, _ c: Double) -> Double {
        max(min(a, b), min(max(a, b), c))
    }
}
