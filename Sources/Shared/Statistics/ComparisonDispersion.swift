/// What the estimates of dispersion within one comparison share (docs/numbers.md, E9).
///
/// A comparison is the control cells with those of one perturbation.
package enum ComparisonDispersion {
    /// The smallest dispersion.
    package static let least = 1e-8
    /// The largest moment estimate that is reported.
    package static let largestReported = 1e6

    /// The largest dispersion that is searched: the number of cells, at least 10.
    package static func largestSearched(cells: Int) -> Double { max(10, Double(cells)) }

    /// The method-of-moments estimate ΣD / (n - 2), within limits.
    ///
    /// - Parameters:
    ///   - total: ΣD with D = ((Y - μ)² - Y)/max(μ², 1e-10), over all cells of the comparison.
    ///   - cells: n, cells of the comparison.
    ///   - parameters: Coefficients of the model, 2 without covariates.
    ///   - largest: The upper limit.
    /// - Returns: The estimate, from 1e-8 to `largest`; NaN where the total is.
    package static func moments(
        total: Double,
        cells: Int,
        parameters: Int = 2,
        largest: Double = largestReported
    ) -> Double {
        let estimate = total / Double(max(cells - parameters, 1))
        if estimate.isNaN { return .nan }
        return min(max(estimate, least), largest)
    }

    /// The variance of the prior of ln α around the trend.
    ///
    /// A robust variance of the deviations from the trend, less what sampling alone would cause
    /// (Love, Huber & Anders 2014), at least 0.25; 0.25 for up to 10 genes.
    ///
    /// - Parameters:
    ///   - dispersions: Moment estimates; shape `[genes]`. Those not finite are left out.
    ///   - trend: The trend at each gene; shape `[genes]`. Likewise.
    ///   - cells: n, cells of the comparison.
    /// - Returns: The variance.
    package static func priorVariance(
        dispersions: [Double],
        trend: [Double],
        cells: Int
    ) -> Double {
        var deviations: [Double] = []
        deviations.reserveCapacity(dispersions.count)
        for (dispersion, trend) in zip(dispersions, trend) {
            // The first of two arguments is what a maximum with NaN must not lose.
            let own = dispersion.isNaN ? Double.nan : max(dispersion, least)
            let expected = trend.isNaN ? Double.nan : max(trend, least)
            let deviation = RealFunctions.log(own) - RealFunctions.log(expected)
            if deviation.isFinite { deviations.append(deviation) }
        }
        guard deviations.count > 10 else { return 0.25 }
        let spread = robustDeviation(deviations)
        let sampling = RealFunctions.trigamma(Double(cells - 2) / 2)
        return max(spread * spread - sampling, 0.25)
    }

    /// The standard deviation from the median absolute deviation, as of a normal distribution.
    static func robustDeviation(_ values: [Double]) -> Double {
        let median = Median.of(values)
        return 1.4826 * Median.of(values.map { ($0 - median).magnitude })
    }
}
