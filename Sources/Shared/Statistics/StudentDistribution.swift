/// Tails of Student's t distribution.
package enum StudentDistribution {
    /// The two-sided tail probability.
    ///
    /// I_x(ν/2, ½) at x = ν/(ν + t²), taken with its complement t²/(ν + t²), so that nothing
    /// cancels near 0 nor far out. Relative error below 10⁻¹² down to 10⁻³⁰⁰; 0 for `t`
    /// beyond 10¹⁵⁴, whose square is no double; NaN for NaN.
    ///
    /// - Parameters:
    ///   - t: The statistic.
    ///   - degreesOfFreedom: ν, at least 1 and at most 2·10⁷; need not be whole.
    /// - Returns: Probability that a t-distributed deviate is at least as far from 0 as `t`.
    package static func twoSidedPValue(t: Double, degreesOfFreedom: Double) -> Double {
        let distance = t.magnitude
        let square = distance * distance
        if square == .infinity { return 0 }
        let total = degreesOfFreedom + square
        return RealFunctions.incompleteBetaTails(
            degreesOfFreedom / total,
            complement: square / total,
            degreesOfFreedom / 2,
            0.5
        ).lower
    }
}
