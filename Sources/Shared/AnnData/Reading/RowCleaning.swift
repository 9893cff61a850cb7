/// Brings the entries of cells into the form that is promised: ascending, distinct, not zero.
struct RowCleaning<Element: MatrixElement> {
    private(set) var zerosDropped = 0
    private(set) var duplicatesSummed = 0
    private(set) var unsortedRows = 0
    /// Why the last cleaning ended early; nil when it did not.
    private(set) var overflow: Overflow?
    private var sorting: [UInt64] = []
    private var sorted: [Element] = []

    /// A sum of duplicates that is no element.
    struct Overflow {
        let row: Int
        let gene: UInt32
        let sum: Element.Sum
    }

    /// Cleans the rows delimited by `starts` in place.
    ///
    /// - Parameters:
    ///   - starts: Row borders in `genes` and `values`; changed to the borders after cleaning.
    ///   - genes: Gene of each entry.
    ///   - values: Count or value of each entry.
    /// - Returns: Entries left; ``overflow`` says whether duplicates sum to what is no count or no
    ///   finite value.
    // The compiler (6.3) crashes on a specialised function that throws a generic type.
    @specialized(where Element == UInt32)
    @specialized(where Element == Float)
    @specialized(where Element == Double)
    mutating func clean(
        _ starts: UnsafeMutableBufferPointer<Int>,
        _ genes: UnsafeMutablePointer<UInt32>,
        _ values: UnsafeMutablePointer<Element>
    ) -> Int {
        let rowCount = starts.count - 1
        let total = starts[rowCount]
        let hasZeros = RowCleaning.containsZero(values, total)
        var firstBad = 0
        if !hasZeros {
            while firstBad < rowCount,
                RowCleaning.isAscending(genes, starts[firstBad], starts[firstBad + 1])
            {
                firstBad += 1
            }
            if firstBad == rowCount { return total }
        }
        var write = starts[firstBad]
        var begin = starts[firstBad]
        for row in firstBad..<rowCount {
            let end = starts[row + 1]
            let kept = RowCleaning.moveNonzero(genes, values, begin..<end, to: write)
            zerosDropped += (end - begin) - (kept - write)
            starts[row] = write
            if RowCleaning.isAscending(genes, write, kept) {
                write = kept
            } else {
                write = sortAndSum(genes, values, write..<kept, row)
                if overflow != nil { return write }
            }
            begin = end
        }
        starts[rowCount] = write
        return write
    }

    private static func containsZero(_ values: UnsafeMutablePointer<Element>, _ total: Int) -> Bool
    {
        var index = 0
        while index + 8 <= total {
            // Without branches, so that the eight are compared at once.
            var zeros: UInt32 = 0
            for place in index..<(index + 8) { zeros |= values[place] == 0 ? 1 : 0 }
            if zeros != 0 { return true }
            index += 8
        }
        while index < total {
            if values[index] == 0 { return true }
            index += 1
        }
        return false
    }

    private static func isAscending(
        _ genes: UnsafeMutablePointer<UInt32>,
        _ begin: Int,
        _ end: Int
    ) -> Bool {
        let raw = UnsafeRawPointer(genes)
        var index = begin
        while index + 9 <= end {
            let here = raw.loadUnaligned(fromByteOffset: index * 4, as: SIMD8<UInt32>.self)
            let next = raw.loadUnaligned(fromByteOffset: index * 4 + 4, as: SIMD8<UInt32>.self)
            if any(here .>= next) { return false }
            index += 8
        }
        while index + 1 < end {
            if genes[index] >= genes[index + 1] { return false }
            index += 1
        }
        return true
    }

    private static func moveNonzero(
        _ genes: UnsafeMutablePointer<UInt32>,
        _ values: UnsafeMutablePointer<Element>,
        _ range: Range<Int>,
        to start: Int
    ) -> Int {
        var write = start
        for index in range {
            let value = values[index]
            genes[write] = genes[index]
            values[write] = value
            write &+= value == 0 ? 0 : 1
        }
        return write
    }

    private mutating func sortAndSum(
        _ genes: UnsafeMutablePointer<UInt32>,
        _ values: UnsafeMutablePointer<Element>,
        _ range: Range<Int>,
        _ row: Int
    ) -> Int {
        sorting.removeAll(keepingCapacity: true)
        sorted.removeAll(keepingCapacity: true)
        var isSorted = true
        for index in range {
            if index > range.lowerBound, genes[index] < genes[index - 1] { isSorted = false }
            // The position keeps entries of one gene in stored order, which decides their sum.
            let position = UInt32(truncatingIfNeeded: index - range.lowerBound)
            sorting.append(UInt64(genes[index]) << 32 | UInt64(position))
            sorted.append(values[index])
        }
        if !isSorted {
            unsortedRows += 1
            sorting.sort()
        }
        var write = range.lowerBound
        var index = 0
        while index < sorting.count {
            let gene = UInt32(truncatingIfNeeded: sorting[index] >> 32)
            var sum = sorted[Int(sorting[index] & 0xFFFF_FFFF)].sum
            index += 1
            while index < sorting.count, sorting[index] >> 32 == UInt64(gene) {
                sum += sorted[Int(sorting[index] & 0xFFFF_FFFF)].sum
                duplicatesSummed += 1
                index += 1
            }
            guard let value = Element(sum: sum) else {
                overflow = Overflow(row: row, gene: gene, sum: sum)
                return write
            }
            // Values of both signs may cancel.
            guard value != 0 else { continue }
            genes[write] = gene
            values[write] = value
            write += 1
        }
        return write
    }
}
