/// An unevaluated sum of two doubles, about twice as precise as one of them.
///
/// Used where a rounding error would be multiplied by hundreds before it reaches a result. No fused
/// multiply-add: a product is made exact by splitting its factors (Dekker 1971, *Numerische
/// Mathematik* 18, 224-242; sums: Knuth, *The Art of Computer Programming* 2, 4.2.2).
struct DoublePair: Equatable, Sendable {
    /// The sum rounded to double.
    var high: Double
    /// What `high` lacks.
    var low: Double

    /// A pair of the parts as they are.
    @inline(__always)
    init(high: Double, low: Double) {
        self.high = high
        self.low = low
    }

    /// The exact sum of `a` and `b`.
    @inline(__always)
    init(sumOf a: Double, _ b: Double) {
        high = a + b
        let shadow = high - a
        low = (a - (high - shadow)) + (b - shadow)
    }

    /// The exact sum of `large` and `small`, where |large| is at least |small| or `large` is 0.
    @inline(__always)
    init(large: Double, small: Double) {
        high = large + small
        low = (large - high) + small
    }

    /// The exact product of `a` and `b`, for magnitudes between about 10⁻¹⁴⁰ and 10¹⁴⁰.
    @inline(__always)
    init(productOf a: Double, _ b: Double) {
        high = a * b
        let aHigh = Self.leadingHalf(a)
        let aLow = a - aHigh
        let bHigh = Self.leadingHalf(b)
        let bLow = b - bHigh
        low = ((aHigh * bHigh - high) + aHigh * bLow + aLow * bHigh) + aLow * bLow
    }

    /// `value` rounded to 26 bits, so that the product of two such numbers is exact.
    @inline(__always)
    static func leadingHalf(_ value: Double) -> Double {
        let scaled = value * 0x1.0000002p27
        return scaled - (scaled - value)
    }

    /// The sum, rounded to a pair.
    @inline(__always)
    static func + (left: DoublePair, right: DoublePair) -> DoublePair {
        let sum = DoublePair(sumOf: left.high, right.high)
        return DoublePair(large: sum.high, small: sum.low + (left.low + right.low))
    }

    /// The sum with a double, rounded to a pair.
    @inline(__always)
    static func + (left: DoublePair, right: Double) -> DoublePair {
        let sum = DoublePair(sumOf: left.high, right)
        return DoublePair(large: sum.high, small: sum.low + left.low)
    }

    /// The negated pair.
    @inline(__always)
    static prefix func - (pair: DoublePair) -> DoublePair {
        DoublePair(high: -pair.high, low: -pair.low)
    }

    /// The product with a double, rounded to a pair.
    @inline(__always)
    static func * (left: DoublePair, right: Double) -> DoublePair {
        let product = DoublePair(productOf: left.high, right)
        return DoublePair(large: product.high, small: product.low + left.low * right)
    }

    /// The quotient by a double, rounded to a pair.
    @inline(__always)
    static func / (left: DoublePair, right: Double) -> DoublePair {
        let quotient = left.high / right
        let product = DoublePair(productOf: quotient, right)
        let rest = ((left.high - product.high) - product.low) + left.low
        return DoublePair(large: quotient, small: rest / right)
    }
}
