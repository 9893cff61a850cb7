import CountBlocks
import Statistics

/// Σ x, Σ x² and the number of nonzeros over the cells of one group, for some genes.
///
/// Partial sums in the storage type run over the cells of one chunk in file order and are added up
/// in double precision, chunk by chunk (docs/numbers.md, E20).
///
/// `@unchecked`: used by one thread at a time.
final class ExpressionSums<Value: TestedValue>: @unchecked Sendable {
    let genes: Range<Int>
    private(set) var cells = 0
    private let chunks: SumChunks
    /// Σ x and Σ x² of the present chunk; shape `[genes, 2]`.
    private let partial: UnsafeMutableBufferPointer<Value>
    /// Σ x and Σ x² of the chunks before; shape `[genes, 2]`.
    private let totals: UnsafeMutableBufferPointer<Double>
    private let nonzeros: UnsafeMutableBufferPointer<UInt32>
    private var chunkEnd = 0
    /// Whether partial sums wait from an earlier segment.
    private var isCarrying = false

    init(genes: Range<Int>, chunks: SumChunks) {
        self.genes = genes
        self.chunks = chunks
        partial = .allocate(capacity: 2 * genes.count)
        partial.initialize(repeating: 0)
        totals = .allocate(capacity: 2 * genes.count)
        totals.initialize(repeating: 0)
        nonzeros = .allocate(capacity: genes.count)
        nonzeros.initialize(repeating: 0)
    }

    deinit {
        partial.deallocate()
        totals.deallocate()
        nonzeros.deallocate()
    }

    /// Adds a segment's cells; segments come in file order.
    func add(_ segment: DecodedSegment) {
        cells += segment.cellCount
        segment.withValues(of: Value.self) { segment in
            var first = 0
            while first < segment.cellCount {
                let row = Int(segment.rows[first])
                if row >= chunkEnd {
                    finish()
                    chunkEnd = chunks.end(ofChunkWith: row)
                }
                var end = first + 1
                while end < segment.cellCount, Int(segment.rows[end]) < chunkEnd { end += 1 }
                let added = add(segment, first..<end)
                if end == segment.cellCount {
                    isCarrying = true
                } else if isCarrying || added > genes.count {
                    addPartials()
                    isCarrying = false
                } else {
                    addPartials(ofGenesIn: segment, first..<end)
                }
                first = end
            }
        }
    }

    /// Adds the last partial sums; no cell may follow.
    func finish() {
        guard isCarrying else { return }
        addPartials()
        isCarrying = false
    }

    /// Σ x of a gene.
    func sum(_ gene: Int) -> Double { totals[2 * (gene - genes.lowerBound)] }

    /// Σ x² of a gene.
    func squares(_ gene: Int) -> Double { totals[2 * (gene - genes.lowerBound) + 1] }

    /// Cells that express a gene.
    func expressing(_ gene: Int) -> Int { Int(nonzeros[gene - genes.lowerBound]) }

    /// Adds cells of one chunk; how many nonzeros they have.
    private func add(_ segment: ValueCells<Value>, _ cells: Range<Int>) -> Int {
        let lowest = genes.lowerBound
        let (partial, nonzeros) = (partial, nonzeros)
        var added = 0
        for cell in cells {
            let range = segment.nonzeros(ofCell: cell, in: genes)
            for index in range {
                let gene = Int(segment.genes[index]) - lowest
                let value = segment.values[index]
                partial[2 * gene] += value
                partial[2 * gene + 1] += value * value
                nonzeros[gene] += 1
            }
            added += range.count
        }
        return added
    }

    /// Ends the chunk, for all genes.
    private func addPartials() {
        for index in partial.indices {
            totals[index] += partial[index].wide
            partial[index] = 0
        }
    }

    /// Ends the chunk, for the genes of its few cells: all others have nothing.
    ///
    /// A gene that comes again adds zero.
    private func addPartials(ofGenesIn segment: ValueCells<Value>, _ cells: Range<Int>) {
        let lowest = genes.lowerBound
        let (partial, totals) = (partial, totals)
        for cell in cells {
            for index in segment.nonzeros(ofCell: cell, in: genes) {
                let gene = Int(segment.genes[index]) - lowest
                totals[2 * gene] += partial[2 * gene].wide
                totals[2 * gene + 1] += partial[2 * gene + 1].wide
                partial[2 * gene] = 0
                partial[2 * gene + 1] = 0
            }
        }
    }
}
