/// Brings the entries of cells into the form that is promised: ascending, distinct, not zero.
struct RowCleaning {
    private(set) var zerosDropped = 0
    private(set) var duplicatesSummed = 0
    private(set) var unsortedRows = 0
    private var sorting: [UInt64] = []

    /// A sum of duplicates that no count can hold.
    struct Overflow: Error, Equatable {
        let row: Int
        let gene: UInt32
        let sum: UInt64
    }

    /// Cleans the rows delimited by `starts` in place.
    ///
    /// - Parameters:
    ///   - starts: Row borders in `genes` and `counts`; changed to the borders after cleaning.
    ///   - genes: Gene of each entry.
    ///   - counts: Count of each entry.
    /// - Returns: Entries left.
    /// - Throws: ``Overflow`` when duplicates sum to more than 4,294,967,295.
    mutating func clean(
        _ starts: UnsafeMutableBufferPointer<Int>,
        _ genes: UnsafeMutablePointer<UInt32>,
        _ counts: UnsafeMutablePointer<UInt32>
    ) throws(Overflow) -> Int {
        let rowCount = starts.count - 1
        let total = starts[rowCount]
        let hasZeros = RowCleaning.containsZero(counts, total)
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
            let kept = RowCleaning.moveNonzero(genes, counts, begin..<end, to: write)
            zerosDropped += (end - begin) - (kept - write)
            starts[row] = write
            if RowCleaning.isAscending(genes, write, kept) {
                write = kept
            } else {
                write = try sortAndSum(genes, counts, write..<kept, row)
            }
            begin = end
        }
        starts[rowCount] = write
        return write
    }

    private static func containsZero(_ counts: UnsafeMutablePointer<UInt32>, _ total: Int) -> Bool {
        let raw = UnsafeRawPointer(counts)
        // Comparing with a vector, not with the scalar 0, is what becomes one instruction.
        let zero = SIMD8<UInt32>(repeating: 0)
        var index = 0
        while index + 8 <= total {
            let block = raw.loadUnaligned(fromByteOffset: index * 4, as: SIMD8<UInt32>.self)
            if any(block .== zero) { return true }
            index += 8
        }
        while index < total {
            if counts[index] == 0 { return true }
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
        _ counts: UnsafeMutablePointer<UInt32>,
        _ range: Range<Int>,
        to start: Int
    ) -> Int {
        var write = start
        for index in range {
            let count = counts[index]
            genes[write] = genes[index]
            counts[write] = count
            write &+= count == 0 ? 0 : 1
        }
        return write
    }

    private mutating func sortAndSum(
        _ genes: UnsafeMutablePointer<UInt32>,
        _ counts: UnsafeMutablePointer<UInt32>,
        _ range: Range<Int>,
        _ row: Int
    ) throws(Overflow) -> Int {
        sorting.removeAll(keepingCapacity: true)
        var isSorted = true
        for index in range {
            if index > range.lowerBound, genes[index] < genes[index - 1] { isSorted = false }
            sorting.append(UInt64(genes[index]) << 32 | UInt64(counts[index]))
        }
        if !isSorted {
            unsortedRows += 1
            sorting.sort()
        }
        var write = range.lowerBound
        var index = 0
        while index < sorting.count {
            let gene = UInt32(truncatingIfNeeded: sorting[index] >> 32)
            var sum = sorting[index] & 0xFFFF_FFFF
            index += 1
            while index < sorting.count, sorting[index] >> 32 == UInt64(gene) {
                sum += sorting[index] & 0xFFFF_FFFF
                duplicatesSummed += 1
                index += 1
            }
            guard sum <= 4_294_967_295 else { throw Overflow(row: row, gene: gene, sum: sum) }
            genes[write] = gene
            counts[write] = UInt32(sum)
            write += 1
        }
        return write
    }
}
