extension ComparisonModel {
    /// The ridge added to the normal equations.
    package static let ridge = 1e-6

    /// How fitted means become weights of the normal equations.
    package struct Weighting: Sendable {
        /// α, at least 0; 0 gives Poisson weights.
        package var dispersion: Double
        /// The floor m of fitted means.
        package var floor: MeanFloor
        /// Whether weights are floored at m too.
        package var floorsWeights: Bool

        /// Gathers the parts.
        package init(dispersion: Double, floor: MeanFloor, floorsWeights: Bool) {
            self.dispersion = dispersion
            self.floor = floor
            self.floorsWeights = floorsWeights
        }

        /// Weights at μ ≥ m with α = 0 are never below m.
        fileprivate var flooring: Bool { floorsWeights && dispersion > 0 }
    }

    /// The linear predictor of a pattern without offset and numeric covariates.
    @inline(__always)
    package func predictor(_ pattern: Pattern, _ coefficients: UnsafePointer<Double>) -> Double {
        var sum = 0.0
        for column in pattern.columns { sum += coefficients[column] }
        return sum
    }

    /// Makes the normal equations Σ w x xᵀ, Σ w z x of one gene, without ridge.
    ///
    /// - Parameters:
    ///   - coefficients: β; shape `[fitted columns]`.
    ///   - weighting: What makes weights.
    ///   - gene: The gene's counts.
    ///   - withDispersionTerms: Whether Σ D is wanted.
    ///   - scratch: Its system gets the equations.
    /// - Returns: Σ D, D = ((Y - μ)² - Y)/max(μ², m), or 0.
    package func makeEquations(
        coefficients: UnsafePointer<Double>,
        weighting: Weighting,
        gene: DesignCounts,
        withDispersionTerms: Bool,
        scratch: DesignScratch
    ) -> Double {
        scratch.system.clear()
        var terms = 0.0
        for index in patterns.indices {
            let pattern = patterns[index]
            let predictor = predictor(pattern, coefficients)
            guard numericColumns.isEmpty else {
                terms += addNumeric(
                    pattern,
                    predictor,
                    coefficients,
                    weighting,
                    gene.pattern(index),
                    scratch
                )
                continue
            }
            let sums =
                weighting.flooring
                ? WorkingSums(
                    flooringWeightsAt: predictor,
                    dispersion: weighting.dispersion,
                    floor: weighting.floor,
                    group: pattern.cells,
                    gene: gene.pattern(index),
                    withDispersionTerms: withDispersionTerms
                )
                : WorkingSums(
                    predictor: predictor,
                    dispersion: weighting.dispersion,
                    floor: weighting.floor,
                    group: pattern.cells,
                    gene: gene.pattern(index),
                    withDispersionTerms: withDispersionTerms
                )
            terms += sums.dispersionTerms
            add(pattern, weight: sums.weight, response: sums.weightedResponse, scratch.system)
        }
        return terms
    }

    /// Adds the sums of a pattern to the elements of its columns.
    func add(_ pattern: Pattern, weight: Double, response: Double, _ system: SmallSystem) {
        for row in pattern.columns {
            system.right[row] += response
            for column in pattern.columns { system.matrix[row * system.size + column] += weight }
        }
    }

    private func addNumeric(
        _ pattern: Pattern,
        _ predictor: Double,
        _ coefficients: UnsafePointer<Double>,
        _ weighting: Weighting,
        _ gene: GeneCounts,
        _ scratch: DesignScratch
    ) -> Double {
        scratch.moments.update(repeating: 0)
        let terms = withSlopes(coefficients) { slopes in
            NumericPatternSums(pattern: pattern).add(
                gene: gene,
                predictor: predictor,
                slopes: slopes,
                working: NumericPatternSums.Working(
                    dispersion: weighting.dispersion,
                    floor: weighting.floor,
                    leastWeight: weighting.floorsWeights ? weighting.floor.minimum : 0,
                    ceiling: MeanFloor.predictorCeiling
                ),
                scratch: scratch
            )
        }
        addMoments(pattern, scratch)
        return terms
    }

    /// Calls `body` with the coefficients of the numeric covariates side by side.
    func withSlopes<Result>(
        _ coefficients: UnsafePointer<Double>,
        _ body: (UnsafePointer<Double>) -> Result
    ) -> Result {
        withUnsafeTemporaryAllocation(of: Double.self, capacity: numericColumns.count + 1) {
            for (index, column) in numericColumns.enumerated() {
                $0[index] = coefficients[column]
            }
            return body(UnsafePointer($0.baseAddress.unsafelyUnwrapped))
        }
    }

    /// Adds the moments of a pattern, Σ w x xᵀ and Σ w z x with x = (1, v), to the system.
    func addMoments(_ pattern: Pattern, _ scratch: DesignScratch) {
        let width = numericColumns.count + 1
        let (moments, system) = (scratch.moments, scratch.system)
        add(pattern, weight: moments[0], response: moments[width * width], system)
        for (index, numeric) in numericColumns.enumerated() {
            let row = index + 1
            system.right[numeric] += moments[width * width + row]
            for column in pattern.columns {
                system.matrix[numeric * system.size + column] += moments[row * width]
                system.matrix[column * system.size + numeric] += moments[row * width]
            }
            for (earlier, other) in numericColumns[...index].enumerated() {
                let sum = moments[row * width + earlier + 1]
                system.matrix[numeric * system.size + other] += sum
                if other != numeric { system.matrix[other * system.size + numeric] += sum }
            }
        }
    }

    /// Solves the equations with ridge for the next coefficients, into the scratch's `proposed`.
    ///
    /// Two columns by Cramer's rule with a floor for the determinant.
    func solve(_ scratch: DesignScratch) {
        let system = scratch.system
        system.addToDiagonal(Self.ridge)
        guard columnCount == 2 else {
            system.solve()
            _ = scratch.proposed.update(fromContentsOf: system.solution)
            return
        }
        let (a, b, c) = (system.matrix[0], system.matrix[1], system.matrix[3])
        let (y0, y1) = (system.right[0], system.right[1])
        let determinant = Self.flooredDeterminant(a, b, c)
        scratch.proposed[0] = (c * y0 - b * y1) / determinant
        scratch.proposed[1] = (a * y1 - b * y0) / determinant
    }

    static func flooredDeterminant(_ a: Double, _ b: Double, _ c: Double) -> Double {
        let determinant = a * c - b * b
        return determinant.magnitude < 1e-12 ? 1e-12 : determinant
    }
}
