/// Fits the perturbation effect of one gene while intercept and dispersion stay frozen.
///
/// Iteratively reweighted least squares for β1 with a ridge of 1e-6 (docs/numbers.md, E5). All genes of a
/// perturbation stop together, when the slowest has converged: genes are run to their own flag
/// first and carried on to the common last iteration afterwards, which gives the same bits as
/// running them side by side.
package struct FrozenEffectFit: Sendable {
    /// β1, natural log scale.
    package private(set) var effect = 0.0
    /// Σ W over the perturbation's cells in the last iteration, before β1 was last updated.
    package private(set) var weight = 0.0
    /// Iterations done so far.
    package private(set) var iterations = 0
    /// The iteration whose change first fell below the tolerance; nil while there is none.
    package private(set) var convergedAt: Int?

    private var isFixedPoint = false

    /// The ridge added to the normal equations.
    package static let ridge = 1e-6

    /// A fit that starts at no effect.
    package init() {}

    /// Iterates until the gene's own change is below the tolerance or the iterations run out.
    package mutating func runToConvergence(
        model: FrozenModel,
        group: borrowing GroupOffsets,
        gene: GeneCounts
    ) {
        while convergedAt == nil, iterations < model.maximumIterations {
            step(model: model, group: group, gene: gene)
        }
    }

    /// Carries the fit on until `iterations` have been done in all.
    package mutating func run(
        until iterations: Int,
        model: FrozenModel,
        group: borrowing GroupOffsets,
        gene: GeneCounts
    ) {
        while self.iterations < iterations {
            if isFixedPoint {
                self.iterations = iterations
            } else {
                step(model: model, group: group, gene: gene)
            }
        }
    }

    private mutating func step(
        model: FrozenModel,
        group: borrowing GroupOffsets,
        gene: GeneCounts
    ) {
        let sums = WorkingSums(
            predictor: model.intercept + effect,
            dispersion: model.dispersion,
            floor: model.floor,
            group: group,
            gene: gene,
            withDispersionTerms: false
        )
        let next =
            (sums.weightedResponse - model.intercept * sums.weight)
            / max(sums.weight + Self.ridge, 1e-12)
        weight = sums.weight
        iterations += 1
        let change = (next - effect).magnitude
        if convergedAt == nil, change < model.tolerance { convergedAt = iterations }
        isFixedPoint = next == effect
        effect = next
    }
}

/// What stays fixed while ``FrozenEffectFit`` runs.
package struct FrozenModel: Sendable {
    /// β0, natural log, from the control cells.
    package var intercept: Double
    /// α, variance = μ + αμ².
    package var dispersion: Double
    /// The floor of the fitted mean.
    package var floor: MeanFloor
    /// Convergence threshold of |β1' - β1|.
    package var tolerance: Double
    /// The largest number of iterations.
    package var maximumIterations: Int

    /// Gathers the fixed quantities of one gene.
    package init(
        intercept: Double,
        dispersion: Double,
        floor: MeanFloor,
        tolerance: Double,
        maximumIterations: Int
    ) {
        self.intercept = intercept
        self.dispersion = dispersion
        self.floor = floor
        self.tolerance = tolerance
        self.maximumIterations = maximumIterations
    }
}
