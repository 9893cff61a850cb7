import Statistics

/// How far a value may be from the reference's.
struct Bound: Equatable, Sendable {
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
    /// Allowed difference in steps of the single precision number next to the reference's value.
    var singleSteps = 0.0

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
        if singleSteps > 0 { allowed += singleSteps * Double(Float(expected).ulp) }
        return allowed > 0 ? (found - expected).magnitude / allowed : .infinity
    }

    /// The larger of two bounds, part by part.
    func loosened(to other: Bound) -> Bound {
        Bound(
            absolute: max(absolute, other.absolute),
            relative: max(relative, other.relative),
            perError: max(perError, other.perError),
            ofLogarithms: ofLogarithms || other.ofLogarithms,
            shareBeside: max(shareBeside, other.shareBeside),
            singleSteps: max(singleSteps, other.singleSteps)
        )
    }

    /// ln of a p-value, floored where doubles end.
    private static func logarithm(_ pValue: Double) -> Double {
        RealFunctions.log(max(pValue, 1e-290))
    }
}
