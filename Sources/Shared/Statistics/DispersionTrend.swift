/// The trend of dispersion over mean expression, f(x) = a0 + a1/x (docs/numbers.md, E4).
///
/// A gamma model with identity link: the coefficients minimise the mean of d/f + ln f, outliers are
/// set aside and the fit repeated (Anders & Huber 2010; Love, Huber & Anders 2014, methods). The
/// mean often has two minima, so that the path of the minimiser is part of the definition.
package struct DispersionTrend: Equatable, Sendable {
    /// a0, the dispersion of highly expressed genes.
    package private(set) var asymptote: Double
    /// a1, in counts.
    package private(set) var slope: Double
    /// Rounds of fitting and setting outliers aside that were done, a failed fit not counted.
    package private(set) var rounds: Int

    private static let lowerBound = 1e-12

    /// Fits the trend.
    ///
    /// - Parameters:
    ///   - means: Normalised mean of each gene; those not finite and positive are left out.
    ///   - dispersions: Dispersion of each gene; likewise.
    ///   - roundLimit: Most rounds to do.
    package init(means: [Double], dispersions: [Double], roundLimit: Int = 20) {
        var loss = TrendLoss(means: means, dispersions: dispersions)
        rounds = 0
        guard loss.geneCount >= 3 else {
            asymptote = loss.geneCount == 0 ? 0.1 : Median.of(loss.dispersions)
            slope = 0
            return
        }
        var current = SIMD2(1.0, 1.0)
        var previous = SIMD2(0.1, 0.1)
        while rounds < roundLimit {
            if current.min() <= 1e-10 { break }
            if rounds > 0, Self.logDistance(current, previous) < 1e-6 { break }
            previous = current
            let fitted = BoundedMinimiser.minimise(
                from: current,
                lowerBounds: SIMD2(repeating: Self.lowerBound),
                evaluate: loss.evaluate
            )
            guard fitted.converged else { break }
            current = fitted.point
            rounds += 1
            guard let kept = loss.withoutOutliers(current) else { break }
            loss = kept
        }
        asymptote = current[0]
        slope = current[1]
    }

    /// The trend at a mean, at least 1e-8.
    package func value(atMean mean: Double) -> Double {
        max(asymptote + slope / max(mean, 1e-8), 1e-8)
    }

    private static func logDistance(_ a: SIMD2<Double>, _ b: SIMD2<Double>) -> Double {
        let first = RealFunctions.log((a[0] / b[0]).magnitude)
        let second = RealFunctions.log((a[1] / b[1]).magnitude)
        return first * first + second * second
    }
}

/// The mean of d/f + ln f over genes with its gradient in a0 and a1.
private struct TrendLoss {
    private var inverseMeans: [Double] = []
    private(set) var dispersions: [Double] = []

    private init() {}

    /// Takes the genes whose mean and dispersion are finite and positive.
    init(means: [Double], dispersions: [Double]) {
        for (mean, dispersion) in zip(means, dispersions)
        where mean.isFinite && dispersion.isFinite && mean > 0 && dispersion > 0 {
            append(inverseMean: 1 / mean, dispersion: dispersion)
        }
    }

    var geneCount: Int { dispersions.count }

    private mutating func append(inverseMean: Double, dispersion: Double) {
        inverseMeans.append(inverseMean)
        dispersions.append(dispersion)
    }

    /// The genes near enough to a trend; nil when fewer than three are.
    func withoutOutliers(_ coefficients: SIMD2<Double>) -> TrendLoss? {
        var kept = TrendLoss()
        for (inverseMean, dispersion) in zip(inverseMeans, dispersions) {
            let trend = coefficients[0] + coefficients[1] * inverseMean
            let ratio = dispersion / max(trend, TrendSummand.leastTrend)
            guard ratio >= 1e-4, ratio < 15 else { continue }
            kept.append(inverseMean: inverseMean, dispersion: dispersion)
        }
        return kept.geneCount < 3 ? nil : kept
    }

    /// The loss and its gradient at the coefficients (a0, a1).
    func evaluate(_ coefficients: SIMD2<Double>) -> BoundedMinimiser<SIMD2<Double>>.Evaluation {
        inverseMeans.withUnsafeBufferPointer { inverseMeans in
            dispersions.withUnsafeBufferPointer { dispersions in
                let summand = TrendSummand(
                    inverseMeans: inverseMeans,
                    dispersions: dispersions,
                    coefficients: coefficients
                )
                let sums = summand.sum(0, dispersions.count)
                let count = Double(dispersions.count)
                return .init(value: sums[0] / count, gradient: SIMD2(sums[1], sums[2]) / count)
            }
        }
    }
}

/// Sums of d/f + ln f and its two derivatives.
private struct TrendSummand {
    let inverseMeans: UnsafeBufferPointer<Double>
    let dispersions: UnsafeBufferPointer<Double>
    let coefficients: SIMD2<Double>

    /// The trend where the coefficients would make it smaller.
    static let leastTrend = 1e-10
    /// Genes that are summed before sums are added in pairs; a multiple of the eight lanes.
    private static let blockGenes = 128

    /// Sums of value, d/da0 and d/da1 over `count` genes from `start`.
    ///
    /// Blocks are added in pairs, which keeps rounding small: it decides where the path of the
    /// minimiser ends. The order of additions depends on `count` alone.
    func sum(_ start: Int, _ count: Int) -> SIMD4<Double> {
        if count > Self.blockGenes {
            let half = count / 2 & ~7
            return sum(start, half) + sum(start + half, count - half)
        }
        var values = SIMD8<Double>(repeating: 0)
        var slopes = values
        var weighted = values
        let end = start + count
        var index = start
        while index + 8 <= end {
            let x = FixedOrderSums.load8(inverseMeans, index)
            let d = FixedOrderSums.load8(dispersions, index)
            var f = coefficients[0] + coefficients[1] * x
            f.replace(with: Self.leastTrend, where: f .< Self.leastTrend)
            let ratio = d / f
            var logs = f
            for lane in 0..<8 { logs[lane] = RealFunctions.log(f[lane]) }
            values += ratio + logs
            let slope = (1 - ratio) / f
            slopes += slope
            weighted += slope * x
            index += 8
        }
        var sums = SIMD4(fold(values), fold(slopes), fold(weighted), 0)
        while index < end {
            let x = inverseMeans[index]
            let f = max(coefficients[0] + coefficients[1] * x, Self.leastTrend)
            let ratio = dispersions[index] / f
            let slope = (1 - ratio) / f
            sums += SIMD4(ratio + RealFunctions.log(f), slope, slope * x, 0)
            index += 1
        }
        return sums
    }

    private func fold(_ lanes: SIMD8<Double>) -> Double {
        let four = lanes.evenHalf + lanes.oddHalf
        let two = four.evenHalf + four.oddHalf
        return two[0] + two[1]
    }
}
