/// Tails of the standard normal distribution.
package enum NormalDistribution {
    /// Probability that a standard normal deviate is at least as far from 0 as `z`.
    ///
    /// erfc(|z| / √2), relative error below 10⁻¹⁴ while the result is normal; 1 exactly at 0, 0
    /// beyond 38.5 and for infinite `z`, NaN for NaN.
    ///
    /// The exponent is taken from z² itself: squaring the rounded |z| / √2 would lose z² units in
    /// the last place of the result.
    package static func twoSidedPValue(z: Double) -> Double {
        let distance = z.magnitude
        let scaled = distance * 0x1.6a09e667f3bcdp-1
        if scaled < 0.5 { return 1 - RealFunctions.erfNearZero(scaled) }
        guard distance <= 39 else { return distance > 39 ? 0 : .nan }
        let square = DoublePair(productOf: distance, distance)
        let halfSquare = DoublePair(high: 0.5 * square.high, low: 0.5 * square.low)
        return RealFunctions.exponentialOfNegated(halfSquare) * RealFunctions.scaledErfc(scaled)
    }
}
