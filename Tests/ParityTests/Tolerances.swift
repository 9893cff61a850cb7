import Statistics

/// How far a value may be from the reference's.
struct Bound: Sendable {
    /// Allowed difference, whatever the value.
    var absolute = 0.0
    /// Allowed difference as a share of the reference's value.
    var relative = 0.0
    /// Allowed difference as a share of the element's standard error.
    var perError = 0.0
    /// Whether the logarithms are compared.
    var ofLogarithms = false
    /// Share of the elements that may be one off; the others must be equal.
    var shareBeside = 0.0

    /// Equal, or both missing.
    static let exact = Bound()

    /// The share of the allowed difference that is used up; above 1 is too much.
    ///
    /// Both missing or both equal is 0; one missing is infinite.
    func excess(_ expected: Double, _ found: Double, error: Double) -> Double {
        if expected == found || (expected.isNaN && found.isNaN) { return 0 }
        guard expected.isFinite, found.isFinite else { return .infinity }
        guard shareBeside == 0 else { return (expected - found).magnitude <= 1 ? 0 : .infinity }
        var (expected, found) = (expected, found)
        if ofLogarithms {
            // A negative value is no probability and must not vanish in the logarithm's floor.
            guard found >= 0 else { return .infinity }
            expected = Bound.logarithm(expected)
            found = Bound.logarithm(found)
        }
        var allowed = absolute + relative * expected.magnitude
        if perError > 0, error.isFinite { allowed += perError * error }
        return allowed > 0 ? (found - expected).magnitude / allowed : .infinity
    }

    /// The larger of two bounds, part by part.
    func loosened(to other: Bound) -> Bound {
        Bound(
            absolute: max(absolute, other.absolute),
            relative: max(relative, other.relative),
            perError: max(perError, other.perError),
            ofLogarithms: ofLogarithms,
            shareBeside: max(shareBeside, other.shareBeside)
        )
    }
}

/// The bounds of every layer and stage, with the reason for each set of figures.
///
/// The same figures as `Fixtures/comparison.py`, which compares the built executables.
struct Tolerances: Sendable {
    let effect: Bound
    let intercept: Bound
    let standardError: Bound
    let zScore: Bound
    let pValue: Bound
    let dispersion: Bound
    let trend: Bound
    let iterations: Bound
    let sizeFactor: Bound
    /// Means and summed weights of a group: one sum of terms that are all positive.
    let positiveSum: Bound

    /// Both sides use the same size factors: they were given, or the file holds integers, whose
    /// logarithms the reference takes as doubles.
    ///
    /// Only the order of additions and the last digit of exp and log differ. A p-value is compared
    /// as ln p, because z enters it squared. A moment estimate of dispersion is the difference of
    /// large sums, so that its relative error has no bound near zero.
    static let sameSizeFactors = Tolerances(
        effect: Bound(absolute: 1e-10, perError: 1e-10),
        intercept: Bound(absolute: 1e-10),
        standardError: Bound(relative: 1e-9),
        zScore: Bound(absolute: 1e-9, relative: 1e-9),
        pValue: Bound(absolute: 1e-9, relative: 1e-9, ofLogarithms: true),
        dispersion: Bound(absolute: 1e-11, relative: 1e-9),
        trend: Bound(relative: 1e-9),
        iterations: .exact,
        sizeFactor: Bound(relative: 1e-12),
        positiveSum: Bound(relative: 1e-9)
    )

    /// Size factors from a float32 file: the reference takes the logarithms of its counts in single
    /// precision, ours are doubles.
    ///
    /// That moves a size factor by up to 4e-8 and everything after it in proportion; a gene whose
    /// last step is that close to `tol` takes one iteration more or less.
    static let ownSizeFactors = Tolerances(
        effect: Bound(absolute: 1e-7, perError: 3e-7),
        intercept: Bound(absolute: 1e-7),
        standardError: Bound(relative: 1e-6),
        zScore: Bound(absolute: 1e-6, relative: 1e-6),
        pValue: Bound(absolute: 3e-6, relative: 3e-6, ofLogarithms: true),
        dispersion: Bound(absolute: 1e-6, relative: 1e-5),
        trend: Bound(relative: 1e-6),
        iterations: Bound(shareBeside: 1e-3),
        sizeFactor: Bound(relative: 1e-7),
        positiveSum: Bound(relative: 1e-6)
    )

    /// Genes silent in the control, without a floor on fitted means.
    ///
    /// They have no intercept: the reference's is where its iterations ran out, and the standard
    /// error is the difference of numbers a billion times larger, so that its fourth digit depends
    /// on the order of additions.
    static let silent = Tolerances(
        effect: Bound(absolute: 1e-3),
        intercept: Bound(absolute: 1e-3),
        standardError: Bound(relative: 1e-2),
        zScore: Bound(absolute: 1e-3, relative: 1e-2),
        pValue: Bound(absolute: 1e-2, relative: 3e-2, ofLogarithms: true),
        dispersion: ownSizeFactors.dispersion,
        trend: ownSizeFactors.trend,
        iterations: Bound(shareBeside: 1e-2),
        sizeFactor: ownSizeFactors.sizeFactor,
        positiveSum: ownSizeFactors.positiveSum
    )

    /// The bound of a layer of the result; nil for a name that no result has.
    func bound(ofLayer name: String) -> Bound? {
        switch name {
        case "X", "logfoldchanges", "logfoldchange_raw", "logfoldchange_raw_ln": effect
        case "intercept": intercept
        case "standard_error", "standard_error_ln": standardError
        case "z_score": zScore
        case "pvalue", "pvalue_adj": pValue
        case "dispersion", "dispersion_raw": dispersion
        case "dispersion_trend": trend
        case "iterations": iterations
        // Flags and shares of cells are counts, whatever the size factors.
        case "converged", "pts", "pts_rest": .exact
        default: nil
        }
    }

    /// The bound of a recorded intermediate value; nil for a name that is not recorded.
    func bound(ofStage name: String) -> Bound? {
        switch name {
        case "control_intercept": intercept
        case "control_dispersion", "dispersion_moments", "dispersion": dispersion
        case "control_weight", "control_mean", "mean": positiveSum
        case "control_expressing": .exact
        case "dispersion_trend": trend
        default: nil
        }
    }
}

extension Bound {
    /// ln of a p-value, floored where doubles end.
    private static func logarithm(_ pValue: Double) -> Double {
        RealFunctions.log(max(pValue, 1e-290))
    }
}
