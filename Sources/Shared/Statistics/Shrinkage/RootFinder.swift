/// Finds where a function of one variable crosses zero.
package enum RootFinder {
    /// Steps after which the search is given up.
    private static let stepLimit = 100
    /// Relative part of the tolerance: four units of the last place.
    private static let relativeTolerance = 4 * Double.ulpOfOne

    private struct Trial {
        var x: Double
        var value: Double
    }

    /// The root between two points, by inverse quadratic interpolation guarded by bisection.
    ///
    /// The point is the one at which the method stops, within half the tolerance of the root; it is
    /// the same that SciPy's `brentq` returns. Source: Brent (1973), Algorithms for minimization
    /// without derivatives, chapter 4.
    ///
    /// - Parameters:
    ///   - first: One end.
    ///   - second: The other end.
    ///   - tolerance: Absolute tolerance of the root.
    ///   - function: The function.
    /// - Returns: The root; nil when the signs at the ends agree, a value is not a number or 100
    ///   steps do not suffice.
    package static func root(
        between first: Double,
        and second: Double,
        tolerance: Double,
        of function: (Double) -> Double
    ) -> Double? {
        var previous = Trial(x: first, value: function(first))
        var current = Trial(x: second, value: function(second))
        guard !previous.value.isNaN, !current.value.isNaN else { return nil }
        if previous.value == 0 { return first }
        if current.value == 0 { return second }
        guard (previous.value < 0) != (current.value < 0) else { return nil }
        // The point with the other sign, and the last two moves.
        var opposite = previous
        var move = 0.0
        var earlierMove = 0.0
        for _ in 0..<stepLimit {
            if (previous.value < 0) != (current.value < 0) {
                opposite = previous
                move = current.x - previous.x
                earlierMove = move
            }
            if opposite.value.magnitude < current.value.magnitude {
                previous = current
                current = opposite
                opposite = previous
            }
            let closest = (tolerance + relativeTolerance * current.x.magnitude) / 2
            let half = (opposite.x - current.x) / 2
            if current.value == 0 || half.magnitude < closest { return current.x }
            let guess = interpolated(previous, current, opposite)
            let isUseful =
                earlierMove.magnitude > closest
                && current.value.magnitude < previous.value.magnitude
                && 2 * guess.magnitude < min(earlierMove.magnitude, 3 * half.magnitude - closest)
            earlierMove = isUseful ? move : half
            move = isUseful ? guess : half
            previous = current
            if move.magnitude > closest {
                current.x += move
            } else {
                current.x += half > 0 ? closest : -closest
            }
            current.value = function(current.x)
            guard !current.value.isNaN else { return nil }
        }
        return nil
    }

    /// The move that inverse interpolation through two or three points suggests.
    private static func interpolated(
        _ previous: Trial,
        _ current: Trial,
        _ opposite: Trial
    ) -> Double {
        if previous.x == opposite.x {
            let slope = (current.value - previous.value) / (current.x - previous.x)
            return -current.value / slope
        }
        let before = (previous.value - current.value) / (previous.x - current.x)
        let across = (opposite.value - current.value) / (opposite.x - current.x)
        return -current.value * (opposite.value * across - previous.value * before)
            / (across * before * (opposite.value - previous.value))
    }
}
