/// Fits intercept, effect and dispersion of one gene to control and one perturbation.
///
/// Iteratively reweighted least squares in the two-group model with a ridge of 1e-6; after each step
/// the dispersion is the moment estimate at the means of that step (docs/numbers.md, E13; McCullagh &
/// Nelder 1989, §2.5). All genes of a perturbation stop together, when the slowest has converged:
/// genes are run to their own flag first and carried on to the common last iteration afterwards,
/// which gives the same bits as running them side by side.
package struct CachedEffectFit: Sendable {
    /// β0, natural log of the control's mean at size factor 1.
    package private(set) var intercept: Double
    /// β1, natural log scale.
    package private(set) var effect = 0.0
    /// α, variance = μ + αμ².
    package private(set) var dispersion: Double
    /// Σ W over the control cells in the last iteration, before β was last updated.
    package private(set) var controlWeight = 0.0
    /// Σ W over the perturbation's cells in the last iteration, before β was last updated.
    package private(set) var groupWeight = 0.0
    /// Iterations done so far.
    package private(set) var iterations = 0
    /// The iteration whose change first fell below the tolerance; nil while there is none.
    package private(set) var convergedAt: Int?

    private var isFixedPoint = false

    /// When a fit stops, and the size of the comparison.
    package struct Limits: Sendable {
        /// Convergence threshold of the change of both coefficients, natural log.
        package var tolerance: Double
        /// The largest number of iterations.
        package var maximumIterations: Int
        /// Cells of control and perturbation together.
        package var cells: Int

        /// Gathers the limits of one comparison.
        package init(tolerance: Double, maximumIterations: Int, cells: Int) {
            self.tolerance = tolerance
            self.maximumIterations = maximumIterations
            self.cells = cells
        }
    }

    /// The sums of one iteration, dispersion terms included.
    package struct Sums {
        /// Over the control cells, at the predictor β0.
        package var control: WorkingSums
        /// Over the perturbation's cells, at the predictor β0 + β1.
        package var group: WorkingSums

        /// Pairs the sums of both groups.
        package init(control: WorkingSums, group: WorkingSums) {
            self.control = control
            self.group = group
        }
    }

    /// Gives the sums at a control predictor, a perturbation predictor and a dispersion.
    package typealias SumsAt = (_ control: Double, _ group: Double, _ dispersion: Double) -> Sums

    /// Starts at the control's own fit, without an effect.
    ///
    /// - Parameters:
    ///   - intercept: β0 in the control cells alone, natural log.
    ///   - dispersion: α in the control cells alone.
    package init(intercept: Double, dispersion: Double) {
        self.intercept = intercept
        self.dispersion = dispersion
    }

    /// Iterates until the gene's own change is below the tolerance or the iterations run out.
    package mutating func runToConvergence(_ limits: Limits, _ sums: SumsAt) {
        while convergedAt == nil, iterations < limits.maximumIterations { step(limits, sums) }
    }

    /// Carries the fit on until `iterations` have been done in all.
    package mutating func run(until iterations: Int, _ limits: Limits, _ sums: SumsAt) {
        while self.iterations < iterations {
            if isFixedPoint {
                self.iterations = iterations
            } else {
                step(limits, sums)
            }
        }
    }

    private mutating func step(_ limits: Limits, _ sums: SumsAt) {
        let sums = sums(intercept, intercept + effect, dispersion)
        controlWeight = sums.control.weight
        groupWeight = sums.group.weight
        let ridge = FrozenEffectFit.ridge
        let total = controlWeight + groupWeight + ridge
        let own = groupWeight + ridge
        let response = sums.control.weightedResponse + sums.group.weightedResponse
        let ownResponse = sums.group.weightedResponse
        var determinant = total * own - groupWeight * groupWeight
        if determinant.magnitude < 1e-12 { determinant = 1e-12 }
        let nextIntercept = (own * response - groupWeight * ownResponse) / determinant
        let nextEffect = (total * ownResponse - groupWeight * response) / determinant
        iterations += 1
        // A change that is no number is above every tolerance.
        if convergedAt == nil, (nextIntercept - intercept).magnitude < limits.tolerance,
            (nextEffect - effect).magnitude < limits.tolerance
        {
            convergedAt = iterations
        }
        let moments =
            (sums.control.dispersionTerms + sums.group.dispersionTerms)
            / Double(max(limits.cells - 2, 1))
        let nextDispersion =
            moments.isNaN
            ? dispersion
            : min(max(moments, ComparisonDispersion.least), ComparisonDispersion.largestReported)
        // A step that changed no bit changes none ever after: the iteration is a pure function.
        isFixedPoint =
            nextIntercept == intercept && nextEffect == effect && nextDispersion == dispersion
        intercept = nextIntercept
        effect = nextEffect
        dispersion = nextDispersion
    }
}
