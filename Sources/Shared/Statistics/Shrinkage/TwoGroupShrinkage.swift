/// Shrinks the effects of one perturbation with the likelihood of its counts and those of control.
///
/// The design is an intercept and the perturbation's indicator. Cost of a gene: a logarithm and a
/// division for each of about 60 points in each of about 30 evaluations.
package struct TwoGroupShrinkage: Sendable {
    private let model: PosteriorModel<SIMD2<Double>>
    private let controlNodes: Int

    /// Prepares the sums that all genes share.
    ///
    /// - Parameters:
    ///   - control: Points of the control cells.
    ///   - perturbed: Points of the perturbation's cells.
    ///   - priorScale: σ, natural log.
    ///   - minimumMean: Floor of fitted means; with one, every cell must be its own point.
    package init(
        control: OffsetNodes,
        perturbed: OffsetNodes,
        priorScale: Double,
        minimumMean: Double = 0
    ) {
        precondition(minimumMean <= 0 || (control.areCells && perturbed.areCells))
        controlNodes = control.count
        model = PosteriorModel(
            strata: [
                CellStratum(row: SIMD2(1, 0), nodes: 0..<control.count),
                CellStratum(
                    row: SIMD2(1, 1),
                    nodes: control.count..<control.count + perturbed.count
                ),
            ],
            sizeFactors: control.sizeFactors + perturbed.sizeFactors,
            offsets: control.offsets + perturbed.offsets,
            cellWeights: control.cellWeights + perturbed.cellWeights,
            columns: 2,
            shrunken: 1,
            prior: CauchyPrior(scale: priorScale),
            minimumMean: minimumMean
        )
    }

    /// Shrinks some genes.
    ///
    /// - Parameters:
    ///   - genes: The genes.
    ///   - control: Counts of the control cells; must hold the genes.
    ///   - perturbed: Counts of the perturbation's cells; must hold the genes.
    ///   - earlier: What the earlier fit knows of a gene: intercept and effect, error, dispersion.
    ///   - receive: Takes a gene's mode and error.
    package func shrink(
        genes: Range<Int>,
        control: GroupCounts,
        perturbed: GroupCounts,
        earlier: (Int) -> EarlierFit,
        receive: (Int, ShrunkenEffect) -> Void
    ) {
        var counts = PosteriorCounts<SIMD2<Double>>(
            nodeCounts: [Double](repeating: 0, count: model.sizeFactors.count),
            designSums: SIMD2(0, 0),
            offsetSum: 0,
            total: 0
        )
        for gene in genes {
            let fit = earlier(gene)
            if let unshrunken = fit.unshrunken(model.shrunken) {
                receive(gene, unshrunken)
                continue
            }
            control.spread(gene, into: &counts.nodeCounts, at: 0)
            perturbed.spread(gene, into: &counts.nodeCounts, at: controlNodes)
            counts.total = control.total(gene) + perturbed.total(gene)
            counts.designSums = SIMD2(counts.total, perturbed.total(gene))
            counts.offsetSum = control.offsetSum(gene) + perturbed.offsetSum(gene)
            receive(gene, model.shrink(counts, fit))
        }
    }
}
