/// Sums over the cells of one pattern where numeric covariates give every cell its own predictor.
struct NumericPatternSums {
    /// How working weights become the weights of the normal equations.
    struct Working {
        /// α, at least 0.
        var dispersion: Double
        /// The floor m of fitted means.
        var floor: MeanFloor
        /// Least weight; 0 for none.
        var leastWeight: Double
        /// The largest linear predictor.
        var ceiling: Double
    }

    /// The cells.
    let pattern: ComparisonModel.Pattern
    /// Cells handled at a time.
    private static let block = 64

    /// Writes the fitted means exp(b + Σ v β + o) of all cells, within limits.
    ///
    /// - Parameters:
    ///   - means: Gets the means; shape at least `[cells]`.
    ///   - predictor: b, the part that all cells share.
    ///   - slopes: Coefficients of the numeric covariates; shape `[numeric]`.
    ///   - limits: Limits of the means.
    func means(
        into means: UnsafeMutableBufferPointer<Double>,
        predictor: Double,
        slopes: UnsafePointer<Double>,
        limits: MeanLimits
    ) {
        predictors(into: means, predictor: predictor, slopes: slopes)
        for cell in 0..<pattern.cells.count {
            let eta = min(max(means[cell], limits.logLeast), limits.logGreatest)
            means[cell] = max(RealFunctions.exp(eta), limits.least)
        }
    }

    /// Adds Σ w x xᵀ with w = μ/(1 + αμ) to moments.
    func addInformation(
        means: UnsafeMutableBufferPointer<Double>,
        dispersion: Double,
        moments: UnsafeMutableBufferPointer<Double>
    ) {
        withUnsafeTemporaryAllocation(of: Double.self, capacity: 3 * Self.block) { buffer in
            buffer.initialize(repeating: 0)
            for start in stride(from: 0, to: pattern.cells.count, by: Self.block) {
                let count = min(Self.block, pattern.cells.count - start)
                for index in 0..<count {
                    let mu = means[start + index]
                    buffer[index] = mu / (1 + dispersion * mu)
                }
                add(buffer, start, count, pattern.numbers.count + 1, moments)
            }
        }
    }

    /// b + Σ v β + o of all cells.
    private func predictors(
        into values: UnsafeMutableBufferPointer<Double>,
        predictor: Double,
        slopes: UnsafePointer<Double>
    ) {
        pattern.cells.offsets.withUnsafeBufferPointer { offsets in
            for cell in 0..<offsets.count { values[cell] = predictor + offsets[cell] }
        }
        for (index, numbers) in pattern.numbers.enumerated() {
            let slope = slopes[index]
            numbers.withUnsafeBufferPointer { numbers in
                for cell in 0..<numbers.count { values[cell] += slope * numbers[cell] }
            }
        }
    }

    /// Adds Σ w x xᵀ and Σ w z x with x = (1, v) to moments, and returns Σ D.
    ///
    /// - Parameters:
    ///   - gene: The gene's counts in the pattern.
    ///   - predictor: b, the part of the predictor that all cells share.
    ///   - slopes: Coefficients of the numeric covariates.
    ///   - working: What makes weights.
    ///   - scratch: Gets means and weight/mean of the cells; its moments get the sums.
    /// - Returns: Σ D, D = ((Y - μ)² - Y)/max(μ², m).
    func add(
        gene: GeneCounts,
        predictor: Double,
        slopes: UnsafePointer<Double>,
        working: Working,
        scratch: DesignScratch
    ) -> Double {
        let width = pattern.numbers.count + 1
        let (means, ratios) = (scratch.means(pattern), scratch.ratios(pattern))
        let moments = scratch.moments
        predictors(into: means, predictor: predictor, slopes: slopes)
        let minimum = working.floor.minimum
        var squares = 0.0
        withUnsafeTemporaryAllocation(of: Double.self, capacity: 3 * Self.block) { buffer in
            buffer.initialize(repeating: 0)
            for start in stride(from: 0, to: pattern.cells.count, by: Self.block) {
                let count = min(Self.block, pattern.cells.count - start)
                for index in 0..<count {
                    let cell = start + index
                    let eta = min(max(means[cell], working.floor.logMinimum), working.ceiling)
                    let mu = max(RealFunctions.exp(eta), minimum)
                    let weight = max(mu / (1 + working.dispersion * mu), working.leastWeight)
                    means[cell] = mu
                    ratios[cell] = weight / mu
                    buffer[index] = weight
                    buffer[Self.block + index] =
                        weight * (eta - 1 - pattern.cells.offsets[cell])
                    squares += mu * mu / max(mu * mu, minimum)
                }
                add(buffer, start, count, width, moments)
            }
        }
        return squares + addCounts(gene, minimum, means, ratios, moments)
    }

    /// Adds the products of one block of cells: its weights and weighted responses.
    private func add(
        _ buffer: UnsafeMutableBufferPointer<Double>,
        _ start: Int,
        _ count: Int,
        _ width: Int,
        _ moments: UnsafeMutableBufferPointer<Double>
    ) {
        let responses = width * width
        for row in 0..<width {
            // The weights times this row's covariate, for all columns at or below it.
            for index in 0..<count {
                let value = row == 0 ? 1 : pattern.numbers[row - 1][start + index]
                buffer[2 * Self.block + index] = buffer[index] * value
                moments[responses + row] += buffer[Self.block + index] * value
            }
            for column in 0...row {
                var sum = 0.0
                for index in 0..<count {
                    let value = column == 0 ? 1 : pattern.numbers[column - 1][start + index]
                    sum += buffer[2 * Self.block + index] * value
                }
                moments[row * width + column] += sum
            }
        }
    }

    /// What the counts add: w Y/μ to Σ w z, and to Σ D.
    private func addCounts(
        _ gene: GeneCounts,
        _ minimum: Double,
        _ means: UnsafeMutableBufferPointer<Double>,
        _ ratios: UnsafeMutableBufferPointer<Double>,
        _ moments: UnsafeMutableBufferPointer<Double>
    ) -> Double {
        let width = pattern.numbers.count + 1
        var excess = 0.0
        for index in 0..<gene.counts.count {
            let cell = Int(gene.positions[index])
            let y = Double(gene.counts[index])
            let response = ratios[cell] * y
            moments[width * width] += response
            for (column, numbers) in pattern.numbers.enumerated() {
                moments[width * width + column + 1] += response * numbers[cell]
            }
            let mu = means[cell]
            excess += (y * y - y - 2 * y * mu) / max(mu * mu, minimum)
        }
        return excess
    }
}
