/// The counts of a range of genes in one group, prepared for sums over nodes of size factors.
///
/// Of each gene: its nonzeros by falling size factor, the weights that stand for Σ Y·f at the nodes
/// of ``SizeFactorNodes``, and, for every 32nd nonzero, the weights and sums of the nonzeros before
/// or after it, so that a floor of the mean may cut anywhere.
package struct MeasuredCounts: Sendable {
    /// The genes held.
    package let genes: Range<Int>
    private var starts: [Int]
    private var positions: [UInt32]
    private var counts: [UInt32]
    private let nodeCount: Int
    private var nodeWeights: [Double]
    private let recordLength: Int
    /// Index of each gene's first record; shape `[genes]`.
    private var recordStarts: [Int]
    private var records: [Double]

    /// Sums that a record starts with.
    enum RecordField {
        /// Σ Y/s of the nonzeros before.
        static let scaled = 0
        /// Σ (Y² - Y)/s² of the nonzeros before.
        static let scaledExcess = 1
        /// Σ Y of the nonzeros from here on.
        static let counts = 2
        /// Σ Y² - Y of the nonzeros from here on.
        static let excess = 3
        /// Σ Y·s of the nonzeros from here on.
        static let products = 4
        /// How many there are; node weights follow.
        static let count = 5
    }

    /// About how many bytes a table takes.
    ///
    /// - Parameters:
    ///   - nonzeros: Nonzero counts of all its genes.
    ///   - genes: Number of genes.
    ///   - nodes: The nodes of the group.
    /// - Returns: The estimate.
    package static func approximateBytes(
        nonzeros: Int,
        genes: Int,
        nodes: borrowing SizeFactorNodes
    ) -> Int {
        let records = nonzeros / SizeFactorNodes.checkpointDistance + genes
        let recordBytes = 8 * (RecordField.count + nodes.widestInterval)
        return nonzeros * 8 + records * recordBytes + genes * (8 * nodes.count + 24)
    }

    /// Prepares some genes.
    ///
    /// - Parameters:
    ///   - genes: The genes to hold.
    ///   - detections: Nonzeros of each of them; shape `[genes]`.
    ///   - group: The group's size factors.
    ///   - nodes: Its nodes.
    ///   - visitNonzeros: Calls its argument with gene, position and count of every nonzero of
    ///     these genes, cells in the order of their positions.
    package init(
        genes: Range<Int>,
        detections: [Int],
        group: borrowing GroupOffsets,
        nodes: borrowing SizeFactorNodes,
        visitNonzeros: ((_ gene: Int, _ position: UInt32, _ count: UInt32) -> Void) -> Void
    ) {
        precondition(genes.count == detections.count)
        self.genes = genes
        nodeCount = nodes.count
        recordLength = RecordField.count + nodes.widestInterval
        starts = [0]
        starts.reserveCapacity(genes.count + 1)
        recordStarts = []
        recordStarts.reserveCapacity(genes.count)
        var recordCount = 0
        for count in detections {
            starts.append(starts[starts.count - 1] + count)
            recordStarts.append(recordCount)
            recordCount += count / SizeFactorNodes.checkpointDistance + 1
        }
        positions = [UInt32](repeating: 0, count: starts[genes.count])
        counts = positions
        nodeWeights = [Double](repeating: 0, count: genes.count * nodes.count)
        records = [Double](repeating: 0, count: recordCount * recordLength)
        fill(visitNonzeros)
        for gene in 0..<genes.count { measure(gene, group, nodes) }
    }

    private mutating func fill(
        _ visitNonzeros: ((_ gene: Int, _ position: UInt32, _ count: UInt32) -> Void) -> Void
    ) {
        var cursors = Array(starts.dropLast())
        let first = genes.lowerBound
        cursors.withUnsafeMutableBufferPointer { cursors in
            positions.withUnsafeMutableBufferPointer { positions in
                counts.withUnsafeMutableBufferPointer { counts in
                    visitNonzeros { gene, position, count in
                        let place = cursors[gene - first]
                        cursors[gene - first] = place + 1
                        positions[place] = position
                        counts[place] = count
                    }
                }
            }
        }
    }

    /// Computes the weights and records of one gene.
    private mutating func measure(
        _ gene: Int,
        _ group: borrowing GroupOffsets,
        _ nodes: borrowing SizeFactorNodes
    ) {
        let range = starts[gene]..<starts[gene + 1]
        let length = recordLength
        let distance = SizeFactorNodes.checkpointDistance
        let firstRecord = recordStarts[gene] * length
        let weightStart = gene * nodeCount
        records.withUnsafeMutableBufferPointer { records in
            nodeWeights.withUnsafeMutableBufferPointer { weights in
                guard let weights = weights.baseAddress.map({ $0 + weightStart }),
                    !range.isEmpty
                else { return }
                var (scaled, excess) = (0.0, 0.0)
                var interval = nodes.interval(ofPosition: Int(positions[range.lowerBound]))
                for index in range {
                    let position = Int(positions[index])
                    if position >= interval.cells.upperBound {
                        interval = nodes.interval(ofPosition: position)
                    }
                    if (index - range.lowerBound) % distance == 0 {
                        let record = firstRecord + (index - range.lowerBound) / distance * length
                        records[record + RecordField.scaled] = scaled
                        records[record + RecordField.scaledExcess] = excess
                        for node in 0..<interval.nodes.count {
                            records[record + RecordField.count + node] =
                                weights[interval.nodes.lowerBound + node]
                        }
                    }
                    let y = Double(counts[index])
                    let inverse = 1 / group.sizeFactors[position]
                    scaled += y * inverse
                    excess += (y * y - y) * (inverse * inverse)
                    nodes.addBasis(
                        ofPosition: position,
                        in: interval,
                        times: y,
                        to: weights + interval.nodes.lowerBound
                    )
                }
                // The record after the last whole stretch may have no nonzero of its own.
                if range.count % distance == 0 {
                    let record = firstRecord + range.count / distance * length
                    records[record + RecordField.scaled] = scaled
                    records[record + RecordField.scaledExcess] = excess
                }
                var suffix = (counts: 0.0, excess: 0.0, products: 0.0)
                for index in range.reversed() {
                    let y = Double(counts[index])
                    suffix.counts += y
                    suffix.excess += y * y - y
                    suffix.products += y * group.sizeFactors[Int(positions[index])]
                    guard (index - range.lowerBound) % distance == 0 else { continue }
                    let record = firstRecord + (index - range.lowerBound) / distance * length
                    records[record + RecordField.counts] = suffix.counts
                    records[record + RecordField.excess] = suffix.excess
                    records[record + RecordField.products] = suffix.products
                }
            }
        }
    }

    /// Cells that express a gene.
    package func expressingCells(_ gene: Int) -> Int {
        starts[gene - genes.lowerBound + 1] - starts[gene - genes.lowerBound]
    }

    /// Calls `body` with one gene.
    package func withGene<Result>(_ gene: Int, _ body: (MeasuredGene) -> Result) -> Result {
        let index = gene - genes.lowerBound
        let range = starts[index]..<starts[index + 1]
        return positions.withUnsafeBufferPointer { positions in
            counts.withUnsafeBufferPointer { counts in
                records.withUnsafeBufferPointer { records in
                    nodeWeights.withUnsafeBufferPointer { weights in
                        body(
                            MeasuredGene(
                                counts: GeneCounts(
                                    positions: UnsafeBufferPointer(rebasing: positions[range]),
                                    counts: UnsafeBufferPointer(rebasing: counts[range])
                                ),
                                nodeWeights: UnsafeBufferPointer(
                                    rebasing: weights[
                                        (index * nodeCount)..<((index + 1) * nodeCount)
                                    ]
                                ),
                                records: records.baseAddress.unsafelyUnwrapped
                                    + recordStarts[index] * recordLength,
                                recordLength: recordLength
                            )
                        )
                    }
                }
            }
        }
    }
}

/// One gene of ``MeasuredCounts``.
package struct MeasuredGene {
    /// Its nonzeros by falling size factor.
    package let counts: GeneCounts
    /// Weights with which Σ Y·f over the cells is a sum over all nodes; shape `[nodes]`.
    package let nodeWeights: UnsafeBufferPointer<Double>
    fileprivate let records: UnsafePointer<Double>
    fileprivate let recordLength: Int

    /// Number of nonzeros.
    package var nonzeros: Int { counts.counts.count }
    /// Σ Y.
    package var countSum: Double { records[MeasuredCounts.RecordField.counts] }

    /// How many nonzeros come before a position.
    func nonzeros(before position: Int) -> Int {
        guard let last = counts.positions.last else { return 0 }
        if Int(last) < position { return nonzeros }
        var low = 0
        var high = nonzeros - 1
        while low < high {
            let middle = (low + high) / 2
            if Int(counts.positions[middle]) < position { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// The record at or before a nonzero.
    func record(_ index: Int) -> UnsafePointer<Double> { records + index * recordLength }

    /// Σ Y/s and Σ (Y² - Y)/s² of the first nonzeros.
    func scaledSums(before end: Int, _ group: borrowing GroupOffsets) -> (Double, Double) {
        let start = end / SizeFactorNodes.checkpointDistance
        let record = record(start)
        var scaled = record[MeasuredCounts.RecordField.scaled]
        var excess = record[MeasuredCounts.RecordField.scaledExcess]
        group.sizeFactors.withUnsafeBufferPointer { factors in
            for index in (start * SizeFactorNodes.checkpointDistance)..<end {
                let y = Double(counts.counts[index])
                let inverse = 1 / factors[Int(counts.positions[index])]
                scaled += y * inverse
                excess += (y * y - y) * (inverse * inverse)
            }
        }
        return (scaled, excess)
    }

    /// Sums over the nonzeros from one on.
    struct Rest {
        /// Σ Y.
        var counts = 0.0
        /// Σ Y² - Y.
        var excess = 0.0
        /// Σ Y·s.
        var products = 0.0
    }

    /// Sums over the nonzeros from one on.
    func rest(from start: Int, _ group: borrowing GroupOffsets) -> Rest {
        let distance = SizeFactorNodes.checkpointDistance
        let next = (start + distance - 1) / distance
        var rest = Rest()
        if next * distance < nonzeros {
            let record = record(next)
            rest.counts = record[MeasuredCounts.RecordField.counts]
            rest.excess = record[MeasuredCounts.RecordField.excess]
            rest.products = record[MeasuredCounts.RecordField.products]
        }
        group.sizeFactors.withUnsafeBufferPointer { factors in
            for index in start..<min(next * distance, nonzeros) {
                let y = Double(counts.counts[index])
                rest.counts += y
                rest.excess += y * y - y
                rest.products += y * factors[Int(counts.positions[index])]
            }
        }
        return rest
    }
}

extension MeasuredGene {
    /// Σ Y/s over the cells of the group.
    package func scaledSum(_ group: borrowing GroupOffsets) -> Double {
        scaledSums(before: nonzeros, group).0
    }
}
