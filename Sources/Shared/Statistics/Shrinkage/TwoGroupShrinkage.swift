/// Shrinks the effects of one perturbation with the likelihood of its counts and those of control.
///
/// The design is an intercept and the perturbation's indicator. Cost of a gene: a logarithm and a
/// division for each of about 60 nodes in each of about 30 evaluations, however many cells there are.
package struct TwoGroupShrinkage: Sendable {
    private let model: PosteriorModel<SIMD2<Double>>
    private let groups: [GroupPart]

    /// One of the two groups.
    package struct GroupPart: Sendable {
        let offsets: GroupOffsets
        let nodes: SizeFactorNodes

        /// Joins the cells of a group with their nodes.
        package init(offsets: GroupOffsets, nodes: SizeFactorNodes) {
            self.offsets = offsets
            self.nodes = nodes
        }
    }

    /// Prepares what all genes share.
    ///
    /// - Parameters:
    ///   - control: The control cells.
    ///   - perturbed: The perturbation's cells.
    ///   - priorScale: σ, natural log.
    ///   - minimumMean: Floor of fitted means in J; not positive for none.
    package init(
        control: GroupPart,
        perturbed: GroupPart,
        priorScale: Double,
        minimumMean: Double = 0
    ) {
        groups = [control, perturbed]
        let (first, second) = (control.nodes, perturbed.nodes)
        model = PosteriorModel(
            strata: [
                CellStratum(row: SIMD2(1, 0), nodes: 0..<first.count),
                CellStratum(row: SIMD2(1, 1), nodes: first.count..<first.count + second.count),
            ],
            sizeFactors: first.sizeFactors + second.sizeFactors,
            offsets: first.offsets + second.offsets,
            cellWeights: first.cellWeights + second.cellWeights,
            columns: 2,
            shrunken: 1,
            prior: CauchyPrior(scale: priorScale),
            floor: minimumMean > 0 ? MeanFloor(minimum: minimumMean) : nil
        )
    }

    /// Room for one gene's sums, to be reused from gene to gene by one thread.
    package func makeScratch() -> [Double] {
        [Double](repeating: 0, count: model.sizeFactors.count)
    }

    /// Shrinks one gene.
    ///
    /// - Parameters:
    ///   - control: Its counts in the control cells.
    ///   - perturbed: Its counts in the perturbation's cells.
    ///   - earlier: The earlier fit: intercept and effect, error, dispersion.
    ///   - scratch: Room, left in any state.
    /// - Returns: Mode and error of the posterior.
    package func shrink(
        control: MeasuredGene,
        perturbed: MeasuredGene,
        earlier: EarlierFit,
        scratch: inout [Double]
    ) -> ShrunkenEffect {
        if let unshrunken = earlier.unshrunken(model.shrunken) { return unshrunken }
        var counts = PosteriorCounts<SIMD2<Double>>(room: &scratch)
        defer { counts.giveBack(&scratch) }
        let first = control.nodeWeights.count
        for index in 0..<first { counts.nodeCounts[index] = control.nodeWeights[index] }
        for index in 0..<perturbed.nodeWeights.count {
            counts.nodeCounts[first + index] = perturbed.nodeWeights[index]
        }
        counts.total = control.countSum + perturbed.countSum
        counts.designSums = SIMD2(counts.total, perturbed.countSum)
        // The offset is its own interpolant.
        for index in counts.nodeCounts.indices {
            counts.offsetSum += counts.nodeCounts[index] * model.offsets[index]
        }
        var floored: [FlooredGroup] = []
        if model.floor != nil {
            floored = zip(groups, [control, perturbed]).map { FlooredGroup(part: $0, gene: $1) }
        }
        return model.shrink(counts, earlier, floored)
    }
}
