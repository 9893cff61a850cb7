extension RealFunctions {
    /// Below this the exponential rounds to 0.
    private static let lowestExponent = -746.0
    /// Above this the exponential is infinite.
    private static let highestExponent = 710.0
    /// Adding this rounds to an integer, which then stands in the low bits.
    private static let roundingShift = 0x1.8p52
    /// Adding this rounds to an integer k and leaves k + 2046, which is positive, in the low bits.
    private static let biasedRoundingShift = 0x1.8p52 + 2046

    /// e raised to `x`, to less than one unit in the last place.
    ///
    /// 0 below -745.14, infinite above 709.79; results below 2⁻¹⁰²² are rounded once to the
    /// subnormal grid.
    ///
    /// With k = round(x / ln 2) and r = x - k ln 2, e^x = 2^k (1 + r + r²/2 + r³ P(r)). x - k ln 2
    /// is exact but for the last bits of ln 2, and so is its sum with 1, kept in two parts.
    @inline(__always)
    package static func exp(_ x: Double) -> Double {
        guard x.magnitude < 708 else { return exponentialOfExtreme(x) }
        let shifted = x * log2e + roundingShift
        let k = shifted - roundingShift

        let rough = x - k * ln2High
        let correction = k * ln2Low
        let r = rough - correction
        let square = r * r
        let tail = square * 0.5 + (square * r) * exponentialTail(r, square)
        let sum = 1 + rough
        let sumError = rough - (sum - 1)
        let value = sum + ((sumError - correction) + tail)
        // The low bits of `shifted` are k: added to the exponent they multiply by 2^k.
        return Double(bitPattern: value.bitPattern &+ (shifted.bitPattern &<< 52))
    }

    /// e raised to each lane of `x`, bit for bit what the scalar function gives.
    ///
    /// No branches; about half the time of the scalar function per lane.
    @inline(__always)
    package static func exp(_ x: SIMD2<Double>) -> SIMD2<Double> {
        var clamped = x.replacing(with: lowestExponent, where: x .< lowestExponent)
        clamped.replace(with: highestExponent, where: clamped .> highestExponent)
        let shifted = clamped * log2e + biasedRoundingShift
        let k = shifted - biasedRoundingShift

        let rough = clamped - k * ln2High
        let correction = k * ln2Low
        let r = rough - correction
        let square = r * r
        let tail = square * 0.5 + (square * r) * exponentialTail(r, square)
        let sum = 1 + rough
        let sumError = rough - (sum - 1)
        let value = sum + ((sumError - correction) + tail)
        // k reaches -1076, so 2^k is applied as two factors; only the last product is rounded.
        let exponents = unsafeBitCast(shifted, to: SIMD2<UInt64>.self) & 0xfff
        let firstHalf = exponents &>> 1
        let secondHalf = exponents &- firstHalf
        return value * unsafeBitCast(firstHalf &<< 52, to: SIMD2<Double>.self)
            * unsafeBitCast(secondHalf &<< 52, to: SIMD2<Double>.self)
    }

    /// e raised to each lane of `x`, bit for bit what the scalar function gives.
    @inline(__always)
    package static func exp(_ x: SIMD4<Double>) -> SIMD4<Double> {
        SIMD4(lowHalf: exp(x.lowHalf), highHalf: exp(x.highHalf))
    }

    /// e raised to `x`, less 1, to a few units in the last place also for `x` near 0.
    ///
    /// -1 below -37.5, infinite above 709.79.
    package static func expm1(_ x: Double) -> Double {
        let magnitude = x.magnitude
        if magnitude < 0x1p-54 { return x }
        // Beyond 40 the 1 is below half a unit of e^x, or e^x below half a unit of 1.
        guard magnitude < 40 else { return exp(x) - 1 }
        let shifted = x * log2e + roundingShift
        let k = shifted - roundingShift
        let rough = x - k * ln2High
        let correction = k * ln2Low
        let r = rough - correction
        let rError = (rough - r) - correction
        let square = r * r
        let reduced = r + (rError + (square * 0.5 + (square * r) * exponentialTail(r, square)))
        let scale = Double(bitPattern: (1.0).bitPattern &+ (shifted.bitPattern &<< 52))
        return (scale - 1) + scale * reduced
    }

    /// The exponential where 2^k times a number near 1 may not be a normal number.
    @inline(never)
    private static func exponentialOfExtreme(_ x: Double) -> Double {
        exp(SIMD2(x, x)).x
    }

    /// (e^r - 1 - r - r²/2) / r³ for |r| at most ln 2 / 2; `square` is r².
    @inline(__always)
    private static func exponentialTail(_ r: Double, _ square: Double) -> Double {
        let fourth = square * square
        let low = (tail0 + tail1 * r) + (tail2 + tail3 * r) * square
        let middle = (tail4 + tail5 * r) + (tail6 + tail7 * r) * square
        let high = tail8 + tail9 * r
        return low + fourth * (middle + fourth * high)
    }

    /// The lanes of `exponentialTail`, in the same order of operations.
    @inline(__always)
    private static func exponentialTail(
        _ r: SIMD2<Double>,
        _ square: SIMD2<Double>
    ) -> SIMD2<Double> {
        let fourth = square * square
        let low = (tail0 + tail1 * r) + (tail2 + tail3 * r) * square
        let middle = (tail4 + tail5 * r) + (tail6 + tail7 * r) * square
        let high = tail8 + tail9 * r
        return low + fourth * (middle + fourth * high)
    }

    private static let tail0 = 0x1.5555555555556p-3
    private static let tail1 = 0x1.5555555555556p-5
    private static let tail2 = 0x1.111111111070bp-7
    private static let tail3 = 0x1.6c16c16c1609ep-10
    private static let tail4 = 0x1.a01a01a902360p-13
    private static let tail5 = 0x1.a01a01a7b5271p-16
    private static let tail6 = 0x1.71de0a3cdbc01p-19
    private static let tail7 = 0x1.27e4d944f0a76p-22
    private static let tail8 = 0x1.af3f064b85896p-26
    private static let tail9 = 0x1.1f769f8d12a4fp-29
}
