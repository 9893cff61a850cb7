/// The Wald test of a perturbation effect in the two-group model.
package enum WaldTest {
    /// The standard error of the effect, natural log scale.
    ///
    /// With M = [[Wc+Wk, Wk], [Wk, Wk]] and H = (M + r·I)⁻¹ the variance is the lower right element
    /// of H M H, the "sandwich" of docs/numbers.md, E6 whose meat is the expected information.
    ///
    /// - Parameters:
    ///   - controlWeight: Wc, Σ of the weights over control cells.
    ///   - groupWeight: Wk, Σ of the weights over the perturbation's cells.
    /// - Returns: The standard error, at least 1e-6.
    package static func standardError(controlWeight: Double, groupWeight: Double) -> Double {
        let ridge = FrozenEffectFit.ridge
        let total = controlWeight + groupWeight
        let determinant = max(
            (total + ridge) * (groupWeight + ridge) - groupWeight * groupWeight,
            1e-12
        )
        let h01 = -groupWeight / determinant
        let h11 = (total + ridge) / determinant
        let variance =
            h01 * h01 * total + 2 * h01 * h11 * groupWeight + h11 * h11 * groupWeight
        return max(variance, 1e-12).squareRoot()
    }
}

extension WaldTest {
    /// The standard error of the effect from the inverse of the ridged information alone.
    ///
    /// - Parameters:
    ///   - controlWeight: Wc, Σ of the weights over control cells.
    ///   - groupWeight: Wk, Σ of the weights over the perturbation's cells.
    /// - Returns: The square root of the lower right element of H = (M + r·I)⁻¹, at least 1e-6.
    package static func fisherStandardError(controlWeight: Double, groupWeight: Double) -> Double {
        let ridge = FrozenEffectFit.ridge
        let total = controlWeight + groupWeight
        let determinant = max(
            (total + ridge) * (groupWeight + ridge) - groupWeight * groupWeight,
            1e-12
        )
        return max((total + ridge) / determinant, 1e-12).squareRoot()
    }
}
