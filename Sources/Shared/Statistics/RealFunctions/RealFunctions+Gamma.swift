extension RealFunctions {
    /// From here on the asymptotic series of the gamma functions hold to double precision.
    static let asymptoticStart = 8.0

    /// Natural logarithm of the gamma function for positive `x`, relative error below 10⁻¹⁴, also
    /// next to its zeros at 1 and 2.
    ///
    /// +infinity at 0, NaN below.
    package static func logGamma(_ x: Double) -> Double {
        if x >= asymptoticStart {
            // Half the logarithm of 2π, less the half that (x - ½) took from x.
            return (x - 0.5) * (log(x) - 1) + (0x1.d67f1c864beb5p-1 - 0.5) + stirlingCorrection(x)
        }
        if x >= 2.5 {
            var reduced = x
            var product = 1.0
            while reduced >= 2.5 {
                reduced -= 1
                product *= reduced
            }
            return logGammaAboveTwo(reduced - 2) + log(product)
        }
        if x >= 1.5 { return logGammaAboveTwo(x - 2) }
        if x >= 0.5 { return logGammaAboveTwo(x - 1) - log(x) }
        guard x > 0 else { return x == 0 ? .infinity : .nan }
        return logGammaAboveTwo(x) - log(x * (1 + x))
    }

    /// Logarithmic derivative of the gamma function for positive `x`.
    ///
    /// Relative error below 10⁻¹⁴, also next to the root at 1.4616. -infinity at 0, NaN below.
    package static func digamma(_ x: Double) -> Double {
        if x >= asymptoticStart {
            let z = 1 / (x * x)
            var series = 43867.0 / 14364
            series = series * z - 3617.0 / 8160
            series = series * z + 1.0 / 12
            series = series * z - 691.0 / 32760
            series = series * z + 1.0 / 132
            series = series * z - 1.0 / 240
            series = series * z + 1.0 / 252
            series = series * z - 1.0 / 120
            series = series * z + 1.0 / 12
            return log(x) - (0.5 / x + z * series)
        }
        if x >= 1 {
            var reduced = x
            var sum = 0.0
            while reduced > 2 {
                reduced -= 1
                sum += 1 / reduced
            }
            return digammaOneToTwo(reduced) + sum
        }
        guard x > 0 else { return x == 0 ? -.infinity : .nan }
        return digammaOneToTwo(x + 1) - 1 / x
    }

    /// Derivative of `digamma` for positive `x`, relative error below 10⁻¹⁴.
    ///
    /// +infinity at 0, NaN below.
    package static func trigamma(_ x: Double) -> Double {
        guard x > 0 else { return x == 0 ? .infinity : .nan }
        var shifted = x
        var sum = 0.0
        while shifted < asymptoticStart {
            sum += 1 / (shifted * shifted)
            shifted += 1
        }
        let inverse = 1 / shifted
        let z = inverse * inverse
        var series = 43867.0 / 798
        series = series * z - 3617.0 / 510
        series = series * z + 7.0 / 6
        series = series * z - 691.0 / 2730
        series = series * z + 5.0 / 66
        series = series * z - 1.0 / 30
        series = series * z + 1.0 / 42
        series = series * z - 1.0 / 30
        series = series * z + 1.0 / 6
        return sum + (inverse + z * (0.5 + inverse * series))
    }

    /// What Stirling's formula lacks: log Γ(x) - (x - ½) log x + x - ½ log 2π, for `x` at least 8.
    ///
    /// Absolute error below 2·10⁻¹⁷. Source: Abramowitz and Stegun (1964), 6.1.41; digamma and
    /// trigamma above: 6.3.18 and 6.4.12.
    static func stirlingCorrection(_ x: Double) -> Double {
        let inverse = 1 / x
        let z = inverse * inverse
        var series = 43867.0 / 244188
        series = series * z - 3617.0 / 122400
        series = series * z + 1.0 / 156
        series = series * z - 691.0 / 360360
        series = series * z + 1.0 / 1188
        series = series * z - 1.0 / 1680
        series = series * z + 1.0 / 1260
        series = series * z - 1.0 / 360
        series = series * z + 1.0 / 12
        return inverse * series
    }

    /// log Γ(2 + z) for |z| at most ½.
    private static func logGammaAboveTwo(_ z: Double) -> Double {
        let square = z * z
        var even = -0x1.3835de71deedcp-21
        even = even * square - 0x1.08ee202f856efp-19
        even = even * square - 0x1.3d4e7861844c0p-17
        even = even * square - 0x1.78d8e1ab918a9p-15
        even = even * square - 0x1.d3fd6b4b135e6p-13
        even = even * square - 0x1.38ac5bfb353a2p-10
        even = even * square - 0x1.e404fc21dd138p-8
        even = even * square - 0x1.13e001a557544p-4
        even = even * square + 0x1.b0ee6072093cep-2
        var odd = 0x1.467326c7fd7e0p-20
        odd = odd * square + 0x1.1d903f833416ap-18
        odd = odd * square + 0x1.5887de3305cf4p-16
        odd = odd * square + 0x1.a1239a2a4a357p-14
        odd = odd * square + 0x1.0b36b96bbdbc5p-11
        odd = odd * square + 0x1.7add6e94649efp-9
        odd = odd * square + 0x1.51322ac7e6c82p-6
        odd = odd * square + 0x1.4a34cc4a60f93p-2
        return z * (even + z * odd)
    }

    /// The digamma function for `x` in [1, 2], as a polynomial times the distance to the root.
    private static func digammaOneToTwo(_ x: Double) -> Double {
        let z = x - 1.5
        let square = z * z
        var even = 0x1.13831df508728p-12
        even = even * square + 0x1.d42398fe336dbp-13
        even = even * square + 0x1.7c6890ec51c4ep-11
        even = even * square + 0x1.97e092a4fd838p-10
        even = even * square + 0x1.cd42cb6b0c902p-9
        even = even * square + 0x1.03bfe4d8fa9ecp-7
        even = even * square + 0x1.2564773b32227p-6
        even = even * square + 0x1.4de9a9fe0b2d2p-5
        even = even * square + 0x1.8512e5907602dp-4
        even = even * square + 0x1.eca189b8e6b59p-3
        even = even * square + 0x1.e6f0cbb873617p-1
        var odd = -0x1.8d1dca118a4aep-12
        odd = odd * square - 0x1.73966b1337e56p-12
        odd = odd * square - 0x1.1a8f600f02609p-10
        odd = odd * square - 0x1.326177dd3cb72p-9
        odd = odd * square - 0x1.5a16fefa4ec86p-8
        odd = odd * square - 0x1.8634c41a61684p-7
        odd = odd * square - 0x1.b9f8b4c78ab0fp-6
        odd = odd * square - 0x1.fb44201e47743p-5
        odd = odd * square - 0x1.2feeeb98b0575p-3
        odd = odd * square - 0x1.b1cb63005ee5bp-2
        let fromRoot = (x - 0x1.762d86356be3fp+0) - 0x1.b86a722197829p-54
        return fromRoot * (even + z * odd)
    }
}
