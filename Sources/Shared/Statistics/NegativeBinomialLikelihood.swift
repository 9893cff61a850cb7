/// The logarithm of the negative binomial likelihood as a function of ρ = 1/α.
///
/// With fitted mean μ a count Y adds
/// ln Γ(Y + ρ) - ln Γ(ρ) + ρ (ln ρ - ln(ρ + μ + ε)) + Y ln(μ/(ρ + μ + ε) + ε), ε = 1e-12
/// (docs/numbers.md, E10). ln Γ(Y + 1) does not depend on ρ and is left out.
package enum NegativeBinomialLikelihood {
    /// ε, which keeps the logarithms finite.
    static let guardTerm = 1e-12

    /// ρ (ln ρ - ln(ρ + μ + ε)), which every cell adds.
    @inline(__always)
    package static func cellTerm(mean: Double, rho: Double) -> Double {
        -rho * RealFunctions.log1p((mean + guardTerm) / rho)
    }

    /// ln(μ/(ρ + μ + ε) + ε), which each unit of a count adds.
    @inline(__always)
    package static func countTerm(mean: Double, rho: Double) -> Double {
        RealFunctions.log(mean / (rho + mean + guardTerm) + guardTerm)
    }

    /// The log-likelihood of one gene, cell by cell.
    ///
    /// - Parameters:
    ///   - rho: ρ = 1/α, above 0.
    ///   - means: Fitted means, above 0; shape `[cells]`.
    ///   - counts: Counts; shape `[cells]`.
    ///   - histogram: The same counts.
    /// - Returns: The log-likelihood without Σ ln Γ(Y + 1).
    package static func value(
        rho: Double,
        means: UnsafeBufferPointer<Double>,
        counts: UnsafeBufferPointer<UInt32>,
        histogram: CountHistogram
    ) -> Double {
        precondition(means.count == counts.count)
        var sum = 0.0
        for cell in 0..<means.count {
            var term = cellTerm(mean: means[cell], rho: rho)
            if counts[cell] > 0 {
                term += Double(counts[cell]) * countTerm(mean: means[cell], rho: rho)
            }
            sum += term
        }
        return sum + histogram.logGammaRatioSum(rho: rho)
    }

    /// The log-likelihood of a gene whose fitted mean is the same in all cells.
    ///
    /// - Parameters:
    ///   - rho: ρ = 1/α, above 0.
    ///   - mean: The fitted mean, above 0.
    ///   - cells: Number of cells.
    ///   - countSum: Σ Y.
    ///   - histogram: The gene's nonzero counts.
    /// - Returns: The log-likelihood without Σ ln Γ(Y + 1).
    package static func value(
        rho: Double,
        mean: Double,
        cells: Int,
        countSum: Double,
        histogram: CountHistogram
    ) -> Double {
        Double(cells) * cellTerm(mean: mean, rho: rho)
            + countSum * countTerm(mean: mean, rho: rho)
            + histogram.logGammaRatioSum(rho: rho)
    }
}
