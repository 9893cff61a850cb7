/// The dispersion that maximises the adjusted profile likelihood on a grid (Cox & Reid 1987).
///
/// The grid is 10^(-3 + 5j/9), j = 0 ... 9; the first of equal maxima wins (docs/numbers.md, E11).
package enum CoxReidDispersion {
    /// The dispersions that are compared.
    package static let grid: [Double] = (0..<10).map { index in
        let exponent = -3 + 5.0 / 9 * Double(index)
        return RealFunctions.exp(exponent * RealFunctions.log(10))
    }

    /// Estimates the dispersion of one gene.
    ///
    /// - Parameters:
    ///   - logLikelihood: The log-likelihood at ρ = 1/α; what does not depend on ρ may be left out.
    ///   - logDeterminant: ln det XᵀWX at α, with weights at the same fitted means.
    /// - Returns: One of the values of ``grid``.
    package static func estimate(
        logLikelihood: (_ rho: Double) -> Double,
        logDeterminant: (_ dispersion: Double) -> Double
    ) -> Double {
        var best = grid[0]
        var highest = -Double.infinity
        for dispersion in grid {
            let value = logLikelihood(1 / dispersion) - 0.5 * logDeterminant(dispersion)
            // The published package takes a value that is not a number for the best.
            if value.isNaN { return dispersion }
            if value > highest {
                highest = value
                best = dispersion
            }
        }
        return best
    }

    /// ln det XᵀWX of the two-group model.
    ///
    /// - Parameters:
    ///   - controlWeight: Σ W over the control cells.
    ///   - groupWeight: Σ W over the perturbation's cells.
    /// - Returns: The logarithm of the determinant, which counts as at least 1e-12.
    package static func logDeterminant(controlWeight: Double, groupWeight: Double) -> Double {
        let total = controlWeight + groupWeight
        return RealFunctions.log(max(total * groupWeight - groupWeight * groupWeight, 1e-12))
    }
}
