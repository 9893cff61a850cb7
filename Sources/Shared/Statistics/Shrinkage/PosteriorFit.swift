/// What an earlier fit knows of one gene in one comparison.
package struct EarlierFit: Sendable, Equatable {
    /// Coefficients in the order of the design's columns, natural log.
    package var coefficients: [Double]
    /// Standard error of the effect, natural log.
    package var standardError: Double
    /// α, variance = μ + αμ².
    package var dispersion: Double

    /// Gathers the values of one gene.
    package init(coefficients: [Double], standardError: Double, dispersion: Double) {
        self.coefficients = coefficients
        self.standardError = standardError
        self.dispersion = dispersion
    }

    /// The standard error where the posterior has none; 1 where that is not finite either.
    var fallbackError: Double { standardError.isFinite ? standardError : 1 }

    /// The estimate as it is, for genes that are not shrunk: those without a finite fit, and those of
    /// tiny dispersion whose likelihood is too flat in the published package's arithmetic.
    ///
    /// - Parameter shrunken: The effect's column.
    /// - Returns: nil for genes that are to be shrunk.
    func unshrunken(_ shrunken: Int) -> ShrunkenEffect? {
        let effect = coefficients[shrunken]
        let isUsable =
            dispersion.isFinite && dispersion > 0
            && coefficients.allSatisfy { $0.isFinite }
        let isFlat = dispersion < 0.01 && effect.magnitude < 1
        guard !isUsable || isFlat else { return nil }
        return ShrunkenEffect(effect: effect, standardError: fallbackError)
    }
}

extension PosteriorModel {
    /// Limits of every coefficient.
    private static var farthest: Double { 30 }
    /// Trial effects where the minimiser did not converge.
    private static var scanPoints: Int { 60 }

    /// The posterior mode and standard error of one gene's effect.
    ///
    /// From the earlier coefficients by L-BFGS-B within ±30, whose early stopping (a step that lowers
    /// J by at most 1e-8 of it) is part of the published package's numbers. Where it does not converge
    /// the effect is also sought on a grid with all else fixed.
    ///
    /// - Parameters:
    ///   - counts: The gene's counts.
    ///   - earlier: The earlier fit: finite coefficients, one a column; a positive dispersion.
    ///   - floored: The two groups where means have a floor.
    /// - Returns: Mode and error.
    func shrink(
        _ counts: PosteriorCounts<Point>,
        _ earlier: EarlierFit,
        _ floored: [FlooredGroup] = []
    ) -> ShrunkenEffect {
        let posterior = GenePosterior(
            model: self,
            counts: counts,
            dispersion: earlier.dispersion,
            floored: floored
        )
        var start = Point(repeating: 0)
        var limit = Point(repeating: 0)
        for column in 0..<columns {
            start[column] = earlier.coefficients[column]
            limit[column] = Self.farthest
        }
        let found = BoundedMinimiser<Point>.minimise(
            from: start,
            lowerBounds: -limit,
            upperBounds: limit,
            limits: MinimiserLimits(iterations: 100, gradient: 1e-8, decrease: 1e-8),
            evaluate: posterior.evaluate
        )
        var mode = start
        if found.converged || found.value < posterior.evaluate(start).value { mode = found.point }
        if !found.converged { mode = scanned(mode, posterior) }
        return ShrunkenEffect(
            effect: mode[shrunken],
            standardError: posterior.standardError(mode) ?? earlier.fallbackError
        )
    }

    /// The best of a point and those with the effect on an even grid from -30 to 30.
    private func scanned(_ point: Point, _ posterior: GenePosterior<Point>) -> Point {
        var best = point
        var lowest = posterior.evaluate(point).value
        for index in 0..<Self.scanPoints {
            var trial = point
            let share = Double(index) * (2 * Self.farthest / Double(Self.scanPoints - 1))
            trial[shrunken] = index == Self.scanPoints - 1 ? Self.farthest : share - Self.farthest
            let value = posterior.evaluate(trial).value
            if value < lowest {
                lowest = value
                best = trial
            }
        }
        return best
    }
}
