import Statistics

/// Draws counts of one negative binomial distribution by sequential inversion.
///
/// With mean μ and dispersion α (variance μ + αμ²; 1/α is the size parameter of other programs),
/// P(0) = (1 + αμ)^(-1/α) and P(n + 1) / P(n) = (αn + 1) μ / ((1 + αμ)(n + 1)).
package struct NegativeBinomial: Sendable {
    /// Below this dispersion counts are drawn from the Poisson limit.
    package static let leastDispersion = 1e-9
    /// Above this -ln P(0), a count is drawn as a sum, because P(0) would lose precision.
    private static let largestExponent = 600.0

    /// Reciprocals of 1, 2, 3, ...: what short walks divide by.
    package struct Reciprocals: Sendable {
        private let values = (1...1024).map { 1 / Double($0) }

        /// The table.
        package init() {}

        /// 1 / (`n` + 1).
        @inline(__always)
        func after(_ n: Int) -> Double { n < 1024 ? values[n] : 1 / Double(n + 1) }
    }

    private let mean: Double
    private let dispersion: Double
    /// -ln P(0).
    private let exponent: Double
    private let zero: Double

    /// A distribution.
    ///
    /// - Parameters:
    ///   - mean: μ, at least 0.
    ///   - dispersion: α, at least 0.
    ///   - size: 1/α; not used below ``leastDispersion``.
    @inline(__always)
    package init(mean: Double, dispersion: Double, size: Double) {
        self.mean = mean
        self.dispersion = dispersion
        exponent =
            dispersion > Self.leastDispersion
            ? RealFunctions.log(1 + dispersion * mean) * size : mean
        zero = RealFunctions.exp(-exponent)
    }

    /// Whether a number in [0, 1) surely stands for a count of 0, judged without P(0) itself.
    ///
    /// P(0) is at least e^-μ, and that at least 1 - μ + μ²/2 - μ³/6.
    @inline(__always)
    package static func isSurelyZero(_ unit: Double, mean: Double) -> Bool {
        unit < 1 - mean * (1 - mean * (0.5 - mean * 0.1666666666666667))
    }

    /// The count that random bits stand for; further bits are derived from them where needed.
    @inline(__always)
    package func count(_ bits: UInt64, _ reciprocals: borrowing Reciprocals) -> Int {
        let unit = RandomStream.unit(bits)
        if unit < zero { return 0 }
        return exponent > Self.largestExponent
            ? sumOfParts(bits, reciprocals) : walk(from: unit - zero, reciprocals)
    }

    /// The distribution is infinitely divisible: a sum of m counts of mean μ/m and dispersion mα.
    @inline(never)
    private func sumOfParts(_ bits: UInt64, _ reciprocals: borrowing Reciprocals) -> Int {
        let parts = (exponent / Self.largestExponent).rounded(.up)
        let part = NegativeBinomial(
            mean: mean / parts,
            dispersion: dispersion * parts,
            size: 1 / (dispersion * parts)
        )
        var sum = 0
        for index in 0..<UInt64(parts) {
            sum += part.count(RandomStream.bits(key: bits, position: index), reciprocals)
        }
        return sum
    }

    /// The smallest n for which P(1) to P(n) add up to more than `rest`.
    @inline(__always)
    private func walk(from rest: Double, _ reciprocals: borrowing Reciprocals) -> Int {
        // The ratio as a constant plus a part that shrinks with n.
        let perCount = mean / (1 + dispersion * mean)
        let ratio = dispersion * perCount
        let shrinking = perCount - ratio
        var rest = rest
        var probability = zero
        var n = 0
        while true {
            probability *= ratio + shrinking * reciprocals.after(n)
            n += 1
            rest -= probability
            if rest < 0 { return n }
            // Rounding can leave a rest that the tail never uses up.
            if probability < 0x1p-60, Double(n) > mean { return n }
        }
    }
}
