/// The scale of the Cauchy prior of fold changes, from their spread beyond their standard errors.
///
/// With S = β̂² and D = se² the variance a of the effects themselves solves
/// Σ w(a)(S - D)/Σ w(a) = a with w(a) = 1/(2(a + D)²); the scale is √a, at most 1 (docs/numbers.md,
/// E23; Zhu, Ibrahim & Love 2019, section 2.3).
package enum PriorScale {
    /// The scale where no pair has an estimate.
    package static let withoutPairs = 1.0

    private static let smallestVariance = 1e-6
    private static let largestVariance = 400.0
    private static let varianceTolerance = 1e-6

    /// Sums over pairs at one trial variance; sums of parts are added in the order of the parts.
    package struct Sums: Sendable, Equatable {
        /// Pairs with a finite effect and a finite positive error.
        package var pairs = 0
        /// Σ w.
        package var weight = 0.0
        /// Σ w (S - D).
        package var weightedExcess = 0.0

        /// No pairs.
        package init() {}

        /// Sums over some pairs.
        ///
        /// - Parameters:
        ///   - effects: β̂, natural log; shape `[pairs]`.
        ///   - errors: Their standard errors; shape `[pairs]`.
        ///   - variance: The trial variance a.
        package init(effects: [Double], errors: [Double], variance: Double) {
            precondition(effects.count == errors.count, "one error for each effect")
            for (effect, error) in zip(effects, errors)
            where effect.isFinite && error.isFinite && error > 0 {
                let noise = error * error
                let sum = variance + noise
                let weight = 1 / (2 * (sum * sum))
                pairs += 1
                self.weight += weight
                weightedExcess += (effect * effect - noise) * weight
            }
        }

        /// Adds the sums over other pairs.
        package static func += (sums: inout Sums, other: Sums) {
            sums.pairs += other.pairs
            sums.weight += other.weight
            sums.weightedExcess += other.weightedExcess
        }
    }

    /// The scale from pairs that are all at hand.
    ///
    /// - Parameters:
    ///   - effects: β̂, natural log; NaN where there is none; shape `[pairs]`.
    ///   - errors: Their standard errors; shape `[pairs]`.
    /// - Returns: From 1e-3 to 1.
    package static func estimate(effects: [Double], errors: [Double]) -> Double {
        estimate { Sums(effects: effects, errors: errors, variance: $0) }
    }

    /// The scale from pairs that are summed elsewhere, for example row by row from a file.
    ///
    /// Where no variance up to 400 solves the equation, or any value is not a number, the smallest
    /// scale is returned: the published package's choice, under which effects of enormous spread are
    /// shrunk most.
    ///
    /// - Parameter sums: The sums over all pairs at a trial variance; asked for about 15 times.
    /// - Returns: From 1e-3 to 1.
    /// - Throws: What `sums` throws.
    package static func estimate<Failure: Error>(
        sums: (Double) throws(Failure) -> Sums
    ) throws(Failure) -> Double {
        var failure: Failure?
        let atSmallest = try sums(smallestVariance)
        guard atSmallest.pairs > 0 else { return withoutPairs }
        guard !(excess(atSmallest, smallestVariance) < 0) else {
            return smallestVariance.squareRoot()
        }
        let root = RootFinder.root(
            between: smallestVariance,
            and: largestVariance,
            tolerance: varianceTolerance
        ) { variance in
            do throws(Failure) {
                return excess(try sums(variance), variance)
            } catch {
                failure = error
                return .nan
            }
        }
        if let failure { throw failure }
        return min((root ?? smallestVariance).squareRoot(), 1)
    }

    private static func excess(_ sums: Sums, _ variance: Double) -> Double {
        sums.weightedExcess / sums.weight - variance
    }
}
