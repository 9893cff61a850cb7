/// Least and largest values of the variables of a ``BoundedMinimiser``.
struct Bounds<Point: SIMD & Sendable>
where Point.Scalar == Double {
    /// Least values, finite.
    let lower: Point
    /// Largest values; infinite for none.
    let upper: Point

    /// Whether every variable is bounded on both sides.
    var areFinite: Bool { upper.indices.allSatisfy { upper[$0] < .infinity } }

    /// The point within the bounds that is nearest to another; NaN stays.
    func nearest(to point: Point) -> Point {
        point.replacing(with: lower, where: point .< lower)
            .replacing(with: upper, where: point .> upper)
    }

    /// The bound of one variable that lies in the direction of a change.
    func ahead(_ index: Int, of change: Double) -> Double {
        change < 0 ? lower[index] : upper[index]
    }
}

/// First minimum of a quadratic model along the gradient's path bent at the bounds.
///
/// Source: Byrd, Lu, Nocedal & Zhu (1995), algorithm CP.
struct CauchyPoint<Point: SIMD & Sendable>
where Point.Scalar == Double {
    /// Where the path is lowest.
    private(set) var point: Point
    /// Which variables have not reached their bound on the way.
    private(set) var isFree: SIMDMask<Point.MaskStorage>

    /// Follows the path.
    ///
    /// - Parameters:
    ///   - start: Where the path begins.
    ///   - gradient: The model's gradient there.
    ///   - matrix: The model's matrix.
    ///   - bounds: Where the path bends.
    init(
        from start: Point,
        gradient: Point,
        matrix: SymmetricMatrix<Point>,
        bounds: Bounds<Point>
    ) {
        let isHeld =
            ((start .<= bounds.lower) .& (gradient .>= 0))
            .| ((start .>= bounds.upper) .& (gradient .<= 0))
        let ends = bounds.upper.replacing(with: bounds.lower, where: gradient .> 0)
        let times = (start - ends) / gradient
        let breakpoints = times.replacing(with: .infinity, where: gradient .== 0)
        var direction = (-gradient).replacing(with: 0, where: isHeld)
        point = start
        isFree = .!isHeld
        let initialCurvature = matrix.quadraticForm(direction)
        var reached = 0.0
        var waiting = .!isHeld
        while let index = Self.nearest(breakpoints, among: waiting) {
            let away = point - start
            let slope = gradient.dot(direction) + direction.dot(matrix.times(away))
            // Differences that are rounding alone must not pass for curvature.
            let curvature = max(
                matrix.quadraticForm(direction),
                Double.ulpOfOne * initialCurvature
            )
            guard curvature > 0 else { return }
            let wanted = -slope / curvature
            let room = breakpoints[index] - reached
            if !(wanted >= room) {
                point += max(wanted, 0) * direction
                return
            }
            point += room * direction
            point[index] = ends[index]
            isFree[index] = false
            waiting[index] = false
            direction[index] = 0
            reached = breakpoints[index]
        }
    }

    /// The variable among some that meets its bound first; nil among none.
    private static func nearest(
        _ breakpoints: Point,
        among waiting: SIMDMask<Point.MaskStorage>
    ) -> Int? {
        var nearest: Int?
        for index in breakpoints.indices where waiting[index] {
            guard let found = nearest else {
                nearest = index
                continue
            }
            if breakpoints[index] < breakpoints[found] { nearest = index }
        }
        return nearest
    }
}
