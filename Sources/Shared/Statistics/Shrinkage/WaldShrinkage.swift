/// A fold change after shrinkage.
package struct ShrunkenEffect: Sendable, Equatable {
    /// Posterior mode, natural log.
    package var effect: Double
    /// Posterior standard error, natural log.
    package var standardError: Double

    /// Joins mode and error.
    package init(effect: Double, standardError: Double) {
        self.effect = effect
        self.standardError = standardError
    }
}

/// Shrinks fold changes by what is known of them after a fit: estimate and standard error.
///
/// The likelihood is taken as normal around the estimate: f(b) = (b - β̂)²/(2se²) + ln(1 + (b/σ)²)
/// (docs/numbers.md, E24; Zhu, Ibrahim & Love 2019). Newton's method starts at 0; f may have a second,
/// deeper minimum near the estimate that is then not found. Both are the published package's.
package struct WaldShrinkage: Sendable {
    /// Scale σ of the Cauchy prior, natural log.
    package let scale: Double

    private static let stepLimit = 100
    private static let halvingLimit = 10
    private static let tolerance = 1e-8

    /// Shrinkage with a prior of one scale.
    package init(scale: Double) { self.scale = scale }

    /// Shrinks one effect.
    ///
    /// - Parameters:
    ///   - effect: β̂, natural log.
    ///   - error: Its standard error.
    /// - Returns: Mode and error of the posterior; both unchanged where one of them is not finite or
    ///   the error not positive.
    package func shrink(effect: Double, error: Double) -> ShrunkenEffect {
        guard effect.isFinite, error.isFinite, error > 0 else {
            return ShrunkenEffect(effect: effect, standardError: error)
        }
        let noise = error * error
        let mode = mode(effect, noise)
        let curvature = curvature(mode, noise).magnitude
        return ShrunkenEffect(
            effect: mode,
            standardError: 1 / max(curvature, 1e-12).squareRoot()
        )
    }

    private func mode(_ effect: Double, _ noise: Double) -> Double {
        let square = scale * scale
        var b = 0.0
        for _ in 0..<Self.stepLimit {
            let slope = (b - effect) / noise + 2 * b / (square + b * b)
            let step = slope / max(curvature(b, noise).magnitude, 1 / (noise + square))
            let value = objective(b, effect, noise)
            var share = 1.0
            for _ in 0..<Self.halvingLimit {
                let allowed = value - 0.1 * share * slope * step
                if objective(b - share * step, effect, noise) <= allowed { break }
                share *= 0.5
            }
            let next = b - share * step
            let change = (next - b).magnitude
            b = next
            if change < Self.tolerance { break }
        }
        return b
    }

    private func objective(_ b: Double, _ effect: Double, _ noise: Double) -> Double {
        let distance = b - effect
        let ratio = b / scale
        return 0.5 * (distance * distance) / noise + RealFunctions.log1p(ratio * ratio)
    }

    private func curvature(_ b: Double, _ noise: Double) -> Double {
        1 / noise + CauchyPrior(scale: scale).curvature(b)
    }
}

/// The prior of a fold change, up to a constant: -ln p(b) = ln(1 + (b/σ)²).
struct CauchyPrior: Sendable {
    let scale: Double

    /// ln(1 + (b/σ)²).
    func penalty(_ b: Double) -> Double {
        let ratio = b / scale
        return RealFunctions.log1p(ratio * ratio)
    }

    /// The penalty's derivative.
    func slope(_ b: Double) -> Double { 2 * b / (scale * scale + b * b) }

    /// The penalty's second derivative, negative beyond the scale.
    func curvature(_ b: Double) -> Double {
        let square = scale * scale
        let sum = square + b * b
        return 2 * (square - b * b) / (sum * sum)
    }
}
