/// What decides a full-design fit.
package struct FullDesignOptions: Sendable {
    /// The floor of fitted means.
    package var floor: MeanFloor
    /// Convergence threshold of coefficients, natural log.
    package var tolerance: Double
    /// Largest number of iterations.
    package var maximumIterations: Int
    /// Most iterations with Poisson weights beforehand.
    package var poissonIterations: Int

    /// Gathers the options.
    package init(
        minimumMean: Double,
        tolerance: Double,
        maximumIterations: Int,
        poissonIterations: Int
    ) {
        floor = MeanFloor(minimum: minimumMean)
        self.tolerance = tolerance
        self.maximumIterations = maximumIterations
        self.poissonIterations = poissonIterations
    }
}

/// The state of one gene's full-design fit beside its coefficients.
package struct FullDesignState: Equatable, Sendable {
    /// α of the next iteration.
    package var dispersion = 0.1
    /// Iterations done.
    package var iterations = 0
    /// The iteration whose change first fell below the tolerance; nil while there is none.
    package var convergedAt: Int?
    /// Standard error of the effect; infinite before the first iteration.
    package var standardError = Double.infinity
    /// Whether the last iteration changed nothing, so that no later one will.
    package var isFixedPoint = false

    /// A fit that has not begun.
    package init() {}
}

extension ComparisonModel {
    /// Largest change between the coefficients and those proposed; NaN when one is NaN.
    private func change(
        _ coefficients: UnsafeMutablePointer<Double>,
        _ scratch: DesignScratch
    ) -> Double {
        var largest = 0.0
        for column in scratch.proposed.indices {
            let change = (scratch.proposed[column] - coefficients[column]).magnitude
            if change.isNaN { return .nan }
            largest = max(largest, change)
        }
        return largest
    }

    private func adopt(_ coefficients: UnsafeMutablePointer<Double>, _ scratch: DesignScratch) {
        for column in scratch.proposed.indices { coefficients[column] = scratch.proposed[column] }
    }

    /// Iterates with Poisson weights from coefficients of 0 (docs/numbers.md, E14).
    ///
    /// All genes stop together; a gene alone tells in which iterations it would have agreed.
    ///
    /// - Parameters:
    ///   - coefficients: Gets β after the last iteration; shape `[fitted columns]`.
    ///   - iterations: Iterations to do.
    ///   - options: Floor and tolerance.
    ///   - gene: The gene's counts.
    ///   - scratch: Memory.
    ///   - noteBelow: Called with each iteration, from 1, whose change was below the tolerance.
    package func fitPoisson(
        coefficients: UnsafeMutablePointer<Double>,
        iterations: Int,
        options: FullDesignOptions,
        gene: DesignCounts,
        scratch: DesignScratch,
        noteBelow: (Int) -> Void
    ) {
        for column in scratch.proposed.indices { coefficients[column] = 0 }
        let weighting = Weighting(dispersion: 0, floor: options.floor, floorsWeights: true)
        var iteration = 1
        while iteration <= iterations {
            _ = makeEquations(
                coefficients: coefficients,
                weighting: weighting,
                gene: gene,
                withDispersionTerms: false,
                scratch: scratch
            )
            solve(scratch)
            let change = change(coefficients, scratch)
            adopt(coefficients, scratch)
            if change < options.tolerance { noteBelow(iteration) }
            iteration += 1
            guard change == 0 else { continue }
            // Nothing changes any more.
            while iteration <= iterations {
                if 0 < options.tolerance { noteBelow(iteration) }
                iteration += 1
            }
        }
    }

    /// Fits a gene of a model with two columns to its own convergence (docs/numbers.md, E15).
    ///
    /// The dispersion stays 0.1; the standard error is that of the last iteration's information.
    ///
    /// - Parameters:
    ///   - coefficients: β, from the Poisson iterations to the fit's end.
    ///   - state: Gets iterations, convergence and standard error.
    ///   - options: Floor, tolerance and limits.
    ///   - gene: The gene's counts.
    ///   - scratch: Memory.
    package func fitTwoColumns(
        coefficients: UnsafeMutablePointer<Double>,
        state: inout FullDesignState,
        options: FullDesignOptions,
        gene: DesignCounts,
        scratch: DesignScratch
    ) {
        let weighting = Weighting(dispersion: 0.1, floor: options.floor, floorsWeights: false)
        while state.convergedAt == nil, state.iterations < options.maximumIterations {
            _ = makeEquations(
                coefficients: coefficients,
                weighting: weighting,
                gene: gene,
                withDispersionTerms: false,
                scratch: scratch
            )
            solve(scratch)
            let matrix = scratch.system.matrix
            let determinant = Self.flooredDeterminant(matrix[0], matrix[1], matrix[3])
            state.standardError = max(matrix[0] / determinant, 1e-12).squareRoot()
            let change = change(coefficients, scratch)
            adopt(coefficients, scratch)
            state.iterations += 1
            if change < options.tolerance { state.convergedAt = state.iterations }
        }
    }

    /// Fits a gene of a model with more columns until it has converged, or up to an iteration.
    ///
    /// Dispersion by moments after each iteration (docs/numbers.md, E16). A gene that has converged goes on
    /// with its batch, so that `target` is where the batch stops.
    ///
    /// - Parameters:
    ///   - coefficients: β, from the Poisson iterations on.
    ///   - state: The fit so far.
    ///   - target: The iteration to reach; nil stops at convergence or the limit.
    ///   - options: Floor, tolerance and limits.
    ///   - gene: The gene's counts.
    ///   - scratch: Memory.
    package func fitManyColumns(
        coefficients: UnsafeMutablePointer<Double>,
        state: inout FullDesignState,
        until target: Int?,
        options: FullDesignOptions,
        gene: DesignCounts,
        scratch: DesignScratch
    ) {
        while state.iterations < target ?? options.maximumIterations {
            if target == nil, state.convergedAt != nil { return }
            if state.isFixedPoint, let target {
                state.iterations = target
                return
            }
            let terms = makeEquations(
                coefficients: coefficients,
                weighting: Weighting(
                    dispersion: state.dispersion,
                    floor: options.floor,
                    floorsWeights: true
                ),
                gene: gene,
                withDispersionTerms: true,
                scratch: scratch
            )
            solve(scratch)
            let change = change(coefficients, scratch)
            adopt(coefficients, scratch)
            state.iterations += 1
            if state.convergedAt == nil, change < options.tolerance {
                state.convergedAt = state.iterations
            }
            let dispersion = Self.moments(terms, degrees: residualDegrees)
            let next = dispersion.isFinite ? dispersion : state.dispersion
            state.isFixedPoint = change == 0 && next == state.dispersion
            state.dispersion = next
        }
    }

    /// The moment estimate of dispersion, from 1e-8 to 1e6; NaN where the terms are.
    static func moments(_ terms: Double, degrees: Int) -> Double {
        let estimate = terms / Double(degrees)
        return estimate.isNaN ? .nan : min(max(estimate, 1e-8), 1e6)
    }
}
