/// The counts of some genes in one group of cells, summed at the points of ``OffsetNodes``.
///
/// For every gene these are as many numbers as there are points, however many cells there are. Where
/// every cell is its own point only nonzero counts are kept.
package struct GroupCounts: Sendable {
    /// The genes held.
    package let genes: Range<Int>
    private let nodeCount: Int
    /// Σ_i Y_i ℓ_k(o_i) by gene and point; empty where every cell is its own point.
    private var nodeCounts: [Double]
    /// The nonzero counts of each gene where every cell is its own point.
    private var cellCounts: [[CellCount]]
    /// Σ Y; shape `[genes]`.
    private var totals: [Double]
    /// Σ Y o; shape `[genes]`.
    private var offsetSums: [Double]
    private var shares: [Double]
    private var firstNode = 0
    private var offset = 0.0

    private struct CellCount {
        let cell: UInt32
        let count: UInt32
    }

    /// No counts yet.
    ///
    /// - Parameters:
    ///   - genes: Genes to hold.
    ///   - nodes: Points of the group.
    package init(genes: Range<Int>, nodes: OffsetNodes) {
        self.genes = genes
        nodeCount = nodes.count
        nodeCounts = []
        cellCounts = []
        if nodes.areCells {
            cellCounts = [[CellCount]](repeating: [], count: genes.count)
        } else {
            nodeCounts = [Double](repeating: 0, count: genes.count * nodes.count)
        }
        totals = [Double](repeating: 0, count: genes.count)
        offsetSums = totals
        shares = [Double](repeating: 0, count: nodes.width)
    }

    /// Turns to a cell, whose counts follow; cells come in file order.
    package mutating func begin(cell: Int, of nodes: OffsetNodes) {
        firstNode = nodes.share(cell: cell, into: &shares)
        offset = nodes.cellOffsets[cell]
    }

    /// Adds a count of the present cell; genes not held are passed over.
    package mutating func add(gene: Int, count: UInt32) {
        guard genes.contains(gene) else { return }
        let y = Double(count)
        let row = gene - genes.lowerBound
        totals[row] += y
        offsetSums[row] += y * offset
        guard cellCounts.isEmpty else {
            cellCounts[row].append(CellCount(cell: UInt32(firstNode), count: count))
            return
        }
        let first = row * nodeCount + firstNode
        nodeCounts.withUnsafeMutableBufferPointer { sums in
            shares.withUnsafeBufferPointer { shares in
                for index in 0..<shares.count { sums[first + index] += y * shares[index] }
            }
        }
    }

    /// Σ Y of a gene.
    package func total(_ gene: Int) -> Double { totals[gene - genes.lowerBound] }

    /// Σ Y o of a gene.
    func offsetSum(_ gene: Int) -> Double { offsetSums[gene - genes.lowerBound] }

    /// Puts a gene's sums at the points into an array from a place on.
    func spread(_ gene: Int, into target: inout [Double], at place: Int) {
        let row = gene - genes.lowerBound
        if cellCounts.isEmpty {
            for index in 0..<nodeCount {
                target[place + index] = nodeCounts[row * nodeCount + index]
            }
        } else {
            for index in 0..<nodeCount { target[place + index] = 0 }
            for entry in cellCounts[row] { target[place + Int(entry.cell)] = Double(entry.count) }
        }
    }
}
