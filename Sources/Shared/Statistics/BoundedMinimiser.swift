/// Minimises a function of a few variables within bounds by L-BFGS-B.
///
/// Of several minima the one that the method's path leads to is found, and the point is the one
/// where the method stops, not the exact minimum: both are part of the definition of what is
/// computed with it. The memory is SciPy's default for `L-BFGS-B`, and so are the limits unless
/// others are given, so that the same path is taken. With so few variables the quasi-Newton matrix
/// is written out instead of kept in its compact form.
///
/// The variables are the lanes of a SIMD type. Lanes that a problem does not use are fixed by equal
/// bounds; their gradient must be 0.
///
/// Sources: Byrd, Lu, Nocedal & Zhu (1995), A limited memory algorithm for bound constrained
/// optimization; Morales & Nocedal (2011), Remark on algorithm 778, for the projection of the
/// subspace step.
package struct BoundedMinimiser<Point: SIMD & Sendable>
where Point.Scalar == Double {
    /// The function and its gradient at one point.
    package struct Evaluation: Equatable, Sendable {
        /// The function's value.
        package var value: Double
        /// The function's derivatives.
        package var gradient: Point

        /// Joins a value and a gradient.
        package init(value: Double, gradient: Point) {
            self.value = value
            self.gradient = gradient
        }
    }

    /// Where a minimisation ended.
    package struct Minimum: Equatable, Sendable {
        /// The last point reached, within the bounds.
        package let point: Point
        /// The function's value there.
        package let value: Double
        /// Steps taken.
        package let iterations: Int
        /// Points at which the function was evaluated.
        package let evaluations: Int
        /// Whether a tolerance was met; false when no decrease was found or a limit was reached.
        package let converged: Bool
    }

    private let bounds: Bounds<Point>
    private let limits: MinimiserLimits
    private var point: Point
    private var current: Evaluation
    private var model = QuasiNewtonModel<Point>()
    private var iterations = 0
    private var evaluations = 1

    /// Minimises from a starting point.
    ///
    /// - Parameters:
    ///   - start: Where to begin; moved to the bounds where it is beyond them.
    ///   - lowerBounds: Least value of each variable; finite.
    ///   - upperBounds: Largest value of each variable, at least the least; infinite for none.
    ///   - limits: When to stop.
    ///   - evaluate: The function with its gradient; called only with points within the bounds.
    /// - Returns: Where the path ended; `converged` is false when it could not go on.
    package static func minimise(
        from start: Point,
        lowerBounds: Point,
        upperBounds: Point = Point(repeating: .infinity),
        limits: MinimiserLimits = MinimiserLimits(),
        evaluate: (Point) -> Evaluation
    ) -> Minimum {
        let bounds = Bounds(lower: lowerBounds, upper: upperBounds)
        let inside = bounds.nearest(to: start)
        var search = BoundedMinimiser(
            bounds: bounds,
            limits: limits,
            point: inside,
            current: evaluate(inside)
        )
        return search.run(evaluate)
    }

    private init(
        bounds: Bounds<Point>,
        limits: MinimiserLimits,
        point: Point,
        current: Evaluation
    ) {
        self.bounds = bounds
        self.limits = limits
        self.point = point
        self.current = current
    }

    private mutating func run(_ evaluate: (Point) -> Evaluation) -> Minimum {
        if projectedGradientNorm <= limits.gradient { return minimum(converged: true) }
        while true {
            guard let accepted = step(evaluate) else {
                // Without corrections to forget there is no other direction to try.
                if model.isEmpty { return minimum(converged: false) }
                model = QuasiNewtonModel()
                continue
            }
            let fallen = current.value - accepted.trial.value
            let size = max(current.value.magnitude, accepted.trial.value.magnitude, 1)
            let before = current
            point = accepted.point
            current = accepted.trial
            iterations += 1
            if iterations >= limits.iterations || evaluations > limits.evaluations {
                return minimum(converged: false)
            }
            if projectedGradientNorm <= limits.gradient || fallen <= limits.decrease * size {
                return minimum(converged: true)
            }
            model.learn(
                direction: accepted.direction,
                length: accepted.length,
                from: before.gradient,
                to: current.gradient
            )
        }
    }

    private func minimum(converged: Bool) -> Minimum {
        Minimum(
            point: point,
            value: current.value,
            iterations: iterations,
            evaluations: evaluations,
            converged: converged
        )
    }

    /// Largest component of the gradient as far as a step against it stays within the bounds.
    private var projectedGradientNorm: Double {
        let gradient = current.gradient
        let below = point - bounds.lower
        let above = point - bounds.upper
        var possible = gradient.replacing(with: below, where: gradient .> below)
        possible.replace(with: above, where: gradient .< above)
        // NaN must not pass for a small gradient: the sum keeps it, the maximum might not.
        guard !possible.sum().isNaN else { return .nan }
        return possible.largestMagnitude
    }

    // MARK: - One iteration

    private struct AcceptedStep {
        let direction: Point
        let length: Double
        let point: Point
        let trial: Evaluation
    }

    /// One step towards the minimum of the quadratic model; nil when it finds no decrease.
    private mutating func step(_ evaluate: (Point) -> Evaluation) -> AcceptedStep? {
        let matrix = model.matrix
        let cauchy = CauchyPoint(
            from: point,
            gradient: current.gradient,
            matrix: matrix,
            bounds: bounds
        )
        guard !model.isEmpty else { return searchLine(to: cauchy.point, evaluate) }
        guard any(cauchy.isFree) else {
            model.isOutdated = true
            return searchLine(to: cauchy.point, evaluate)
        }
        guard !model.isOutdated, let target = subspaceMinimum(matrix, from: cauchy) else {
            return nil
        }
        return searchLine(to: target, evaluate)
    }

    /// Minimum of the model over the free variables, brought back within the bounds (section 5.1).
    ///
    /// Returns nil when the matrix is not positive definite by rounding.
    private func subspaceMinimum(
        _ matrix: SymmetricMatrix<Point>,
        from cauchy: CauchyPoint<Point>
    ) -> Point? {
        let residual = -(matrix.times(cauchy.point - point) + current.gradient)
        guard let step = matrix.solve(residual, over: cauchy.isFree) else { return nil }
        let whole = cauchy.point + step
        let projected = bounds.nearest(to: whole)
        if projected == whole || current.gradient.dot(projected - point) <= 0 {
            return projected
        }
        return truncated(step, from: cauchy)
    }

    /// The Cauchy point moved along `step` until the first bound is met.
    private func truncated(_ step: Point, from cauchy: CauchyPoint<Point>) -> Point {
        var share = 1.0
        var met: Int?
        for index in step.indices where cauchy.isFree[index] && step[index] != 0 {
            let bound = bounds.ahead(index, of: step[index])
            let room = bound - cauchy.point[index]
            let isBeyond = step[index] < 0 ? step[index] * share < room : step[index] * share > room
            if isBeyond {
                share = room / step[index]
                met = index
            }
        }
        var target = cauchy.point + share * step
        if let met { target[met] = bounds.ahead(met, of: step[met]) }
        return bounds.nearest(to: target)
    }

    /// Searches from the current point to `target` and beyond; nil when no decrease is found.
    private mutating func searchLine(
        to target: Point,
        _ evaluate: (Point) -> Evaluation
    ) -> AcceptedStep? {
        let direction = target - point
        let slope = current.gradient.dot(direction)
        guard slope < 0 else { return nil }
        let isFirst = iterations == 0
        let longest = isFirst ? 1 : longestStep(direction)
        // A first step through a box without an open side goes all the way.
        let isShort = isFirst && !bounds.areFinite
        let length = isShort ? min(1 / direction.dot(direction).squareRoot(), longest) : 1
        var search = MoreThuenteSearch(
            value: current.value,
            slope: slope,
            step: length,
            longest: longest
        )
        for _ in 0..<MoreThuenteSearch.trialLimit {
            let length = search.step
            // A full step ends on the target itself, so that a bound is met exactly.
            let moved = length == 1 ? target : bounds.nearest(to: point + length * direction)
            let trial = evaluate(moved)
            evaluations += 1
            if search.accepts(value: trial.value, slope: trial.gradient.dot(direction)) {
                return AcceptedStep(
                    direction: direction,
                    length: length,
                    point: moved,
                    trial: trial
                )
            }
        }
        return nil
    }

    /// The step at which the first variable meets its bound, at most 1e10.
    ///
    /// At least 1, because the direction leads to a point within the bounds.
    private func longestStep(_ direction: Point) -> Double {
        var longest = 1e10
        for index in direction.indices where direction[index] != 0 {
            let room = bounds.ahead(index, of: direction[index]) - point[index]
            longest = min(longest, room / direction[index])
        }
        return longest
    }
}

/// When a ``BoundedMinimiser`` stops; the defaults are SciPy's.
package struct MinimiserLimits: Sendable {
    /// Largest number of steps; a path that long has not converged.
    package var iterations = 15_000
    /// Evaluations after which no further step is begun.
    package var evaluations = 15_000
    /// Converged when no component of the projected gradient is larger.
    package var gradient = 1e-5
    /// Converged when a step lowers the value by at most this share of the larger of both values
    /// and 1.
    package var decrease = 2.220446049250313e-9

    /// The defaults.
    package init() {}

    /// The defaults with other tolerances and another number of steps.
    package init(iterations: Int, gradient: Double, decrease: Double) {
        self.iterations = iterations
        self.gradient = gradient
        self.decrease = decrease
    }
}
