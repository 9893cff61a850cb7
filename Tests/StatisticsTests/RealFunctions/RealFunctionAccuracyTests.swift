import Statistics
import Testing

@Suite("Real functions agree with values of 60 digits")
struct RealFunctionAccuracyTests {
    @Test("exp is within one unit in the last place, subnormal results included")
    func exponential() throws {
        try expectAccurate("exp", within: 1, .unitsInLastPlace) { [RealFunctions.exp($0[0])] }
    }

    @Test("log is within one unit in the last place, subnormal arguments included")
    func logarithm() throws {
        try expectAccurate("log", within: 1, .unitsInLastPlace) { [RealFunctions.log($0[0])] }
    }

    @Test("expm1 is within two units in the last place, also near 0")
    func exponentialLessOne() throws {
        try expectAccurate("expm1", within: 2, .unitsInLastPlace) { [RealFunctions.expm1($0[0])] }
    }

    @Test("log1p is within two units in the last place, also near 0")
    func logarithmOfOnePlus() throws {
        try expectAccurate("log1p", within: 2, .unitsInLastPlace) { [RealFunctions.log1p($0[0])] }
    }

    @Test("log2 is within two units in the last place")
    func binaryLogarithm() throws {
        try expectAccurate("log2", within: 2, .unitsInLastPlace) { [RealFunctions.log2($0[0])] }
    }

    @Test("log2 of a power of 2 is the exponent exactly")
    func binaryLogarithmOfPowers() {
        for exponent in -1074...1023 {
            let power = Double(sign: .plus, exponent: exponent, significand: 1)
            #expect(RealFunctions.log2(power) == Double(exponent))
        }
    }

    @Test("erfc keeps its relative accuracy down to the least normal number")
    func complementaryErrorFunction() throws {
        try expectAccurate("erfc", within: 1e-14, .relative) { [RealFunctions.erfc($0[0])] }
        // Below that, one unit of the subnormal grid.
        for point in try referenceTable("erfc") where point.values[0].nearest < 0x1p-1022 {
            let computed = RealFunctions.erfc(point.arguments[0])
            #expect(point.values[0].unitsInLastPlace(computed) <= 1)
        }
    }

    @Test(
        "the two-sided normal p-value keeps its relative accuracy down to the least normal number"
    )
    func normalTail() throws {
        try expectAccurate("normal_two_sided", within: 1e-14, .relative) {
            [NormalDistribution.twoSidedPValue(z: $0[0])]
        }
    }

    @Test("logGamma is relatively accurate, also next to its zeros at 1 and 2")
    func logarithmOfGamma() throws {
        try expectAccurate("log_gamma", within: 1e-14, .relative) {
            [RealFunctions.logGamma($0[0])]
        }
    }

    @Test("digamma is relatively accurate, also next to its root")
    func digamma() throws {
        try expectAccurate("digamma", within: 1e-14, .relative) { [RealFunctions.digamma($0[0])] }
    }

    @Test("trigamma is relatively accurate")
    func trigamma() throws {
        try expectAccurate("trigamma", within: 1e-14, .relative) { [RealFunctions.trigamma($0[0])] }
    }

    @Test("both tails of the incomplete beta function are relatively accurate")
    func incompleteBeta() throws {
        try expectAccurate("incomplete_beta", arguments: 3, within: 1e-13, .relative) {
            let tails = RealFunctions.incompleteBetaTails(
                $0[0],
                complement: 1 - $0[0],
                $0[1],
                $0[2]
            )
            return [tails.lower, tails.upper]
        }
    }

    @Test("Student's two-sided tail is accurate to 1e-12 down to 1e-300")
    func studentTail() throws {
        try expectAccurate("student_two_sided", arguments: 2, within: 1e-12, .relative) {
            let square = $0[0] * $0[0]
            let freedom = $0[1]
            let total = freedom + square
            let tails = RealFunctions.incompleteBetaTails(
                freedom / total,
                complement: square / total,
                freedom / 2,
                0.5
            )
            return [tails.lower]
        }
    }
}
