extension RealFunctions {
    /// The two tail probabilities of a beta distribution; they add up to 1.
    package struct BetaTails: Equatable, Sendable {
        /// I_x(a, b), the probability below x.
        package let lower: Double
        /// 1 - I_x(a, b) = I_{1-x}(b, a), the probability above x.
        package let upper: Double

        /// The tails as given.
        package init(lower: Double, upper: Double) {
            self.lower = lower
            self.upper = upper
        }
    }

    /// Regularised incomplete beta function I_x(a, b) for `x` in [0, 1] and `a`, `b` in (0, 10⁷].
    ///
    /// NaN outside the domain. Accuracy: see `incompleteBetaTails`.
    package static func incompleteBeta(_ x: Double, _ a: Double, _ b: Double) -> Double {
        incompleteBetaTails(x, complement: 1 - x, a, b).lower
    }

    /// I_x(a, b) and its complement, each without cancellation, for `x` given with 1 - x.
    ///
    /// A caller that knows 1 - x better than by subtraction passes it: near x = 1 the lower tail
    /// depends on 1 - x, not on x. Student's two-sided tail, for example, is the lower tail at
    /// x = ν/(ν + t²), 1 - x = t²/(ν + t²), a = ν/2, b = ½.
    ///
    /// Relative error below 10⁻¹³ in both tails for `a` and `b` of at least ½, given exact
    /// arguments, down to 10⁻³⁰⁰. With smaller `a` or `b` that holds for the larger tail, and the
    /// smaller one may be off by 10⁻¹⁵ absolutely.
    ///
    /// Cost: one step of a continued fraction is about 15 operations; Student's tail takes at most
    /// 60 steps, `a` = `b` = 10⁷ at most 1,200.
    ///
    /// - Parameters:
    ///   - x: Where the distribution is cut, in [0, 1].
    ///   - complement: 1 - `x`, in [0, 1].
    ///   - a: First shape, in (0, 10⁷].
    ///   - b: Second shape, in (0, 10⁷].
    /// - Returns: Both tails; NaN in both when an argument is outside its domain.
    package static func incompleteBetaTails(
        _ x: Double,
        complement: Double,
        _ a: Double,
        _ b: Double
    ) -> BetaTails {
        let inDomain = x >= 0 && x <= 1 && complement >= 0 && complement <= 1
        guard inDomain, a > 0, a < .infinity, b > 0, b < .infinity else {
            return BetaTails(lower: .nan, upper: .nan)
        }
        if x == 0 { return BetaTails(lower: 0, upper: 1) }
        if complement == 0 { return BetaTails(lower: 1, upper: 0) }
        let cut = BetaCut(x, complement, a, b)
        // The continued fraction of the tail that ends before the mean converges quickly.
        if cut.distance.high + 2 * x <= 1 {
            let tail = min(cut.density * cut.fraction(), 1)
            return BetaTails(lower: tail, upper: 1 - tail)
        }
        let mirrored = cut.mirrored
        let tail = min(mirrored.density * mirrored.fraction(), 1)
        return BetaTails(lower: 1 - tail, upper: tail)
    }
}

/// A beta distribution and the point that cuts it, with the differences that must not cancel.
private struct BetaCut {
    let x: Double
    let y: Double
    let a: Double
    let b: Double
    /// x (a + b).
    let scaledX: DoublePair
    /// y (a + b).
    let scaledY: DoublePair

    /// x (a + b) - a: how far the cut is above the mean, in units of 1 / (a + b).
    var distance: DoublePair { scaledX + -a }

    /// The same cut seen from the other end: x and y, a and b exchanged.
    var mirrored: BetaCut {
        BetaCut(x: y, y: x, a: b, b: a, scaledX: scaledY, scaledY: scaledX)
    }

    private init(
        x: Double,
        y: Double,
        a: Double,
        b: Double,
        scaledX: DoublePair,
        scaledY: DoublePair
    ) {
        self.x = x
        self.y = y
        self.a = a
        self.b = b
        self.scaledX = scaledX
        self.scaledY = scaledY
    }

    /// The smaller of `x` and `y` is taken at its word, the other one follows from it.
    init(_ x: Double, _ y: Double, _ a: Double, _ b: Double) {
        let total = DoublePair(sumOf: a, b)
        if x <= y {
            let scaledX = total * x
            self.init(x: x, y: y, a: a, b: b, scaledX: scaledX, scaledY: total + -scaledX)
        } else {
            let scaledY = total * y
            self.init(x: x, y: y, a: a, b: b, scaledX: total + -scaledY, scaledY: scaledY)
        }
    }

    /// x^a y^b / B(a, b).
    var density: Double {
        if a >= RealFunctions.asymptoticStart {
            return b >= RealFunctions.asymptoticStart ? densityOfLarge : densityOfLargeA
        }
        return b >= RealFunctions.asymptoticStart ? mirrored.densityOfLargeA : densityOfSmall
    }

    /// The density when both shapes are at least 8.
    ///
    /// Stirling's formula leaves a sum of two positive terms in the exponent, a φ(u) + b φ(v) with
    /// φ(u) = u - log(1 + u), 1 + u = x (a + b) / a and 1 + v = y (a + b) / b, so that nothing
    /// cancels near the mean. Source of the idea: Loader (2000), *Fast and Accurate Computation of
    /// Binomial Probabilities*.
    private var densityOfLarge: Double {
        let distance = distance
        let below = RealFunctions.excessOverLog1p(distance / a, onePlusU: scaledX / a) * a
        let above = RealFunctions.excessOverLog1p(-distance / b, onePlusU: scaledY / b) * b
        let correction =
            RealFunctions.stirlingCorrection(a + b)
            - (RealFunctions.stirlingCorrection(a) + RealFunctions.stirlingCorrection(b))
        let spread = a * (b / (a + b))
        // The literal is 1 / √(2π).
        return 0x1.9884533d43651p-2 * spread.squareRoot()
            * exponential(-(below + above) + correction)
    }

    /// The density when `a` is at least 8 and `b` below 8.
    ///
    /// Γ(a + b) / Γ(a) by Stirling's formula: the exponent is
    /// (a - ½) log(1 + b/a) - b + b log(a + b) and the difference of the corrections.
    private var densityOfLargeA: Double {
        let ratio = DoublePair(high: b, low: 0) / a
        let onePlusRatio = ratio + 1
        let excess = RealFunctions.excessOverLog1p(ratio, onePlusU: onePlusRatio)
        let half = 0.5 * RealFunctions.log1p(ratio.high)
        let correction =
            RealFunctions.stirlingCorrection(a + b)
            - RealFunctions.stirlingCorrection(a)
        let logTotal = RealFunctions.logPair(a + b)
        let exponent = logX * a + (logY + logTotal) * b + -(excess * a)
        let rest = correction - half - RealFunctions.logGamma(1 + b)
        return b * exponential(exponent + rest)
    }

    /// The density when both shapes are below 8.
    private var densityOfSmall: Double {
        let logBeta =
            RealFunctions.logGamma(1 + (a + b))
            - (RealFunctions.logGamma(1 + a) + RealFunctions.logGamma(1 + b))
        return (a / (a + b)) * b * exponential(logX * a + logY * b + logBeta)
    }

    private var logX: DoublePair {
        x <= y ? RealFunctions.logPair(x) : RealFunctions.log1pPair(-y)
    }

    private var logY: DoublePair {
        y < x ? RealFunctions.logPair(y) : RealFunctions.log1pPair(-x)
    }

    private func exponential(_ exponent: DoublePair) -> Double {
        let leading = RealFunctions.exp(exponent.high)
        return leading + leading * exponent.low
    }

    /// I_x(a, b) over the density, for a cut below or just above the mean.
    ///
    /// The continued fraction of DiDonato and Morris (1992), *ACM Transactions on Mathematical
    /// Software* 18, 360-373, in their form whose terms hold a - (a + b) x and do not cancel for x
    /// near 1; evaluated forwards by Lentz's method (1976), *Applied Optics* 15, 668-671.
    func fraction() -> Double {
        let stepLimit = 10_000
        let meanSide = 1 - distance.high
        var inverseNext = 1 / (a + 1)
        var value = a * meanSide * inverseNext
        var numeratorRatio = value
        var denominatorRatio = 0.0
        var m = 1.0
        for _ in 0..<stepLimit {
            let inverse = inverseNext
            inverseNext = 1 / (a + 2 * m + 1)
            let common = m * (b - m) * x * inverse
            let alpha = common * ((a + m - 1) * (a + b + m - 1) * x * inverse)
            let beta = m + common + (a + m) * (meanSide + m * (2 - x)) * inverseNext
            denominatorRatio = 1 / (beta + alpha * denominatorRatio)
            numeratorRatio = beta + alpha / numeratorRatio
            let change = numeratorRatio * denominatorRatio
            value *= change
            if (change - 1).magnitude <= 0x1p-51 { break }
            m += 1
        }
        return 1 / value
    }
}
