/// Dispersion and standard error of a gene whose coefficients are fitted.
extension ComparisonModel {
    /// Prepares the fitted means of a gene in the scratch.
    ///
    /// - Parameters:
    ///   - coefficients: β; shape `[fitted columns]`.
    ///   - limits: Limits of the means.
    ///   - gene: The gene's counts.
    ///   - scratch: Gets the means and the histogram of the counts.
    func prepareMeans(
        _ coefficients: UnsafePointer<Double>,
        _ limits: MeanLimits,
        _ gene: DesignCounts,
        _ scratch: DesignScratch
    ) {
        scratch.fitted.removeAll(keepingCapacity: true)
        scratch.histogram.removeAll()
        for index in patterns.indices {
            let pattern = patterns[index]
            let predictor = predictor(pattern, coefficients)
            var values: UnsafeMutableBufferPointer<Double>?
            if !numericColumns.isEmpty {
                let means = scratch.means(pattern)
                withSlopes(coefficients) {
                    NumericPatternSums(pattern: pattern).means(
                        into: means,
                        predictor: predictor,
                        slopes: $0,
                        limits: limits
                    )
                }
                values = means
            }
            scratch.fitted.append(
                PatternMeans(pattern, predictor: predictor, limits: limits, values: values)
            )
            scratch.histogram.add(gene.pattern(index).counts)
        }
    }

    /// The log-likelihood of the gene whose means were prepared, without Σ ln Γ(Y + 1).
    func logLikelihood(
        rho: Double,
        _ gene: DesignCounts,
        _ scratch: DesignScratch
    ) -> Double {
        var sum = 0.0
        for index in scratch.fitted.indices {
            sum += scratch.fitted[index].logLikelihood(rho: rho, gene: gene.pattern(index))
        }
        return sum + scratch.histogram.logGammaRatioSum(rho: rho)
    }

    /// The moment estimate of dispersion at the fitted means, within the fit's floor.
    package func momentDispersion(
        coefficients: UnsafePointer<Double>,
        floor: MeanFloor,
        gene: DesignCounts,
        scratch: DesignScratch
    ) -> Double {
        let terms = makeEquations(
            coefficients: coefficients,
            weighting: Weighting(dispersion: 0, floor: floor, floorsWeights: false),
            gene: gene,
            withDispersionTerms: true,
            scratch: scratch
        )
        return Self.moments(terms, degrees: residualDegrees)
    }

    /// The dispersion that maximises the Cox-Reid adjusted likelihood on its grid.
    ///
    /// - Parameters:
    ///   - coefficients: β; shape `[fitted columns]`.
    ///   - floor: The fit's floor of fitted means.
    ///   - gene: The gene's counts.
    ///   - scratch: Memory.
    /// - Returns: One of ``CoxReidDispersion/grid``.
    package func coxReidDispersion(
        coefficients: UnsafePointer<Double>,
        floor: MeanFloor,
        gene: DesignCounts,
        scratch: DesignScratch
    ) -> Double {
        prepareMeans(coefficients, MeanLimits(floor), gene, scratch)
        return CoxReidDispersion.estimate(
            logLikelihood: { logLikelihood(rho: $0, gene, scratch) },
            logDeterminant: { dispersion in
                // A column of zeros makes the determinant 0, which the published package takes as
                // no adjustment.
                if hasEmptyColumn { return 0 }
                _ = makeEquations(
                    coefficients: coefficients,
                    weighting: Weighting(
                        dispersion: dispersion,
                        floor: floor,
                        floorsWeights: false
                    ),
                    gene: gene,
                    withDispersionTerms: false,
                    scratch: scratch
                )
                guard columnCount == 2 else { return scratch.system.logDeterminant() ?? 0 }
                let matrix = scratch.system.matrix
                let determinant = matrix[0] * matrix[3] - matrix[1] * matrix[1]
                return RealFunctions.log(max(determinant, 1e-12))
            }
        )
    }

    /// The standard error of the effect of a model with more than two columns.
    ///
    /// - Parameters:
    ///   - coefficients: β; shape `[fitted columns]`.
    ///   - dispersion: α.
    ///   - floor: The floor of fitted means and weights.
    ///   - gene: The gene's counts.
    ///   - scratch: Memory.
    /// - Returns: The error, at least 1e-6; infinite for a singular information.
    package func standardError(
        coefficients: UnsafePointer<Double>,
        dispersion: Double,
        floor: MeanFloor,
        gene: DesignCounts,
        scratch: DesignScratch
    ) -> Double {
        _ = makeEquations(
            coefficients: coefficients,
            weighting: Weighting(dispersion: dispersion, floor: floor, floorsWeights: true),
            gene: gene,
            withDispersionTerms: false,
            scratch: scratch
        )
        scratch.system.addToDiagonal(Self.ridge)
        guard scratch.system.factor() else { return .infinity }
        return max(scratch.system.inverseDiagonal(1), 1e-12).squareRoot()
    }
}
