/// Limits within which a fitted mean is kept.
struct MeanLimits {
    /// The smallest mean.
    var least: Double
    /// Its natural logarithm.
    var logLeast: Double
    /// The largest mean.
    var greatest: Double
    /// Its natural logarithm.
    var logGreatest: Double

    /// The limits of a fit with a floor.
    init(_ floor: MeanFloor) {
        least = floor.minimum
        logLeast = floor.logMinimum
        greatest = MeanFloor.meanCeiling
        logGreatest = MeanFloor.predictorCeiling
    }

    private init(least: Double, greatest: Double, logGreatest: Double) {
        self.least = least
        logLeast = RealFunctions.log(least)
        self.greatest = greatest
        self.logGreatest = logGreatest
    }

    /// The limits of means after a fit, without its floor.
    static let unclamped = MeanLimits(
        least: UnclampedMeans.floor,
        greatest: UnclampedMeans.ceiling,
        logGreatest: 30
    )

    /// A mean within the limits.
    @inline(__always)
    func limited(_ mean: Double) -> Double { min(max(mean, least), greatest) }
}

/// The fitted means of one pattern's cells.
struct PatternMeans {
    let pattern: ComparisonModel.Pattern
    let limits: MeanLimits
    /// exp of the predictor without offset.
    let scale: Double
    /// The means themselves, where numeric covariates make them differ; nil where they are scale
    /// times size factor.
    let values: UnsafeMutableBufferPointer<Double>?
    /// Cells before this one are above the largest mean.
    let ceilingCount: Int
    /// Cells from this one on are below the smallest mean.
    let floorStart: Int

    /// Prepares the means of one pattern.
    ///
    /// - Parameters:
    ///   - pattern: The cells.
    ///   - predictor: Linear predictor without offset and numeric covariates.
    ///   - limits: Limits of the means.
    ///   - values: The means, already within limits, where numeric covariates make them differ.
    init(
        _ pattern: ComparisonModel.Pattern,
        predictor: Double,
        limits: MeanLimits,
        values: UnsafeMutableBufferPointer<Double>?
    ) {
        self.pattern = pattern
        self.limits = limits
        self.values = values
        scale = RealFunctions.exp(predictor)
        ceilingCount = pattern.cells.leadingCount(
            offsetAtLeast: (limits.logGreatest - predictor).nextUp
        )
        floorStart = max(
            ceilingCount,
            pattern.cells.leadingCount(offsetAtLeast: limits.logLeast - predictor)
        )
    }

    /// The mean of a cell.
    @inline(__always)
    func mean(_ position: Int, _ factors: UnsafeBufferPointer<Double>) -> Double {
        if let values { return values[position] }
        return limits.limited(scale * factors[position])
    }

    /// The log-likelihood at ρ without its parts that depend on counts alone.
    func logLikelihood(rho: Double, gene: GeneCounts) -> Double {
        let epsilon = NegativeBinomialLikelihood.guardTerm
        return pattern.cells.sizeFactors.withUnsafeBufferPointer { factors in
            var cells = 0.0
            if let values {
                cells = LogTermSums.logOnePlus(
                    UnsafeBufferPointer(values),
                    scale: 1 / rho,
                    shift: epsilon / rho
                )
            } else {
                cells = LogTermSums.logOnePlus(
                    UnsafeBufferPointer(rebasing: factors[ceilingCount..<floorStart]),
                    scale: scale / rho,
                    shift: epsilon / rho
                )
                cells += limitTerms(ceilingCount, limits.greatest, rho)
                cells += limitTerms(factors.count - floorStart, limits.least, rho)
            }
            var counted = LogarithmOfProduct()
            for index in 0..<gene.counts.count {
                let mu = mean(Int(gene.positions[index]), factors)
                counted.add(
                    multiple: gene.counts[index],
                    of: mu / (rho + mu + epsilon) + epsilon
                )
            }
            return counted.value - rho * cells
        }
    }

    /// Σ ln(1 + (μ + ε)/ρ) over cells that share a mean.
    private func limitTerms(_ cells: Int, _ mean: Double, _ rho: Double) -> Double {
        guard cells > 0 else { return 0 }
        let epsilon = NegativeBinomialLikelihood.guardTerm
        return Double(cells) * RealFunctions.log1p((mean + epsilon) / rho)
    }
}
