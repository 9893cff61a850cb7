/// Wilcoxon's rank-sum test in its normal approximation, one gene (docs/numbers.md, E22).
///
/// No correction for continuity. Sources: Wilcoxon (1945), *Biometrics Bulletin* 1, 80-83; Mann &
/// Whitney (1947), *Annals of Mathematical Statistics* 18, 50-60.
package struct RankSumTest: Equatable, Sendable {
    /// U of the perturbation: pairs with the larger value in the perturbed cell, ties half.
    package let u: Double
    /// U / (n1 n0) - ½: how far the area under the ROC curve is from chance.
    package let effect: Double
    /// Standardised U; 0 where all values are equal.
    package let z: Double
    /// Two-sided p-value of ``z``; 1 where all values are equal.
    package let pValue: Double

    /// Makes the test of its counts.
    ///
    /// - Parameters:
    ///   - counts: Counts of one gene.
    ///   - controlCells: n0, at least 1.
    ///   - perturbedCells: n1, at least 1.
    ///   - correctsTies: Whether equal values reduce the variance.
    package init(
        counts: RankCounts,
        controlCells: Int,
        perturbedCells: Int,
        correctsTies: Bool
    ) {
        let (first, second) = (Double(perturbedCells), Double(controlCells))
        u = Double(counts.doubledU) / 2
        effect = u / (first * second) - 0.5
        let cells = perturbedCells + controlCells
        var correction = 1.0
        let most = RankCounts.tieTerm(cells)
        if correctsTies, most > 0 {
            correction = 1 - Self.double(counts.tieSum) / Self.double(most)
        }
        let variance = correction * first * second * (Double(cells) + 1) / 12
        let deviation = variance.squareRoot()
        // Twice the distance of U from its expectation is a whole number.
        let distance = Double(counts.doubledU - perturbedCells * controlCells) / 2
        if deviation > 0 {
            z = distance / deviation
            pValue = NormalDistribution.twoSidedPValue(z: z)
        } else {
            z = 0
            pValue = 1
        }
    }

    @inline(__always)
    private static func double(_ value: UInt128) -> Double {
        UInt64(exactly: value).map { Double($0) } ?? Double(value)
    }
}
