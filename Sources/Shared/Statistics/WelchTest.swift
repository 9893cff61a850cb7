/// Welch's t-test of two groups of cells, one gene (docs/numbers.md, E20).
///
/// Source: Welch (1947), *Biometrika* 34, 28-35.
package struct WelchTest: Equatable, Sendable {
    /// What the test needs to know of one group.
    package struct Group: Equatable, Sendable {
        /// Cells in the group.
        package let cells: Double
        /// Arithmetic mean over all cells.
        package let mean: Double
        /// Variance over all cells (n - 1 in the denominator); 0 for a single cell.
        package let variance: Double

        /// States a group's moments.
        package init(cells: Double, mean: Double, variance: Double) {
            self.cells = cells
            self.mean = mean
            self.variance = variance
        }

        /// Takes the moments from sums over the group's cells.
        ///
        /// - Parameters:
        ///   - cells: n, at least 1.
        ///   - sum: Σ x.
        ///   - squares: Σ x².
        package init(cells: Double, sum: Double, squares: Double) {
            self.cells = cells
            mean = sum / cells
            let spread = cells > 1 ? (squares - sum * sum / cells) / (cells - 1) : 0
            // Rounding can leave a negative difference; NaN stays NaN.
            variance = spread < 0 ? 0 : spread
        }

        /// Squared standard error of the mean.
        var squaredError: Double { variance / cells }
    }

    /// Difference of the means, perturbation less control, rounded to single precision.
    ///
    /// The statistic is made of the rounded difference, as the published package makes it.
    package let effect: Float
    /// Standard error of the difference.
    package let standardError: Double
    /// Welch-Satterthwaite degrees of freedom, at least 1; 10⁶ where they are undefined.
    package let degreesOfFreedom: Double

    /// Compares a perturbation with the control.
    package init(control: Group, perturbed: Group) {
        effect = Float(perturbed.mean - control.mean)
        let (first, second) = (perturbed.squaredError, control.squaredError)
        let total = first + second
        standardError = total.squareRoot()
        var denominator = 0.0
        if perturbed.cells > 1 { denominator += first * first / (perturbed.cells - 1) }
        if control.cells > 1 { denominator += second * second / (control.cells - 1) }
        degreesOfFreedom = denominator > 0 ? max(total * total / denominator, 1) : 1e6
    }

    /// Whether there is a statistic: the standard error is above 0.
    package var isDefined: Bool { standardError > 0 }

    /// t, the effect over its standard error.
    package var statistic: Double { Double(effect) / standardError }

    /// Two-sided p-value of ``statistic``.
    package var pValue: Double {
        StudentDistribution.twoSidedPValue(t: statistic, degreesOfFreedom: degreesOfFreedom)
    }
}
