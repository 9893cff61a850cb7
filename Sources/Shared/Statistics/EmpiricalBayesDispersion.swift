/// Draws dispersions towards their trend on the log scale (docs/numbers.md, E12).
///
/// The weight of the trend comes from the spread of the genes around it; genes far above the trend
/// keep their own estimate (after Love, Huber & Anders 2014).
package enum EmpiricalBayesDispersion {
    private static let rounds = 5
    private static let trimming = 2.5
    private static let outlierLimit = 2.0

    /// Shrinks the dispersions of all genes of one comparison.
    ///
    /// - Parameters:
    ///   - own: Each gene's own estimate; shape `[genes]`.
    ///   - trend: The trend at each gene; shape `[genes]`.
    /// - Returns: Shrunken dispersions; a gene whose own estimate or trend is not finite and
    ///   positive keeps its own.
    package static func shrink(own: [Double], trend: [Double]) -> [Double] {
        let genes = own.indices.filter {
            own[$0].isFinite && own[$0] > 0 && trend[$0].isFinite && trend[$0] > 0
        }
        guard !genes.isEmpty else { return own }
        let logOwn = genes.map { RealFunctions.log(own[$0]) }
        let logTrend = genes.map { RealFunctions.log(trend[$0]) }
        let deviations = zip(logOwn, logTrend).map { $0 - $1 }
        let spread = spread(deviations)
        let variance = spread * spread
        let weight = variance > 1e-8 ? min(max(1 / variance, 1), 100) : 100
        var shrunken = own
        for (index, gene) in genes.enumerated() {
            let isOutlier = deviations[index] > outlierLimit * spread
            shrunken[gene] = RealFunctions.exp(
                isOutlier
                    ? logOwn[index] : (weight * logTrend[index] + logOwn[index]) / (weight + 1)
            )
        }
        return shrunken
    }

    /// The spread of the deviations without their outliers, at least 1e-4.
    private static func spread(_ deviations: [Double]) -> Double {
        var kept = deviations
        for _ in 0..<rounds {
            guard kept.count >= 3 else { break }
            let median = Median.of(kept)
            var spread = ComparisonDispersion.robustDeviation(kept)
            if spread < 1e-8 { spread = atLeast(1e-4, sampleDeviation(kept)) }
            kept = deviations.filter { ($0 - median).magnitude < trimming * spread }
            if kept.count < 3 {
                kept = deviations
                break
            }
        }
        let spread = ComparisonDispersion.robustDeviation(kept)
        return spread < 1e-4 ? atLeast(1e-4, sampleDeviation(kept)) : spread
    }

    /// The larger of both; NaN, which the deviation of a single value is, stays.
    private static func atLeast(_ least: Double, _ value: Double) -> Double {
        value.isNaN ? value : max(value, least)
    }

    private static func sampleDeviation(_ values: [Double]) -> Double {
        guard values.count > 1 else { return .nan }
        let mean = FixedOrderSums.mean(values)
        let squares = FixedOrderSums.sum(values.map { ($0 - mean) * ($0 - mean) })
        return (squares / Double(values.count - 1)).squareRoot()
    }
}
