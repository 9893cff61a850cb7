import CountBlocks
import Statistics

/// The control's values of a range of genes, sorted once for all perturbations.
package struct RankSumTile: Sendable {
    enum Values: Sendable {
        case single(SortedControl<Float>)
        case double(SortedControl<Double>)
    }

    /// The genes.
    package let genes: Range<Int>
    let values: Values
}

/// Sorted keys of the control's nonzero values, and what else is known of each gene.
///
/// `@unchecked`: nothing changes after the initialiser.
final class SortedControl<Value: TestedValue>: @unchecked Sendable {
    /// What is known of one gene.
    struct Gene {
        let ranks: RankCounts.Control<Value.Key>
        let expression: ExpressionFilter.Expression
        /// Share of cells that express the gene.
        let share: Float
        /// Of the mean, for fold changes.
        let level: Value
    }

    /// Cells of the control.
    let cells: Int
    private let keys: GeneMajorKeys<Value>
    private let known: [Gene]

    /// Sorts the control's values of some genes.
    init(genes: Range<Int>, segments: [DecodedSegment]) {
        let keys = GeneMajorKeys<Value>(genes: genes, segments: segments)
        let cells = keys.cells
        let room = keys.largestCount(genes)
        known = withUnsafeTemporaryAllocation(of: Value.Key.self, capacity: room) { scratch in
            genes.map { gene in
                let own = keys.keys(gene)
                let mean = keys.mean(own)
                KeySort.sort(own, scratch: scratch)
                let sorted = UnsafeBufferPointer(own)
                return Gene(
                    ranks: .init(
                        keys: sorted,
                        negatives: sorted.firstIndex { $0 > Value.zeroKey } ?? sorted.count,
                        zeros: cells - sorted.count,
                        tieSum: RankCounts.tieSum(ofSorted: sorted)
                    ),
                    expression: .init(expressing: sorted.count, mean: mean.wide, cells: cells),
                    share: Float(Double(sorted.count) / Double(cells)),
                    level: mean.foldChangeLevel
                )
            }
        }
        self.cells = cells
        self.keys = keys
    }

    /// What is known of one gene; its keys live as long as this object.
    @inline(__always)
    func gene(_ gene: Int) -> Gene { known[gene - keys.genes.lowerBound] }
}
