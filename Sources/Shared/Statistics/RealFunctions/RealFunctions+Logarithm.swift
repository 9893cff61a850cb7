extension RealFunctions {
    /// Bits of √½: the significand of a logarithm's argument is brought to [√½, √2).
    private static let lowestSignificandBits: UInt64 = 0x3fe6_a09e_667f_3bcd
    /// Bits of the least normal double.
    private static let leastNormalBits: UInt64 = 0x0010_0000_0000_0000
    /// Bits of infinity.
    private static let infinityBits: UInt64 = 0x7ff0_0000_0000_0000

    /// Natural logarithm, to less than one unit in the last place, subnormal arguments included.
    ///
    /// `log(0)` (either sign) is -infinity, `log` of a negative number NaN.
    @inline(__always)
    package static func log(_ x: Double) -> Double {
        let bits = x.bitPattern
        guard bits &- leastNormalBits < infinityBits &- leastNormalBits else {
            return logOfUnusual(x)
        }
        return logOfNormal(bits, extraExponent: 0)
    }

    /// Natural logarithm of 1 + `x`, to a few units in the last place also for `x` near 0.
    ///
    /// -infinity at -1, NaN below.
    package static func log1p(_ x: Double) -> Double {
        if x.magnitude < 0x1p-54 { return x }
        guard x > -1, x < .infinity else {
            return x == -1 ? -.infinity : (x > 0 ? .infinity : .nan)
        }
        let sum = DoublePair(sumOf: 1, x)
        return log(sum.high) + sum.low / sum.high
    }

    /// Natural logarithm of 1 + `x` of lanes that are finite and at least 0, bit for bit what the
    /// scalar function gives.
    @inline(__always)
    package static func log1pOfNonnegative(_ x: SIMD2<Double>) -> SIMD2<Double> {
        let one = SIMD2<Double>(repeating: 1)
        let sum = one + x
        let added = sum - one
        let sumError = (one - (sum - added)) + (x - added)
        // A sum of at least 1 lies above √½: the exponent is not negative, its shift needs no sign.
        let bits = unsafeBitCast(sum, to: SIMD2<UInt64>.self)
        let exponent = (bits &- lowestSignificandBits) &>> 52
        let f = unsafeBitCast(bits &- (exponent &<< 52), to: SIMD2<Double>.self) - 1
        // The integer in the low bits of 2⁵², as a double.
        let k = unsafeBitCast(exponent | 0x4330_0000_0000_0000, to: SIMD2<Double>.self) - 0x1p52
        let s = f / (2 + f)
        let halfSquare = 0.5 * f * f
        let series = s * (halfSquare + atanhTail(s * s))
        let whole = k * ln2High
        let high = whole + f
        let highError = (whole - high) + f
        let log = high + (highError - (halfSquare - (series + k * ln2Low)))
        return log + sumError / sum
    }

    /// Base-2 logarithm, to a few units in the last place, exact for powers of 2.
    ///
    /// `log2(0)` (either sign) is -infinity, `log2` of a negative number NaN.
    package static func log2(_ x: Double) -> Double {
        guard x > 0, x < .infinity else { return logOfUnusual(x) }
        let isSubnormal = x < 0x1p-1022
        let bits = (isSubnormal ? x * 0x1p54 : x).bitPattern
        let exponent = exponentAboveRootHalf(bits)
        let significand = bits &- UInt64(bitPattern: exponent &<< 52)
        let fraction = logOfNormal(significand, extraExponent: 0) * log2e
        return Double(isSubnormal ? exponent - 54 : exponent) + fraction
    }

    /// Natural logarithm of a positive finite number, to about 55 bits.
    static func logPair(_ x: Double) -> DoublePair {
        x < 0x1p-1022
            ? logPair(bits: (x * 0x1p54).bitPattern, extraExponent: -54)
            : logPair(bits: x.bitPattern, extraExponent: 0)
    }

    /// Natural logarithm of a positive pair, to about 55 bits.
    static func logPair(_ x: DoublePair) -> DoublePair {
        let leading = logPair(x.high)
        return DoublePair(large: leading.high, small: leading.low + x.low / x.high)
    }

    /// Natural logarithm of 1 + `x` for finite `x` above -1, to about 55 bits.
    static func log1pPair(_ x: Double) -> DoublePair {
        logPair(DoublePair(sumOf: 1, x))
    }

    /// u - log(1 + u) of a pair above -1, to about 53 bits also for `u` near 0.
    ///
    /// `onePlusU` is 1 + u, given apart because `u` near -1 does not determine it well.
    static func excessOverLog1p(_ u: DoublePair, onePlusU: DoublePair) -> DoublePair {
        let f = u.high
        guard f > -0.2928, f < 0.4142 else { return u + -logPair(onePlusU) }
        let halfSquare = DoublePair(productOf: f, f) * 0.5
        let s = f / (2 + f)
        // The derivative of the excess, u / (1 + u), carries the low part of u.
        let lowPart = u.low * (f / (1 + f))
        return halfSquare + (lowPart - s * (halfSquare.high + atanhTail(s * s)))
    }

    /// The exponent that brings a number's significand to [√½, √2).
    @inline(__always)
    private static func exponentAboveRootHalf(_ bits: UInt64) -> Int64 {
        Int64(bitPattern: bits &- lowestSignificandBits) &>> 52
    }

    /// Natural logarithm of 2^`extraExponent` times the normal positive number of these bits.
    ///
    /// With x = 2^k (1 + f), s = f / (2 + f) and R = 2 atanh(s)/s - 2, the logarithm is
    /// k ln 2 + f - (f²/2 - s (f²/2 + R)). f is exact and so is its sum with k ln 2 (apart from the
    /// last bits of ln 2); the last term is at most 0.07 and hence its rounding small.
    @inline(__always)
    private static func logOfNormal(_ bits: UInt64, extraExponent: Int64) -> Double {
        let exponent = exponentAboveRootHalf(bits)
        let f = Double(bitPattern: bits &- UInt64(bitPattern: exponent &<< 52)) - 1
        let k = Double(exponent &+ extraExponent)
        let s = f / (2 + f)
        let halfSquare = 0.5 * f * f
        let series = s * (halfSquare + atanhTail(s * s))
        let whole = k * ln2High
        let high = whole + f
        let highError = (whole - high) + f
        return high + (highError - (halfSquare - (series + k * ln2Low)))
    }

    /// The same logarithm to about 55 bits.
    ///
    /// The part of f² that comes from the leading half of f is exact here, so that only the last
    /// term (at most 0.015) is rounded.
    @inline(__always)
    private static func logPair(bits: UInt64, extraExponent: Int64) -> DoublePair {
        let exponent = exponentAboveRootHalf(bits)
        let f = Double(bitPattern: bits &- UInt64(bitPattern: exponent &<< 52)) - 1
        let k = Double(exponent &+ extraExponent)
        let s = f / (2 + f)

        let leading = Double(bitPattern: f.bitPattern & 0xffff_ffff_f800_0000)
        let leadingHalfSquare = 0.5 * leading * leading
        let trailingHalfSquare = 0.5 * (f - leading) * (f + leading)
        let difference = f - leadingHalfSquare
        let differenceError = (f - difference) - leadingHalfSquare
        let series = s * ((leadingHalfSquare + trailingHalfSquare) + atanhTail(s * s))
        let rest = (differenceError - trailingHalfSquare) + series

        let whole = k * ln2High
        let high = whole + difference
        let highError = (whole - high) + difference
        return DoublePair(high: high, low: highError + (k * ln2Low + rest))
    }

    /// 2 atanh(s)/s - 2 for |s| at most (√2 - 1) / (√2 + 1); `z` is s².
    @inline(__always)
    private static func atanhTail(_ z: Double) -> Double {
        let square = z * z
        let low =
            (0x1.5555555555558p-1 + 0x1.9999999995310p-2 * z)
            + (0x1.2492492df0f7cp-2 + 0x1.c71c62e3d83bep-3 * z) * square
        let high =
            (0x1.7462b5611aa37p-3 + 0x1.39fe456997227p-3 * z)
            + 0x1.2b59a79cd5082p-3 * square
        return z * (low + (square * square) * high)
    }

    /// The same of each lane.
    @inline(__always)
    private static func atanhTail(_ z: SIMD2<Double>) -> SIMD2<Double> {
        let square = z * z
        let low =
            (0x1.5555555555558p-1 + 0x1.9999999995310p-2 * z)
            + (0x1.2492492df0f7cp-2 + 0x1.c71c62e3d83bep-3 * z) * square
        let high =
            (0x1.7462b5611aa37p-3 + 0x1.39fe456997227p-3 * z)
            + 0x1.2b59a79cd5082p-3 * square
        return z * (low + (square * square) * high)
    }

    /// The logarithm of what is not a normal positive number.
    @inline(never)
    private static func logOfUnusual(_ x: Double) -> Double {
        if x == 0 { return -.infinity }
        guard x > 0 else { return .nan }
        guard x < .infinity else { return x }
        return logOfNormal((x * 0x1p54).bitPattern, extraExponent: -54)
    }
}
