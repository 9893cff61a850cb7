import Statistics
import Testing

@Suite("Real functions at the edges of their domains")
struct RealFunctionSpecialValueTests {
    private static let functions: [(name: String, call: @Sendable (Double) -> Double)] = [
        ("exp", { RealFunctions.exp($0) }), ("log", { RealFunctions.log($0) }),
        ("expm1", { RealFunctions.expm1($0) }), ("log1p", { RealFunctions.log1p($0) }),
        ("log2", { RealFunctions.log2($0) }), ("erfc", { RealFunctions.erfc($0) }),
        ("logGamma", { RealFunctions.logGamma($0) }), ("digamma", { RealFunctions.digamma($0) }),
        ("trigamma", { RealFunctions.trigamma($0) }),
        ("normal", { NormalDistribution.twoSidedPValue(z: $0) }),
    ]

    @Test("NaN gives NaN")
    func notANumber() {
        for function in Self.functions {
            #expect(function.call(.nan).isNaN, "\(function.name)")
            #expect(function.call(-.nan).isNaN, "\(function.name)")
        }
    }

    @Test("the exponential overflows to infinity and underflows to 0")
    func exponentialLimits() {
        #expect(RealFunctions.exp(.infinity) == .infinity)
        #expect(RealFunctions.exp(709.79) == .infinity)
        #expect(RealFunctions.exp(709.78) < .infinity)
        #expect(RealFunctions.exp(-.infinity) == 0)
        #expect(RealFunctions.exp(-745.2) == 0)
        #expect(RealFunctions.exp(-745.1) == 0x1p-1074)
        #expect(RealFunctions.exp(0) == 1)
        #expect(RealFunctions.expm1(.infinity) == .infinity)
        #expect(RealFunctions.expm1(-.infinity) == -1)
        #expect(RealFunctions.expm1(-0.0).sign == .minus)
    }

    @Test("a logarithm is -infinity at its pole and NaN below")
    func logarithmLimits() {
        for logarithm in [{ RealFunctions.log($0) }, { RealFunctions.log2($0) }]
            as [(Double) -> Double]
        {
            #expect(logarithm(0) == -.infinity)
            #expect(logarithm(-0.0) == -.infinity)
            #expect(logarithm(-0x1p-1074).isNaN)
            #expect(logarithm(-1).isNaN)
            #expect(logarithm(-.infinity).isNaN)
            #expect(logarithm(.infinity) == .infinity)
            #expect(logarithm(1).bitPattern == 0)
        }
        #expect(RealFunctions.log1p(-1) == -.infinity)
        #expect(RealFunctions.log1p(-1.5).isNaN)
        #expect(RealFunctions.log1p(-.infinity).isNaN)
        #expect(RealFunctions.log1p(.infinity) == .infinity)
        #expect(RealFunctions.log1p(-0.0).sign == .minus)
    }

    @Test("tails are 1 at 0 exactly and vanish at infinity")
    func tailLimits() {
        #expect(RealFunctions.erfc(0) == 1)
        #expect(RealFunctions.erfc(.infinity) == 0)
        #expect(RealFunctions.erfc(-.infinity) == 2)
        #expect(NormalDistribution.twoSidedPValue(z: 0) == 1)
        #expect(NormalDistribution.twoSidedPValue(z: -0.0) == 1)
        #expect(NormalDistribution.twoSidedPValue(z: .infinity) == 0)
        #expect(NormalDistribution.twoSidedPValue(z: -.infinity) == 0)
        #expect(
            NormalDistribution.twoSidedPValue(z: -2.5) == NormalDistribution.twoSidedPValue(z: 2.5)
        )
    }

    @Test("the gamma functions have their pole at 0 and are NaN below")
    func gammaLimits() {
        #expect(RealFunctions.logGamma(0) == .infinity)
        #expect(RealFunctions.digamma(0) == -.infinity)
        #expect(RealFunctions.trigamma(0) == .infinity)
        #expect(RealFunctions.logGamma(-0.5).isNaN)
        #expect(RealFunctions.digamma(-0.5).isNaN)
        #expect(RealFunctions.trigamma(-0.5).isNaN)
        #expect(RealFunctions.logGamma(.infinity) == .infinity)
        #expect(RealFunctions.digamma(.infinity) == .infinity)
        #expect(RealFunctions.trigamma(.infinity) == 0)
        #expect(RealFunctions.logGamma(1) == 0)
        #expect(RealFunctions.logGamma(2) == 0)
    }

    @Test("the incomplete beta function is 0 and 1 at its ends, NaN outside its domain")
    func incompleteBetaLimits() {
        #expect(RealFunctions.incompleteBeta(0, 2, 3) == 0)
        #expect(RealFunctions.incompleteBeta(1, 2, 3) == 1)
        for (x, a, b) in [
            (-0.1, 1, 1), (1.1, 1, 1), (0.5, 0, 1), (0.5, 1, 0), (0.5, -1, 1), (0.5, 1, -1),
            (.nan, 1, 1), (0.5, .nan, 1), (0.5, 1, .nan), (0.5, .infinity, 1), (0.5, 1, .infinity),
        ] as [(Double, Double, Double)] {
            #expect(RealFunctions.incompleteBeta(x, a, b).isNaN, "\(x) \(a) \(b)")
        }
        let tails = RealFunctions.incompleteBetaTails(0.5, complement: .nan, 1, 1)
        #expect(tails.lower.isNaN && tails.upper.isNaN)
    }

    @Test("the tails of the incomplete beta function are probabilities for any arguments")
    func incompleteBetaStaysInRange() {
        let shapes = [1e-300, 1e-10, 0.1, 0.5, 1, 7.9, 8, 100, 1e7]
        let cuts = [0x1p-1074, 1e-300, 1e-17, 0.1, 0.5, 0.9, 1 - 0x1p-53]
        for a in shapes {
            for b in shapes {
                for x in cuts {
                    let tails = RealFunctions.incompleteBetaTails(x, complement: 1 - x, a, b)
                    #expect(tails.lower >= 0 && tails.lower <= 1, "\(x) \(a) \(b)")
                    #expect(tails.upper >= 0 && tails.upper <= 1, "\(x) \(a) \(b)")
                    #expect((tails.lower + tails.upper - 1).magnitude < 1e-15, "\(x) \(a) \(b)")
                }
            }
        }
    }
}
