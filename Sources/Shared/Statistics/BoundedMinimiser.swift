/// Minimises a function of two variables with lower bounds by L-BFGS-B.
///
/// Of several minima the one that the method's path leads to is found, and the point is the one
/// where the method stops, not the exact minimum: both are part of the definition of what is
/// computed with it. Memory, limits and tolerances are the defaults of SciPy's `L-BFGS-B`, so that
/// the same path is taken. With two variables the quasi-Newton matrix is written out instead of
/// kept in its compact form.
///
/// Sources: Byrd, Lu, Nocedal & Zhu (1995), A limited memory algorithm for bound constrained
/// optimization; Morales & Nocedal (2011), Remark on algorithm 778, for the projection of the
/// subspace step.
package struct BoundedMinimiser {
    /// The two variables, or a gradient or direction in them.
    package typealias Point = SIMD2<Double>

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

    private static let iterationLimit = 15_000
    private static let evaluationLimit = 15_000
    private static let gradientTolerance = 1e-5
    private static let decreaseTolerance = 2.220446049250313e-9

    private let lowerBounds: Point
    private var point: Point
    private var current: Evaluation
    private var model = QuasiNewtonModel()
    private var iterations = 0
    private var evaluations = 1

    /// Minimises from a starting point.
    ///
    /// Stops when no component of the projected gradient is above 1e-5, or when a step lowers the
    /// value by at most 2.2e-9 of the larger of both values and 1.
    ///
    /// - Parameters:
    ///   - start: Where to begin; moved to the bounds where it is below them.
    ///   - lowerBounds: Least value of each variable; finite.
    ///   - evaluate: The function with its gradient; called only with points within the bounds.
    /// - Returns: Where the path ended; `converged` is false when it could not go on.
    package static func minimise(
        from start: Point,
        lowerBounds: Point,
        evaluate: (Point) -> Evaluation
    ) -> Minimum {
        let inside = start.replacing(with: lowerBounds, where: start .< lowerBounds)
        var search = BoundedMinimiser(
            lowerBounds: lowerBounds,
            point: inside,
            current: evaluate(inside)
        )
        return search.run(evaluate)
    }

    private init(lowerBounds: Point, point: Point, current: Evaluation) {
        self.lowerBounds = lowerBounds
        self.point = point
        self.current = current
    }

    private mutating func run(_ evaluate: (Point) -> Evaluation) -> Minimum {
        if projectedGradientNorm <= Self.gradientTolerance { return minimum(converged: true) }
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
            if iterations >= Self.iterationLimit || evaluations > Self.evaluationLimit {
                return minimum(converged: false)
            }
            if projectedGradientNorm <= Self.gradientTolerance
                || fallen <= Self.decreaseTolerance * size
            {
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
        let room = point - lowerBounds
        let isBeyond = gradient .> room
        let possible = gradient.replacing(with: room, where: isBeyond)
        // NaN must not pass for a small gradient: the sum keeps it, the maximum might not.
        guard !possible.sum().isNaN else { return .nan }
        return max(possible[0].magnitude, possible[1].magnitude)
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
        let cauchy = cauchyPoint(matrix)
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

    private struct CauchyPoint {
        var point: Point
        /// Which variables have not reached their bound on the way.
        var isFree: SIMDMask<SIMD2<Int64>>
    }

    /// First minimum of the model along the gradient's path bent at the bounds (algorithm CP).
    private func cauchyPoint(_ matrix: SymmetricMatrix) -> CauchyPoint {
        let gradient = current.gradient
        let isHeld = (point .<= lowerBounds) .& (gradient .>= 0)
        let times = (point - lowerBounds) / gradient
        let breakpoints = times.replacing(with: .infinity, where: gradient .<= 0)
        var direction = (-gradient).replacing(with: 0, where: isHeld)
        var found = CauchyPoint(point: point, isFree: .!isHeld)
        let initialCurvature = matrix.quadraticForm(direction)
        var reached = 0.0
        let nearest = breakpoints[1] < breakpoints[0] ? 1 : 0
        for index in [nearest, 1 - nearest] where !isHeld[index] {
            let away = found.point - point
            let slope = gradient.dot(direction) + direction.dot(matrix.times(away))
            // Differences that are rounding alone must not pass for curvature.
            let curvature = max(
                matrix.quadraticForm(direction),
                Double.ulpOfOne * initialCurvature
            )
            guard curvature > 0 else { break }
            let wanted = -slope / curvature
            let room = breakpoints[index] - reached
            if !(wanted >= room) {
                found.point += max(wanted, 0) * direction
                return found
            }
            found.point += room * direction
            found.point[index] = lowerBounds[index]
            found.isFree[index] = false
            direction[index] = 0
            reached = breakpoints[index]
        }
        return found
    }

    /// Minimum of the model over the free variables, brought back within the bounds (section 5.1).
    ///
    /// Returns nil when the matrix is not positive definite by rounding.
    private func subspaceMinimum(_ matrix: SymmetricMatrix, from cauchy: CauchyPoint) -> Point? {
        let residual = -(matrix.times(cauchy.point - point) + current.gradient)
        guard let step = matrix.solve(residual, over: cauchy.isFree) else { return nil }
        let whole = cauchy.point + step
        let projected = whole.replacing(with: lowerBounds, where: whole .< lowerBounds)
        if !any(whole .< lowerBounds) || current.gradient.dot(projected - point) <= 0 {
            return projected
        }
        return truncated(step, from: cauchy)
    }

    /// The Cauchy point moved along `step` until the first bound is met.
    private func truncated(_ step: Point, from cauchy: CauchyPoint) -> Point {
        var share = 1.0
        var met: Int?
        for index in 0..<2 where cauchy.isFree[index] && step[index] < 0 {
            let room = lowerBounds[index] - cauchy.point[index]
            if step[index] * share < room {
                share = room / step[index]
                met = index
            }
        }
        var target = cauchy.point + share * step
        if let met { target[met] = lowerBounds[met] }
        return target.replacing(with: lowerBounds, where: target .< lowerBounds)
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
        var search = MoreThuenteSearch(
            value: current.value,
            slope: slope,
            step: isFirst ? min(1 / direction.dot(direction).squareRoot(), longest) : 1,
            longest: longest
        )
        for _ in 0..<MoreThuenteSearch.trialLimit {
            let length = search.step
            var moved = point + length * direction
            moved.replace(with: lowerBounds, where: moved .< lowerBounds)
            // A full step ends on the target itself, so that a bound is met exactly.
            if length == 1 { moved = target }
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
        for index in 0..<2 where direction[index] < 0 {
            longest = min(longest, (lowerBounds[index] - point[index]) / direction[index])
        }
        return longest
    }
}
