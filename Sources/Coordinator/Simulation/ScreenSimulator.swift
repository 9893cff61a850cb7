import Statistics

/// Counts of consecutive cells in CSR form.
package struct SimulatedCells: Equatable, Sendable {
    /// Number of nonzeros of each cell.
    package var nonzeroCounts: [Int32] = []
    /// Gene indices, ascending in each cell.
    package var genes: [Int32] = []
    /// Counts that belong to `genes`.
    package var values: [Float] = []

    /// No cells.
    package init() {}

    mutating func removeAll() {
        nonzeroCounts.removeAll(keepingCapacity: true)
        genes.removeAll(keepingCapacity: true)
        values.removeAll(keepingCapacity: true)
    }
}

/// Draws the counts of a simulated screen.
///
/// The count of gene g in cell i is negative binomial with mean
/// s_i · m_g · exp(b_g) · 2^l_g (size factor, the gene's mean, batch, effect of the perturbation)
/// and the gene's dispersion. Every count depends on the seed, its cell and its gene alone, so
/// cells can be drawn in any order and by any number of threads.
package struct ScreenSimulator: Sendable {
    /// What the counts are drawn from.
    package let truth: ScreenTruth

    private let key: UInt64
    /// Mean of each gene at size factor 1, batches x genes.
    private let batchMeans: [Double]
    /// Fold changes of each perturbation, beside the genes of ``ScreenTruth/effects``.
    private let foldChanges: [[Double]]
    /// 1/α of each gene.
    private let sizes: [Double]
    private let reciprocals = NegativeBinomial.Reciprocals()

    /// A simulator of one screen.
    package init(_ truth: ScreenTruth) {
        self.truth = truth
        let seed = truth.design.seed
        var stream = RandomStream(seed: seed, purpose: ScreenTruth.Purpose.counts.rawValue)
        key = stream.next()
        sizes = truth.dispersions.map { 1 / $0 }
        let batches = truth.design.batches
        batchMeans = (0..<batches).flatMap { batch in
            truth.means.indices.map { gene in
                truth.means[gene]
                    * RealFunctions.exp(truth.batchEffects[gene * batches + batch])
            }
        }
        // 2^x by way of e^x: one function for all, accurate far beyond what a simulation needs.
        let ln2 = RealFunctions.log(2)
        foldChanges = truth.effects.map { effects in
            effects.map { RealFunctions.exp($0.log2FoldChange * ln2) }
        }
    }

    /// Draws consecutive cells.
    ///
    /// - Parameters:
    ///   - cells: Their positions in the file.
    ///   - output: Emptied first; its memory is used again.
    package func draw(_ cells: Range<Int>, into output: inout SimulatedCells) {
        output.removeAll()
        let geneCount = truth.means.count
        withUnsafeTemporaryAllocation(of: Double.self, capacity: geneCount) { means in
            withUnsafeTemporaryAllocation(of: Int32.self, capacity: geneCount) { genes in
                withUnsafeTemporaryAllocation(of: Float.self, capacity: geneCount) { values in
                    for cell in cells {
                        fillMeans(of: cell, means)
                        let count = draw(cell, UnsafeBufferPointer(means), genes, values)
                        output.nonzeroCounts.append(Int32(count))
                        output.genes.append(contentsOf: genes.prefix(count))
                        output.values.append(contentsOf: values.prefix(count))
                    }
                }
            }
        }
    }

    /// The mean of every gene in one cell.
    private func fillMeans(of cell: Int, _ means: UnsafeMutableBufferPointer<Double>) {
        let genes = means.count
        let first = Int(truth.batches[cell]) * genes
        let sizeFactor = truth.sizeFactors[cell]
        batchMeans.withUnsafeBufferPointer { batchMeans in
            for gene in 0..<genes { means[gene] = batchMeans[first + gene] * sizeFactor }
        }
        let group = Int(truth.groups[cell])
        guard group > 0 else { return }
        for (effect, foldChange) in zip(truth.effects[group - 1], foldChanges[group - 1]) {
            means[effect.gene] *= foldChange
        }
    }

    /// Draws one cell and returns the number of its nonzeros, which lead `genes` and `values`.
    private func draw(
        _ cell: Int,
        _ means: UnsafeBufferPointer<Double>,
        _ genes: UnsafeMutableBufferPointer<Int32>,
        _ values: UnsafeMutableBufferPointer<Float>
    ) -> Int {
        let cellKey = RandomStream.bits(key: key, position: UInt64(cell))
        return truth.dispersions.withUnsafeBufferPointer { dispersions in
            sizes.withUnsafeBufferPointer { sizes in
                var nonzeros = 0
                for gene in 0..<means.count {
                    let bits = RandomStream.bits(key: cellKey, position: UInt64(gene))
                    let mean = means[gene]
                    let unit = RandomStream.unit(bits)
                    if NegativeBinomial.isSurelyZero(unit, mean: mean) { continue }
                    let distribution = NegativeBinomial(
                        mean: mean,
                        dispersion: dispersions[gene],
                        size: sizes[gene]
                    )
                    let count = distribution.count(bits, reciprocals)
                    // Written in any case and kept if above 0: cheaper than a branch nobody foresees.
                    genes[nonzeros] = Int32(truncatingIfNeeded: gene)
                    values[nonzeros] = Float(count)
                    nonzeros += count > 0 ? 1 : 0
                }
                return nonzeros
            }
        }
    }
}
