/// Fits intercept and dispersion of one gene to the control cells, one iteration at a time.
///
/// Intercept only, log link, dispersion by the method of moments (docs/numbers.md, E2). All genes of a run
/// stop together, so the caller decides after each step whether its result is the last one. A step
/// leaves its outcome pending: the next step commits it, or ``finish(stoppedByTolerance:)`` does.
package struct ControlFit: Sendable {
    /// β, natural log of the mean at size factor 1.
    package private(set) var intercept: Double
    /// α, variance = μ + αμ².
    package private(set) var dispersion: Double
    /// |β' - β| of the last step; infinity before the first.
    package private(set) var change = Double.infinity

    private var nextIntercept: Double
    private var nextDispersion: Double
    private var isFixedPoint = false

    /// Starts at the mean count over the mean size factor, with dispersion 0.1.
    ///
    /// - Parameters:
    ///   - meanCount: Mean raw count over the control cells.
    ///   - meanSizeFactor: Mean size factor over the control cells.
    package init(meanCount: Double, meanSizeFactor: Double) {
        intercept = RealFunctions.log(max(meanCount / meanSizeFactor, 1e-10))
        dispersion = 0.1
        nextIntercept = intercept
        nextDispersion = dispersion
    }

    /// Does one iteration: commits what the previous one proposed, then proposes anew.
    package mutating func step(
        floor: MeanFloor,
        control: borrowing GroupOffsets,
        gene: GeneCounts
    ) {
        // A step that changed no bit changes none ever after: the iteration is a pure function.
        guard !isFixedPoint else { return }
        intercept = nextIntercept
        dispersion = nextDispersion
        let sums = WorkingSums(
            predictor: intercept,
            dispersion: dispersion,
            floor: floor,
            group: control,
            gene: gene,
            withDispersionTerms: true
        )
        nextIntercept = sums.weightedResponse / max(sums.weight, 1e-10)
        let moments = sums.dispersionTerms / Double(max(control.count - 1, 1))
        nextDispersion = moments.isFinite ? min(max(moments, 1e-8), 1e6) : dispersion
        change = (nextIntercept - intercept).magnitude
        isFixedPoint = nextIntercept == intercept && nextDispersion == dispersion
    }

    /// Ends the iteration.
    ///
    /// - Parameter stoppedByTolerance: True when all genes changed less than the tolerance: the
    ///   dispersion then stays that of the step before. False when the iterations ran out.
    package mutating func finish(stoppedByTolerance: Bool) {
        intercept = nextIntercept
        if !stoppedByTolerance { dispersion = nextDispersion }
    }

    /// Σ W over the control cells at the fitted values: the control's share of the information.
    package func weight(
        floor: MeanFloor,
        control: borrowing GroupOffsets,
        gene: GeneCounts
    ) -> Double {
        WorkingSums(
            predictor: intercept,
            dispersion: dispersion,
            floor: floor,
            group: control,
            gene: gene,
            withDispersionTerms: false
        ).weight
    }
}
