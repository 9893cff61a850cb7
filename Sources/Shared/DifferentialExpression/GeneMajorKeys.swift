import CountBlocks
import Statistics

/// The nonzero values of one group of cells as rank keys, regrouped by gene.
///
/// Within a gene they are in file order until someone sorts them.
///
/// `@unchecked`: the keys of a gene belong to one thread at a time.
final class GeneMajorKeys<Value: TestedValue>: @unchecked Sendable {
    /// The genes held.
    let genes: Range<Int>
    /// Cells of the group, with or without nonzeros.
    let cells: Int
    /// Start of each gene's keys, and the end of the last; shape `[genes + 1]`.
    private let starts: [Int]
    private let keys: UnsafeMutableBufferPointer<Value.Key>

    /// Regroups cells.
    ///
    /// - Parameters:
    ///   - genes: The genes to hold; others are left out.
    ///   - segments: All cells of the group in file order.
    init(genes: Range<Int>, segments: [DecodedSegment]) {
        self.genes = genes
        cells = segments.reduce(0) { $0 + $1.cellCount }
        var starts = [Int](repeating: 0, count: genes.count + 1)
        // Counted one place further on than each gene's own, where the sum of all before belongs.
        starts.withUnsafeMutableBufferPointer { starts in
            Self.forEachNonzero(of: genes, in: segments) { gene, _ in starts[gene + 1] += 1 }
            for gene in 0..<genes.count { starts[gene + 1] += starts[gene] }
        }
        self.starts = starts
        keys = .allocate(capacity: starts[genes.count])
        let keys = keys
        starts.withUnsafeMutableBufferPointer { places in
            Self.forEachNonzero(of: genes, in: segments) { gene, value in
                keys.initializeElement(at: places[gene], to: value.key)
                places[gene] += 1
            }
        }
    }

    deinit { keys.deallocate() }

    /// The most keys that one of some genes has.
    func largestCount(_ genes: Range<Int>) -> Int {
        genes.reduce(0) { max($0, range($1).count) }
    }

    /// The keys of one gene.
    @inline(__always)
    func keys(_ gene: Int) -> UnsafeMutableBufferPointer<Value.Key> {
        UnsafeMutableBufferPointer(rebasing: keys[range(gene)])
    }

    /// Mean over all cells, zeros included: Σ x·w with w = 1/n, in the values' own precision and in
    /// the order of the keys, which must still be the file's.
    @inline(__always)
    func mean(_ keys: UnsafeMutableBufferPointer<Value.Key>) -> Value {
        let weight = Value(rounding: 1 / Double(cells))
        var sum: Value = 0
        for key in keys { sum += Value(key: key) * weight }
        return sum
    }

    @inline(__always)
    private func range(_ gene: Int) -> Range<Int> {
        starts[gene - genes.lowerBound]..<starts[gene - genes.lowerBound + 1]
    }

    /// Calls `body` with the position of the gene within `genes`, and the value, of every nonzero.
    @inline(__always)
    private static func forEachNonzero(
        of genes: Range<Int>,
        in segments: [DecodedSegment],
        _ body: (Int, Value) -> Void
    ) {
        let lowest = genes.lowerBound
        for segment in segments {
            segment.withValues(of: Value.self) { segment in
                for cell in 0..<segment.cellCount {
                    for index in segment.nonzeros(ofCell: cell, in: genes) {
                        body(Int(segment.genes[index]) - lowest, segment.values[index])
                    }
                }
            }
        }
    }
}
