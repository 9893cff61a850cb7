import Statistics

/// Everything known of each gene while one perturbation is fitted with its full design.
///
/// `@unchecked`: each gene's places are written by the one thread that visits the gene, and read after
/// the barrier that ends a phase.
final class FullDesignGenes: @unchecked Sendable {
    /// Genes that pass the filters, ascending.
    let tested: [Int]
    /// Those of them with enough counts for a fit, ascending.
    let fitted: [Int]
    /// For each gene whether it passes the filters.
    let isTested: [Bool]
    /// For each gene its index in ``fitted``, or -1.
    let fittedIndex: [Int32]

    /// State of each fitted gene.
    let states: UnsafeMutableBufferPointer<FullDesignState>
    /// Dispersion of each fitted gene before any shrinkage.
    let ownDispersions: UnsafeMutableBufferPointer<Double>
    /// Mean of count over size factor of every gene.
    let means: UnsafeMutableBufferPointer<Double>
    /// The moment estimate of every gene that the prior is made of.
    let moments: UnsafeMutableBufferPointer<Double>
    /// The posterior dispersion of every gene.
    let dispersions: UnsafeMutableBufferPointer<Double>
    /// The standard error of each fitted gene at its posterior dispersion.
    let posteriorErrors: UnsafeMutableBufferPointer<Double>
    /// Σ ln Y over control and perturbation of every gene.
    let logSums: UnsafeMutableBufferPointer<Double>

    /// Makes room for the genes of one comparison.
    init(geneCount: Int, tested: [Int], fitted: [Int]) {
        self.tested = tested
        self.fitted = fitted
        var index = [Int32](repeating: -1, count: geneCount)
        for (place, gene) in fitted.enumerated() { index[gene] = Int32(place) }
        fittedIndex = index
        var isTested = [Bool](repeating: false, count: geneCount)
        for gene in tested { isTested[gene] = true }
        self.isTested = isTested
        func doubles(_ count: Int, _ value: Double) -> UnsafeMutableBufferPointer<Double> {
            let values = UnsafeMutableBufferPointer<Double>.allocate(capacity: count)
            values.initialize(repeating: value)
            return values
        }
        states = .allocate(capacity: fitted.count)
        states.initialize(repeating: FullDesignState())
        ownDispersions = doubles(fitted.count, .nan)
        posteriorErrors = doubles(fitted.count, .nan)
        means = doubles(geneCount, 0)
        moments = doubles(geneCount, .nan)
        dispersions = doubles(geneCount, .nan)
        logSums = doubles(geneCount, 0)
    }

    deinit {
        states.deallocate()
        ownDispersions.deallocate()
        posteriorErrors.deallocate()
        means.deallocate()
        moments.deallocate()
        dispersions.deallocate()
        logSums.deallocate()
    }

    /// Each gene's own dispersion; NaN for genes without a fit; shape `[genes]`.
    var ownByGene: [Double] {
        fittedIndex.map { $0 < 0 ? .nan : ownDispersions[Int($0)] }
    }
}
