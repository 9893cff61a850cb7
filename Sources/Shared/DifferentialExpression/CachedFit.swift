import CountBlocks
import Statistics

/// The fit of one perturbation against control cells that all fits share.
///
/// Phases: every gene to its own convergence; all genes on to the common last iteration, with moment
/// estimates or standard errors; where each pair has a dispersion of its own, that dispersion with
/// its standard error; and, where effects are shrunk, their posterior modes.
///
/// `@unchecked`: a visit touches the states of its own genes alone, and phases are separated by
/// barriers; everything else is constant or changes only when a phase ends.
package final class CachedFit: PhasedFit, @unchecked Sendable {
    /// The control's counts of some genes.
    package typealias Tile = CachedAnalysis.Tile

    private enum Phase {
        case converge
        case carryOn
        case shrink
        case shrinkEffects
    }

    /// What is known of one gene.
    private struct GeneState {
        var fit: CachedEffectFit
        var isTested: Bool
        /// Moment estimate at the unclamped means, as reported.
        var ownDispersion = Double.nan
        /// The same within the limits of the search.
        var searchedDispersion = Double.nan
        /// The dispersion of the test.
        var dispersion = Double.nan
        var standardError = Double.nan
    }

    private let perturbation: UInt32
    private let context: CachedContext
    private let group: GroupCells
    private let counts: MeasuredCounts
    private let states: UnsafeMutableBufferPointer<GeneState>
    private let comparisonCells: Int
    private var phase = Phase.converge
    private var lastIteration = 0
    private var trend: [Double] = []
    private var posterior: PosteriorDispersion?
    private var effectShrinkage: CountShrinkage?

    init(perturbation: UInt32, segments: [DecodedSegment], context: CachedContext) {
        self.perturbation = perturbation
        self.context = context
        let cache = context.cache
        let group = context.group(segments)
        let counts = group.counts(of: 0..<cache.geneCount, in: segments)
        self.group = group
        self.counts = counts
        comparisonCells = cache.controlCells + group.count
        let (intercept, dispersion) = (cache[.intercept], cache[.controlDispersion])
        states = .allocate(capacity: cache.geneCount)
        for gene in 0..<cache.geneCount {
            let isTested = context.expression.admits(
                gene: gene,
                expressingCells: counts.expressingCells(gene),
                scaledSum: counts.withGene(gene) { $0.scaledSum(group.offsets) },
                cells: group.count
            )
            states.initializeElement(
                at: gene,
                to: GeneState(
                    fit: CachedEffectFit(
                        intercept: intercept[gene],
                        dispersion: dispersion[gene]
                    ),
                    isTested: isTested
                )
            )
        }
    }

    deinit {
        states.deinitialize()
        states.deallocate()
    }

    /// Every phase reads the control's counts.
    package var need: ControlNeed { .geneTiles }

    /// Does the present phase's work for some genes of a tile.
    package func visit(genes: Range<Int>, of tile: Tile) {
        if phase == .shrinkEffects {
            effectShrinkage?.visit(
                genes: genes,
                control: tile.control,
                controlCounts: tile.counts
            )
            return
        }
        for gene in genes {
            tile.counts.withGene(gene) { control in
                counts.withGene(gene) { own in
                    let pair = GenePair(control: control, own: own, tile: tile, group: group)
                    switch phase {
                    case .converge: converge(gene, pair)
                    case .carryOn: carryOn(gene, pair)
                    case .shrink: shrink(gene, pair)
                    case .shrinkEffects: break
                    }
                }
            }
        }
    }

    /// Ends the phase.
    package func endPhase() -> PerturbationRow? {
        switch phase {
        case .converge:
            guard states.contains(where: \.isTested) else { return row() }
            lastIteration = states.reduce(0) { max($0, $1.isTested ? $1.fit.iterations : 0) }
            phase = .carryOn
            return nil
        case .carryOn:
            switch context.dispersionSource {
            case .global, .none: return rowUnlessShrunk()
            case .posterior, .empiricalBayes: fitTrend()
            }
            phase = .shrink
            return nil
        case .shrink: return rowUnlessShrunk()
        case .shrinkEffects: return row()
        }
    }

    /// The row, or nil after turning to the phase that shrinks its effects.
    private func rowUnlessShrunk() -> PerturbationRow? {
        guard context.options.inlineShrinkage == .apeglm else { return row() }
        let dispersions: [Double] =
            switch context.dispersionSource {
            case .global: context.cache.dispersion
            case .none: [Double](repeating: .nan, count: states.count)
            case .posterior, .empiricalBayes: states.map(\.dispersion)
            }
        effectShrinkage = CountShrinkage(
            input: ShrinkageInput(
                intercept: states.map { $0.isTested ? $0.fit.intercept : 0 },
                effect: states.map { $0.isTested ? $0.fit.effect : 0 },
                standardError: layers().standardError,
                dispersion: dispersions
            ),
            group: group,
            counts: counts
        )
        phase = .shrinkEffects
        return nil
    }

    // MARK: - Phases

    private var limits: CachedEffectFit.Limits {
        CachedEffectFit.Limits(
            tolerance: context.options.tolerance,
            maximumIterations: context.options.maximumIterations,
            cells: comparisonCells
        )
    }

    private func converge(_ gene: Int, _ pair: GenePair) {
        guard states[gene].isTested else { return }
        states[gene].fit.runToConvergence(limits, pair.sums(floor: context.floor))
    }

    private func carryOn(_ gene: Int, _ pair: GenePair) {
        if states[gene].isTested {
            states[gene].fit.run(until: lastIteration, limits, pair.sums(floor: context.floor))
        }
        switch context.dispersionSource {
        case .none:
            states[gene].standardError = WaldTest.standardError(
                controlWeight: states[gene].fit.controlWeight,
                groupWeight: states[gene].fit.groupWeight
            )
        case .global: setError(gene, pair, dispersion: context.cache.dispersion[gene])
        case .posterior, .empiricalBayes: estimateMoments(gene, pair)
        }
    }

    private func isConverged(_ gene: Int) -> Bool {
        states[gene].isTested && states[gene].fit.convergedAt != nil
    }

    private func comparisons(
        _ gene: Int,
        _ pair: GenePair
    ) -> (control: MeasuredComparison, group: MeasuredComparison) {
        let fit = states[gene].fit
        return (
            MeasuredComparison(predictor: fit.intercept, group: pair.tile.control.offsets),
            MeasuredComparison(predictor: fit.intercept + fit.effect, group: group.offsets)
        )
    }

    private func setError(_ gene: Int, _ pair: GenePair, dispersion: Double) {
        states[gene].dispersion = dispersion
        guard isConverged(gene) else { return }
        let comparisons = comparisons(gene, pair)
        states[gene].standardError = context.standardError(
            controlWeight: comparisons.control.weight(
                dispersion: dispersion,
                group: pair.tile.control.offsets,
                nodes: pair.tile.control.nodes
            ),
            groupWeight: comparisons.group.weight(
                dispersion: dispersion,
                group: group.offsets,
                nodes: group.nodes
            )
        )
    }

    private func estimateMoments(_ gene: Int, _ pair: GenePair) {
        let total: Double
        if isConverged(gene) {
            let comparisons = comparisons(gene, pair)
            total =
                comparisons.control.moments(group: pair.tile.control.offsets, gene: pair.control)
                + comparisons.group.moments(group: group.offsets, gene: pair.own)
        } else {
            total =
                pair.control.momentsWithoutFit(group: pair.tile.control.offsets)
                + pair.own.momentsWithoutFit(group: group.offsets)
        }
        if states[gene].isTested {
            states[gene].ownDispersion = ComparisonDispersion.moments(
                total: total,
                cells: comparisonCells
            )
        }
        states[gene].searchedDispersion = ComparisonDispersion.moments(
            total: total,
            cells: comparisonCells,
            largest: ComparisonDispersion.largestSearched(cells: comparisonCells)
        )
    }

    /// Fits the trend over all genes and prepares the search for each gene's dispersion.
    private func fitTrend() {
        let controlMeans = context.cache[.controlMean]
        let controlCells = Double(context.cache.controlCells)
        let means = states.indices.map { gene in
            let scaled = counts.withGene(gene) { $0.scaledSum(group.offsets) }
            return (controlMeans[gene] * controlCells + scaled) / Double(comparisonCells)
        }
        let own = states.map(\.ownDispersion)
        let fitted = DispersionTrend(means: means, dispersions: own)
        trend = means.map { fitted.value(atMean: $0) }
        if context.dispersionSource == .empiricalBayes {
            let shrunken = EmpiricalBayesDispersion.shrink(own: own, trend: trend)
            for gene in states.indices { states[gene].dispersion = shrunken[gene] }
        } else {
            posterior = PosteriorDispersion(
                cells: comparisonCells,
                priorVariance: ComparisonDispersion.priorVariance(
                    dispersions: states.map(\.searchedDispersion),
                    trend: trend,
                    cells: comparisonCells
                )
            )
        }
    }

    private func shrink(_ gene: Int, _ pair: GenePair) {
        var dispersion = states[gene].dispersion
        if let posterior {
            var histogram = pair.tile.histogram(gene)
            histogram.add(pair.own.counts.counts)
            dispersion = posterior.estimate(
                trend: trend[gene],
                logLikelihood: logLikelihood(gene, pair, histogram)
            )
        }
        setError(gene, pair, dispersion: dispersion)
    }

    private func logLikelihood(
        _ gene: Int,
        _ pair: GenePair,
        _ histogram: CountHistogram
    ) -> (Double) -> Double {
        guard isConverged(gene) else {
            let countSum = pair.control.countSum + pair.own.countSum
            return { [comparisonCells] rho in
                NegativeBinomialLikelihood.value(
                    rho: rho,
                    mean: UnclampedMeans.floor,
                    cells: comparisonCells,
                    countSum: countSum,
                    histogram: histogram
                )
            }
        }
        let comparisons = comparisons(gene, pair)
        return { [group] rho in
            comparisons.control.logLikelihood(
                rho: rho,
                group: pair.tile.control.offsets,
                nodes: pair.tile.control.nodes,
                gene: pair.control
            )
                + comparisons.group.logLikelihood(
                    rho: rho,
                    group: group.offsets,
                    nodes: group.nodes,
                    gene: pair.own
                )
                + histogram.logGammaRatioSum(rho: rho)
        }
    }

    // MARK: - Row

    private func row() -> PerturbationRow {
        PerturbationRow(
            perturbation: perturbation,
            bytes: layers().encoded(options: context.options)
        )
    }

    private func layers() -> RowLayers {
        var layers = RowLayers(geneCount: states.count)
        for gene in states.indices {
            layers.share[gene] = context.expression.share(
                gene: gene,
                expressingCells: counts.expressingCells(gene),
                cells: group.count
            )
            let state = states[gene]
            guard state.isTested else { continue }
            layers.setIterations(
                gene,
                done: state.fit.iterations,
                convergedAt: state.fit.convergedAt
            )
            guard state.fit.convergedAt != nil else { continue }
            layers.setTest(
                gene,
                effect: state.fit.effect,
                standardError: state.standardError,
                intercept: state.fit.intercept
            )
        }
        if context.dispersionSource != .global {
            let missing = [Double](repeating: .nan, count: states.count)
            layers.ownDispersion = states.map(\.ownDispersion)
            layers.dispersionTrend = trend.isEmpty ? missing : trend
            layers.dispersion =
                context.dispersionSource == .none ? missing : states.map(\.dispersion)
        }
        layers.shrunken = effectShrinkage?.row
        return layers
    }
}
