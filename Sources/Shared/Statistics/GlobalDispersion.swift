/// The method-of-moments dispersion of one gene over all cells of a screen.
///
/// With M the mean of Y/s, μ_i = clip(M·mean(s)·s_i) and D_i = ((Y_i - μ_i)² - Y_i)/max(μ_i², 1e-10)
/// the dispersion is ΣD/(N-1) (docs/numbers.md, E3). The factor mean(s) is the published package's; it is
/// kept so that the numbers agree. A zero count adds 1 wherever μ_i ≥ 1e-5, so that two sums over
/// the nonzeros give the whole sum; genes so rare that a floor binds are summed cell by cell.
package struct GlobalDispersion: Sendable {
    /// All cells of the screen.
    package let cells: GroupOffsets
    private let meanSizeFactor: Double

    private static let meanFloor = 1e-10
    private static let squareFloor = 1e-10
    private static let meanCeiling = RealFunctions.exp(30)

    /// Prepares the sums of zero cells.
    package init(cells: GroupOffsets) {
        self.cells = cells
        meanSizeFactor = FixedOrderSums.mean(cells.sizeFactors)
    }

    /// The fitted mean at size factor 1.
    package func scale(normalizedMean: Double) -> Double {
        max(normalizedMean * meanSizeFactor, 1e-10)
    }

    /// Whether no floor or ceiling binds in any cell, so that ``fromSums`` is exact.
    package func isUnbounded(normalizedMean: Double) -> Bool {
        guard let largest = cells.sizeFactors.first, let smallest = cells.sizeFactors.last else {
            return true
        }
        let scale = scale(normalizedMean: normalizedMean)
        return scale * smallest > 1e-5
            && scale * largest < Self.meanCeiling
    }

    /// The dispersion of a gene for which ``isUnbounded(normalizedMean:)`` holds.
    ///
    /// - Parameters:
    ///   - normalizedMean: M, the mean of Y/s over all cells.
    ///   - scaledSum: Σ Y/s over the nonzeros.
    ///   - scaledExcess: Σ (Y² - Y)/s² over the nonzeros.
    /// - Returns: The dispersion, from 1e-8 to 10.
    package func fromSums(
        normalizedMean: Double,
        scaledSum: Double,
        scaledExcess: Double
    ) -> Double {
        let scale = scale(normalizedMean: normalizedMean)
        let total =
            Double(cells.count) + scaledExcess / (scale * scale) - 2 * scaledSum / scale
        return clipped(total)
    }

    /// What one nonzero adds beyond a zero count in the same cell, floors included.
    package func excess(count: Double, sizeFactor: Double, scale: Double) -> Double {
        let mu = boundedMean(scale * sizeFactor)
        return (count * count - count - 2 * count * mu) / max(mu * mu, Self.squareFloor)
    }

    /// The dispersion of any gene, from the summed ``excess(count:sizeFactor:scale:)``.
    package func fromExcess(normalizedMean: Double, excess: Double) -> Double {
        let scale = scale(normalizedMean: normalizedMean)
        // Zero counts by region: μ² above its floor adds 1, below it μ²/1e-10, and μ at its own
        // floor of 1e-10 adds that ratio once more.
        let squareCut = cells.leadingCount(sizeFactorAtLeast: 1e-5 / scale)
        let meanCut = max(
            squareCut,
            cells.leadingCount(sizeFactorAtLeast: Self.meanFloor / scale)
        )
        let squares = cells.suffixSquareSums[squareCut] - cells.suffixSquareSums[meanCut]
        let zeros =
            Double(squareCut) + scale * scale * squares / Self.squareFloor
            + Double(cells.count - meanCut) * (Self.meanFloor * Self.meanFloor / Self.squareFloor)
        return clipped(zeros + excess)
    }

    private func boundedMean(_ mean: Double) -> Double {
        max(min(mean, Self.meanCeiling), Self.meanFloor)
    }

    private func clipped(_ total: Double) -> Double {
        min(max(total / Double(max(cells.count - 1, 1)), 1e-8), 10)
    }

    /// The dispersion used in tests: the geometric mean of a gene's own value and the trend.
    package static func combine(own: Double, trend: Double) -> Double {
        let logMean =
            (RealFunctions.log(max(own, 1e-8)) + RealFunctions.log(max(trend, 1e-8))) / 2
        return min(max(RealFunctions.exp(logMean), 1e-8), 10)
    }
}
