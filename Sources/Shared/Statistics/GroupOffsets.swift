/// The size factors of one group of cells, deepest cell first, with running sums.
///
/// Descending order makes every floor and ceiling of the fitted mean a cut at one position, so that
/// floored cells enter sums in closed form.
package struct GroupOffsets: Sendable {
    /// Size factors, floored at 1e-8, descending; shape `[cells]`.
    package let sizeFactors: [Double]
    /// Natural logarithms of ``sizeFactors``; shape `[cells]`.
    package let offsets: [Double]
    /// For each cell in file order its position in ``sizeFactors``; shape `[cells]`.
    package let position: [UInt32]
    /// `suffixOffsetSums[k]` is the sum of the offsets from position `k` on; shape `[cells + 1]`.
    package let suffixOffsetSums: [Double]
    /// `suffixSquareSums[k]` is the sum of squared size factors from position `k` on.
    package let suffixSquareSums: [Double]

    /// Number of cells.
    package var count: Int { sizeFactors.count }

    /// Orders the cells of a group by size factor; equal ones keep file order.
    ///
    /// - Parameter fileOrder: Size factors in file order, positive and finite; shape `[cells]`.
    package init(sizeFactors fileOrder: [Double]) {
        let floored = fileOrder.map { max($0, 1e-8) }
        let order = floored.indices.sorted {
            floored[$0] != floored[$1] ? floored[$0] > floored[$1] : $0 < $1
        }
        var position = [UInt32](repeating: 0, count: floored.count)
        for (rank, cell) in order.enumerated() { position[cell] = UInt32(rank) }
        self.position = position
        sizeFactors = order.map { floored[$0] }
        offsets = sizeFactors.map { RealFunctions.log($0) }
        var sums = [Double](repeating: 0, count: offsets.count + 1)
        for index in offsets.indices.reversed() { sums[index] = sums[index + 1] + offsets[index] }
        suffixOffsetSums = sums
        sums[offsets.count] = 0
        for index in offsets.indices.reversed() {
            sums[index] = sums[index + 1] + sizeFactors[index] * sizeFactors[index]
        }
        suffixSquareSums = sums
    }

    /// The number of leading cells whose offset is at least `threshold`.
    func leadingCount(offsetAtLeast threshold: Double) -> Int {
        threshold == -.infinity ? count : Self.leadingCount(offsets, atLeast: threshold)
    }

    /// The number of leading cells whose size factor is at least `threshold`.
    func leadingCount(sizeFactorAtLeast threshold: Double) -> Int {
        Self.leadingCount(sizeFactors, atLeast: threshold)
    }

    private static func leadingCount(_ descending: [Double], atLeast threshold: Double) -> Int {
        var low = 0
        var high = descending.count
        while low < high {
            let middle = (low + high) / 2
            if descending[middle] >= threshold { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// Median offset of the group, natural log; NaN for no cells.
    package var medianOffset: Double {
        guard count > 0 else { return .nan }
        let upper = offsets[count / 2]
        return count % 2 == 1 ? upper : (offsets[count / 2 - 1] + upper) / 2
    }
}
