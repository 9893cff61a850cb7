import Statistics
import Testing

/// A fixed sequence of pseudo-random numbers (SplitMix64: Steele, Lea and Flood, 2014).
private struct ArgumentSequence {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    /// The next number, uniform in [`low`, `high`).
    mutating func uniform(_ low: Double, _ high: Double) -> Double {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        mixed ^= mixed >> 31
        return low + (high - low) * (Double(mixed >> 11) * 0x1p-53)
    }

    /// The next number, its exponent uniform in [`low`, `high`) and its significand in [1, 2).
    mutating func magnitude(_ low: Double, _ high: Double) -> Double {
        let exponent = Int(uniform(low, high).rounded(.down))
        return Double(sign: .plus, exponent: exponent, significand: uniform(1, 2))
    }
}

/// Expects the bits of 20,000 results to have the digest `expected` (FNV-1a).
private func expectDigest(
    _ expected: UInt64,
    seed: UInt64,
    sourceLocation: SourceLocation = #_sourceLocation,
    _ next: (inout ArgumentSequence) -> Double
) {
    var sequence = ArgumentSequence(seed: seed)
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for _ in 0..<20_000 {
        var bits = next(&sequence).bitPattern
        for _ in 0..<8 {
            hash = (hash ^ (bits & 0xff)) &* 0x100_0000_01b3
            bits >>= 8
        }
    }
    #expect(hash == expected, sourceLocation: sourceLocation)
}

@Suite("Real functions have the same bits on every CPU and with every compiler")
struct RealFunctionBitTests {
    @Test("the digests of the elementary functions are the recorded ones")
    func elementaryDigests() {
        expectDigest(0xa607_1c15_e1e9_ef8f, seed: 1) {
            RealFunctions.exp($0.uniform(-746, 710))
        }
        expectDigest(0x6ce6_62f1_386e_f8a2, seed: 2) {
            RealFunctions.exp($0.uniform(-2, 2))
        }
        expectDigest(0x9835_034c_eeb5_4ead, seed: 3) {
            RealFunctions.log($0.magnitude(-1074, 1023))
        }
        expectDigest(0xa5e8_0506_909c_102b, seed: 4) {
            RealFunctions.log($0.uniform(0.5, 2))
        }
        expectDigest(0xf6dc_0064_326b_7690, seed: 5) {
            RealFunctions.expm1($0.uniform(-41, 41))
        }
        expectDigest(0x2831_f7f3_7565_28cd, seed: 6) {
            RealFunctions.log1p($0.magnitude(-60, 60))
        }
        expectDigest(0xd5bc_bab6_9d99_9450, seed: 7) {
            RealFunctions.log2($0.magnitude(-1074, 1023))
        }
    }

    @Test("the digests of the tails and the gamma functions are the recorded ones")
    func tailAndGammaDigests() {
        expectDigest(0xbfc7_1c6f_8837_8e45, seed: 8) {
            RealFunctions.erfc($0.uniform(-6, 27.5))
        }
        expectDigest(0x6283_7f41_aa93_ede7, seed: 9) {
            NormalDistribution.twoSidedPValue(z: $0.uniform(-39, 39))
        }
        expectDigest(0xfa84_cf85_3da8_dba5, seed: 10) {
            RealFunctions.logGamma($0.magnitude(-20, 30))
        }
        expectDigest(0xbff6_35f4_ddc0_2d3d, seed: 11) {
            RealFunctions.digamma($0.magnitude(-20, 30))
        }
        expectDigest(0xda73_3d30_d01e_1ef5, seed: 12) {
            RealFunctions.trigamma($0.magnitude(-20, 30))
        }
        expectDigest(0x6689_ae70_39ae_78f3, seed: 13) {
            let a = $0.magnitude(-2, 12)
            let b = $0.magnitude(-2, 12)
            return RealFunctions.incompleteBeta($0.uniform(0, 1), a, b)
        }
    }

    @Test("a vector's exponentials are those of its lanes")
    func vectorLanes() {
        var sequence = ArgumentSequence(seed: 14)
        var arguments: [Double] = [
            0, -0.0, 1, 708, -708, 709.78, 709.79, 710, 711, -745.1, -745.2, -746, -747, 1e300,
            -1e300, .infinity, -.infinity, 0x1p-1074, 0x1p-54, -0x1p-54,
        ]
        for _ in 0..<5_000 {
            arguments += [sequence.uniform(-760, 720), sequence.uniform(-1, 1)]
            arguments += [sequence.uniform(-746, -707), sequence.uniform(-30, 30)]
        }
        var differing: [Double] = []
        for start in stride(from: 0, to: arguments.count, by: 4) {
            let four = SIMD4(arguments[start..<start + 4])
            let wide = RealFunctions.exp(four)
            let narrow = SIMD4(
                lowHalf: RealFunctions.exp(four.lowHalf),
                highHalf: RealFunctions.exp(four.highHalf)
            )
            for lane in 0..<4 {
                let scalar = RealFunctions.exp(four[lane]).bitPattern
                if wide[lane].bitPattern != scalar || narrow[lane].bitPattern != scalar {
                    differing.append(four[lane])
                }
            }
        }
        #expect(differing == [])
        #expect(RealFunctions.exp(SIMD2(.nan, 1)).x.isNaN)
        #expect(RealFunctions.exp(SIMD2(.nan, 1)).y == RealFunctions.exp(1))
    }

    @Test("exp and log do not fall between neighbouring arguments, erfc does not rise")
    func monotonicity() {
        var sequence = ArgumentSequence(seed: 15)
        let rootHalf = 0x1.6a09e667f3bcdp-1
        let halfLog2 = 0.5 * RealFunctions.log(2)
        var exponents = [708, -708, halfLog2, -halfLog2, 3 * halfLog2, 0]
        var positives = [rootHalf, 2 * rootHalf, 1, 2, 0x1p-1022]
        for _ in 0..<2_000 {
            exponents.append(sequence.uniform(-700, 700))
            positives.append(sequence.magnitude(-40, 40))
        }
        for x in exponents { expectRising(RealFunctions.exp, around: x) }
        for x in positives { expectRising(RealFunctions.log, around: x) }
        for x in [0.5, -0.5] + (0..<500).map({ _ in sequence.uniform(-5, 26) }) {
            #expect(RealFunctions.erfc(x + 0x1p-44) <= RealFunctions.erfc(x - 0x1p-44), "\(x)")
        }
    }

    private func expectRising(_ function: (Double) -> Double, around center: Double) {
        var x = center
        for _ in 0..<4 { x = x.nextDown }
        for _ in 0..<8 {
            #expect(function(x) <= function(x.nextUp), "\(x)")
            x = x.nextUp
        }
    }
}
