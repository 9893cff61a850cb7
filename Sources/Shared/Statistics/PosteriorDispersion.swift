/// The dispersion that maximises likelihood times a log-normal prior around the trend.
///
/// 25 points of λ = ln α, equally spaced from ln 1e-8 to the logarithm of the number of cells (at
/// least 10), then Brent's method between the neighbours of the best of them (Love, Huber & Anders
/// 2014; docs/numbers.md, E10). The tolerance, 1e-4 of λ, is part of the result.
package struct PosteriorDispersion: Sendable {
    private let logGrid: [Double]
    private let priorVariance: Double
    private static let points = 25

    /// Prepares the estimates of one comparison.
    ///
    /// - Parameters:
    ///   - cells: Cells of the comparison.
    ///   - priorVariance: Variance of ln α around the trend, as
    ///     ``ComparisonDispersion/priorVariance(dispersions:trend:cells:)`` gives it.
    package init(cells: Int, priorVariance: Double) {
        self.priorVariance = priorVariance
        let lowest = RealFunctions.log(ComparisonDispersion.least)
        let highest = RealFunctions.log(ComparisonDispersion.largestSearched(cells: cells))
        let step = (highest - lowest) / Double(Self.points - 1)
        logGrid = (0..<Self.points).map {
            $0 == Self.points - 1 ? highest : lowest + Double($0) * step
        }
    }

    /// Estimates the dispersion of one gene.
    ///
    /// Calls the likelihood up to 47 times.
    ///
    /// - Parameters:
    ///   - trend: The trend at the gene.
    ///   - logLikelihood: The log-likelihood at ρ = 1/α; what does not depend on ρ may be left out.
    /// - Returns: The dispersion.
    package func estimate(trend: Double, logLikelihood: (_ rho: Double) -> Double) -> Double {
        let centre = RealFunctions.log(max(trend, ComparisonDispersion.least))
        func posterior(_ lambda: Double) -> Double {
            let deviation = lambda - centre
            return logLikelihood(1 / RealFunctions.exp(lambda))
                - 0.5 * (deviation * deviation) / priorVariance
        }
        var best = 0
        var highest = -Double.infinity
        for (index, lambda) in logGrid.enumerated() {
            let value = posterior(lambda)
            if value > highest {
                highest = value
                best = index
            }
        }
        var lambda = logGrid[best]
        if best > 0, best < Self.points - 1 {
            let found = BrentMinimiser.minimise(
                from: logGrid[best - 1],
                to: logGrid[best + 1],
                relativeTolerance: 1e-4,
                iterationLimit: 20
            ) { -posterior($0) }
            if -found.value >= highest { lambda = found.point }
        }
        return RealFunctions.exp(min(max(lambda, logGrid[0]), logGrid[Self.points - 1]))
    }
}

/// Brent's minimisation of a function of one variable without derivatives.
///
/// Source: Brent (1973), Algorithms for minimization without derivatives, chapter 5.
package enum BrentMinimiser {
    private static let goldenFraction = 0.3819660112501051

    /// Minimises within a bracket.
    ///
    /// - Parameters:
    ///   - lower: Lower end.
    ///   - upper: Upper end.
    ///   - relativeTolerance: Of the point.
    ///   - iterationLimit: Most evaluations after the first.
    ///   - evaluate: The function.
    /// - Returns: The best point met and the value there.
    package static func minimise(
        from lower: Double,
        to upper: Double,
        relativeTolerance: Double,
        iterationLimit: Int,
        _ evaluate: (Double) -> Double
    ) -> (point: Double, value: Double) {
        var (a, b) = (lower, upper)
        // The best point, the second best, and the second best before it.
        var x = a + goldenFraction * (b - a)
        var (w, v) = (x, x)
        var fx = evaluate(x)
        var (fw, fv) = (fx, fx)
        var step = 0.0
        var previousStep = 0.0
        for _ in 0..<iterationLimit {
            let middle = 0.5 * (a + b)
            let least = relativeTolerance * x.magnitude + 1e-10
            if (x - middle).magnitude <= 2 * least - 0.5 * (b - a) { break }
            var isParabolic = false
            if previousStep.magnitude > least {
                let r = (x - w) * (fx - fv)
                var q = (x - v) * (fx - fw)
                var p = (x - v) * q - (x - w) * r
                q = 2 * (q - r)
                if q > 0 { p = -p } else { q = -q }
                let before = previousStep
                previousStep = step
                if p.magnitude < (0.5 * q * before).magnitude, p > q * (a - x), p < q * (b - x) {
                    isParabolic = true
                    step = p / q
                    let u = x + step
                    if u - a < 2 * least || b - u < 2 * least { step = x < middle ? least : -least }
                }
            }
            if !isParabolic {
                previousStep = (x < middle ? b : a) - x
                step = goldenFraction * previousStep
            }
            let u = step.magnitude >= least ? x + step : x + (step > 0 ? least : -least)
            let fu = evaluate(u)
            if fu <= fx {
                if u < x { b = x } else { a = x }
                (v, fv, w, fw, x, fx) = (w, fw, x, fx, u, fu)
            } else {
                if u < x { a = u } else { b = u }
                if fu <= fw || w == x {
                    (v, fv, w, fw) = (w, fw, u, fu)
                } else if fu <= fv || v == x || v == w {
                    (v, fv) = (u, fu)
                }
            }
        }
        return (x, fx)
    }
}
