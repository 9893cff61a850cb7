package import CountBlocks
package import Statistics
import Synchronization

/// The full-design fit of one perturbation.
///
/// Phases: size factors of the comparison where it has its own; Poisson iterations, which all genes
/// end together; each gene's fit; with more than two columns the rest of the iterations up to the last
/// of its batch; the posterior dispersion, which needs every gene's estimate; the shrinkage of
/// effects.
///
/// `@unchecked`: phases are separated by barriers, and within one a gene or cell belongs to one
/// visitor; what visitors share is behind a mutex.
package final class FullDesignFit: PhasedFit, @unchecked Sendable {
    /// What is being done to genes or cells.
    enum Phase {
        case nothingToFit
        case logSums
        case sizeFactors
        case poisson
        case fit
        case batch
        case posterior
        case shrinkEffects
    }

    let analysis: FullDesignAnalysis
    let perturbation: UInt32
    /// The perturbation's counts; positions are places among its cells in file order.
    let counts: GeneMajorCounts
    let genes: FullDesignGenes
    private let rows: [UInt32]
    /// The perturbation's cells, while their size factors are to be estimated.
    private var segments: [DecodedSegment]
    private let patterns: CellPatterns
    var phase = Phase.poisson
    private let made = Mutex<FullDesignComparison?>(nil)

    /// Size factors of the comparison, where it has its own.
    private var ownFactors: ComparisonSizeFactors?
    /// How many genes agreed in each Poisson iteration.
    let agreeing: Mutex<[Int]>
    /// Poisson iterations that the genes end with.
    var poissonTarget: Int
    /// For each batch of fitted genes the iteration it ends with.
    var batchTargets: [Int] = []
    var trend: [Double] = []
    var prior: PosteriorDispersion?
    /// Dispersions of the finished fit, and its effects while they are shrunk.
    private var finalDispersions: [Double] = []
    private(set) var effects: FullDesignEffects?

    init(analysis: FullDesignAnalysis, perturbation: UInt32, segments: [DecodedSegment]) {
        self.analysis = analysis
        self.perturbation = perturbation
        counts = GeneMajorCounts(genes: 0..<analysis.geneCount, segments: segments)
        rows = FullDesignControl.rows(segments)
        self.segments =
            analysis.options.sizeFactorScope == .perComparison ? segments : []
        patterns = CellPatterns(rows: rows, covariates: analysis.covariates)
        let (tested, fitted) = analysis.selectGenes(counts, cells: rows.count)
        genes = FullDesignGenes(geneCount: analysis.geneCount, tested: tested, fitted: fitted)
        let options = analysis.options
        agreeing = Mutex([Int](repeating: 0, count: options.poissonIterations))
        poissonTarget = options.poissonIterations
        if tested.isEmpty {
            phase = .nothingToFit
        } else if options.sizeFactorScope == .perComparison {
            phase = .logSums
        }
    }

    package var need: ControlNeed {
        switch phase {
        case .nothingToFit: .nothing
        case .sizeFactors: .cells
        case .logSums, .poisson, .fit, .batch, .posterior, .shrinkEffects: .geneTiles
        }
    }

    /// The perturbation's cells.
    var cellCount: Int { rows.count }

    /// The design and offsets of the comparison; nil before the fit of genes has begun.
    package var model: ComparisonModel? { made.withLock { $0?.fitted.model } }

    /// The fitted coefficients of a gene by fitted column; nil for a gene without a fit.
    package func coefficients(ofGene gene: Int) -> [Double]? {
        let index = Int(genes.fittedIndex[gene])
        guard index >= 0, let comparison = made.withLock({ $0 }) else { return nil }
        let start = comparison.coefficients(index)
        return Array(
            UnsafeBufferPointer(
                start: start,
                count: comparison.fitted.model.fittedColumns.count
            )
        )
    }

    /// Whether a numeric covariate is missing in some cell, so that no gene can be fitted.
    package var hasMissingNumber: Bool { model?.hasMissingNumber ?? false }

    /// Mean of count over size factor of every gene, which the trend is fitted to; 0 without one.
    package var scaledMeans: [Double] { Array(genes.means) }

    /// Variance of the prior of ln dispersion; nil before the last phase and without a prior.
    package private(set) var priorVariance: Double?

    /// Whether a gene passes the filters.
    package func isTested(_ gene: Int) -> Bool { genes.isTested[gene] }

    /// The standard error of a gene right after its fit; nil for a gene without a fit.
    package func fittedError(ofGene gene: Int) -> Double? {
        let index = Int(genes.fittedIndex[gene])
        return index < 0 ? nil : genes.states[index].standardError
    }

    package func visit(genes: Range<Int>) {}

    package func visit(genes range: Range<Int>, of tile: FullDesignTile) {
        if phase == .logSums {
            for gene in range {
                genes.logSums[gene] = tile.logSums[gene - tile.counts.genes.lowerBound]
            }
            return
        }
        if phase == .shrinkEffects {
            effects?.visit(genes: range, control: tile.counts, perturbed: counts)
            return
        }
        let comparison = comparison(tile.control)
        comparison.withScratch { scratch in
            for gene in range {
                tile.counts.withGene(gene) { control in
                    counts.withGene(gene) { perturbed in
                        let visit = GeneVisit(
                            gene: gene,
                            control: control,
                            perturbed: perturbed,
                            comparison: comparison,
                            scratch: scratch
                        )
                        self.visit(visit)
                    }
                }
            }
        }
    }

    package func visit(cells: DecodedSegment, firstCell: Int) {
        ownFactors?.estimate(cells, firstCell: firstCell)
    }

    package func endPhase() -> PerturbationRow? {
        switch phase {
        case .nothingToFit: return row(trend: [], dispersions: [])
        case .logSums:
            ownFactors = makeOwnFactors()
            segments = []
            phase = .sizeFactors
        case .sizeFactors:
            ownFactors?.finish()
            phase = .poisson
        case .poisson:
            let fitted = genes.fitted.count
            let agreed = agreeing.withLock { $0.firstIndex(of: fitted) }
            poissonTarget = agreed.map { $0 + 1 } ?? analysis.options.poissonIterations
            phase = .fit
        case .fit:
            guard hasBatches else { return endOfFits() }
            batchTargets = Self.batchTargets(genes.states, size: batchSize)
            phase = .batch
        case .batch: return endOfFits()
        case .posterior: return rowUnlessShrunk(Array(genes.dispersions))
        case .shrinkEffects: return row(trend: trend, dispersions: finalDispersions)
        }
        return nil
    }

    // MARK: - Size factors of the comparison

    private func makeOwnFactors() -> ComparisonSizeFactors {
        let own = counts.logSums()
        let expressing = genes.means.indices.map { gene in
            analysis.controlExpressing[gene] + Double(counts.expressingCells(gene))
        }
        return ComparisonSizeFactors(
            logSums: zip(genes.logSums, own).map { $0 + $1 },
            detections: expressing,
            controlCells: analysis.controlCells,
            perturbedSegments: segments
        )
    }

    // MARK: - Models

    /// The models of the comparison, made by the first visitor.
    private func comparison(_ control: FullDesignControl) -> FullDesignComparison {
        made.withLock { known in
            if let known { return known }
            let comparison = makeComparison(control)
            known = comparison
            return comparison
        }
    }

    private func makeComparison(_ control: FullDesignControl) -> FullDesignComparison {
        func sides(
            _ control: PatternOffsets,
            _ perturbed: PatternOffsets
        ) -> FullDesignComparison.Sides {
            FullDesignComparison.Sides(
                model: ComparisonModel(
                    control: control,
                    perturbed: perturbed,
                    covariates: analysis.covariates
                ),
                control: control,
                perturbed: perturbed
            )
        }
        let global = sides(
            control.offsets,
            analysis.globalOffsets(patterns, rows: rows)
        )
        guard let ownFactors else {
            return FullDesignComparison(
                fitted: global,
                posterior: nil,
                genes: genes.fitted.count
            )
        }
        let own = sides(
            PatternOffsets(patterns: control.patterns, sizeFactors: ownFactors.control),
            PatternOffsets(patterns: patterns, sizeFactors: ownFactors.perturbed)
        )
        return FullDesignComparison(fitted: own, posterior: global, genes: genes.fitted.count)
    }

    // MARK: - Between phases

    /// Whether genes wait for others of their batch.
    private var hasBatches: Bool {
        guard let model, !model.hasMissingNumber else { return true }
        return model.columnCount > 2
    }

    /// Fitted genes that stop together, in gene order.
    var batchSize: Int {
        Self.batchSize(cells: analysis.controlCells + rows.count, fittedGenes: genes.fitted.count)
    }

    /// As many genes as fit 100 MB in four matrices of cells x genes, at least 256.
    package static func batchSize(cells: Int, fittedGenes: Int) -> Int {
        max(256, min(100_000_000 / (32 * max(cells, 1)), fittedGenes))
    }

    private static func batchTargets(
        _ states: UnsafeMutableBufferPointer<FullDesignState>,
        size: Int
    ) -> [Int] {
        stride(from: 0, to: states.count, by: size).map { start in
            states[start..<min(start + size, states.count)].reduce(0) { max($0, $1.iterations) }
        }
    }

    /// What follows from all genes together: trend and prior, or the row.
    private func endOfFits() -> PerturbationRow? {
        let options = analysis.options
        let own = genes.ownByGene
        guard options.shrinkDispersion else {
            trend = own
            return rowUnlessShrunk(own)
        }
        let means = Array(genes.means)
        let fitted = DispersionTrend(means: means, dispersions: own)
        trend = means.map { fitted.value(atMean: $0) }
        guard options.useMAPDispersion else {
            let shrunken = EmpiricalBayesDispersion.shrink(own: own, trend: trend)
            return rowUnlessShrunk(shrunken)
        }
        let cells = analysis.controlCells + rows.count
        let variance = ComparisonDispersion.priorVariance(
            dispersions: Array(genes.moments),
            trend: trend,
            cells: cells
        )
        priorVariance = variance
        prior = PosteriorDispersion(cells: cells, priorVariance: variance)
        phase = .posterior
        return nil
    }

    /// The row, or nil after turning to the phase that shrinks its effects.
    private func rowUnlessShrunk(_ dispersions: [Double]) -> PerturbationRow? {
        guard analysis.options.inlineShrinkage == .apeglm, let comparison = made.withLock({ $0 })
        else { return row(trend: trend, dispersions: dispersions) }
        finalDispersions = dispersions
        effects = FullDesignEffects(
            sides: comparison.fitted,
            fits: earlierFits(dispersions, columns: comparison.fitted.model.fittedColumns.count)
        )
        phase = .shrinkEffects
        return nil
    }
}
