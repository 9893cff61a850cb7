extension RealFunctions {
    /// Complementary error function, 2/√π times the integral of exp(-t²) from `x` to infinity.
    ///
    /// Relative error below 10⁻¹⁴ while the result is normal; 1 exactly at 0; 0 above 27.23, 2 for
    /// arguments below -5.87.
    package static func erfc(_ x: Double) -> Double {
        let magnitude = x.magnitude
        if magnitude < 0.5 { return 1 - erfNearZero(x) }
        guard magnitude <= 28 else {
            return x > 0 ? 0 : (x < 0 ? 2 : .nan)
        }
        let square = DoublePair(productOf: magnitude, magnitude)
        let tail = exponentialOfNegated(square) * scaledErfc(magnitude)
        return x > 0 ? tail : 2 - tail
    }

    /// The error function for |x| below 0.5.
    @inline(__always)
    static func erfNearZero(_ x: Double) -> Double {
        let z = x * x
        let square = z * z
        let low =
            (0x1.20dd750429b6dp+0 - 0x1.812746b03798ep-2 * z)
            + (0x1.ce2f21a03b64bp-4 - 0x1.b82ce30e56a5bp-6 * z) * square
        let high =
            (0x1.565bcbcc9aad9p-8 - 0x1.c02d44f856bcdp-11 * z)
            + (0x1.f98c4af9c02a1p-14 - 0x1.f20b2611f452ep-17 * z) * square
        let fourth = square * square
        return x * (low + fourth * (high + fourth * 0x1.8a89c65e1bc5bp-20))
    }

    /// exp of minus a pair.
    @inline(__always)
    static func exponentialOfNegated(_ pair: DoublePair) -> Double {
        let leading = exp(-pair.high)
        return leading - leading * pair.low
    }

    /// exp(x²) erfc(x) for `x` in [0.5, 28].
    ///
    /// A polynomial in t = (x - 3) / (x + 3) over 1 + 2x, the form of Schonfelder (1978),
    /// *Mathematics of Computation* 32, 1232-1240, and Shepherd and Laframboise (1981), ibid. 36,
    /// 249-253.
    @inline(__always)
    static func scaledErfc(_ x: Double) -> Double {
        let t = (x - 3) / (x + 3)
        let square = t * t
        var even = 0x1.14cc4417301b9p-27
        even = even * square - 0x1.63ddd0e6c781ep-24
        even = even * square + 0x1.43e4cce58b36fp-22
        even = even * square - 0x1.780ceecde09e2p-21
        even = even * square + 0x1.4b6b4b284009bp-18
        even = even * square - 0x1.b90fdaec8c711p-14
        even = even * square + 0x1.ef1bd78aa34d0p-10
        even = even * square - 0x1.8574c4047bfe1p-6
        even = even * square - 0x1.e88b803a5c3f4p-4
        even = even * square - 0x1.85a15c58a9c2fp-5
        even = even * square + 0x1.40c522d7e4987p+0
        var odd = 0x1.3480efecc2984p-24
        odd = odd * square - 0x1.3a5a32d0fbd3cp-21
        odd = odd * square + 0x1.cf97c1c513ed6p-19
        odd = odd * square - 0x1.511e6db99dc21p-16
        odd = odd * square + 0x1.06595cc585e4ap-13
        odd = odd * square - 0x1.98db48d90902dp-11
        odd = odd * square + 0x1.4b884e13164e9p-9
        odd = odd * square + 0x1.17ca287805edep-4
        odd = odd * square + 0x1.098366a5b4275p-3
        odd = odd * square - 0x1.15c084bb9e8eap-3
        return (even + t * odd) / (1 + 2 * x)
    }
}
