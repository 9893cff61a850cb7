import Coordinator
import Foundation
import Testing

@Suite("Negative binomial counts")
struct NegativeBinomialTests {
    private static func draw(_ mean: Double, _ dispersion: Double, _ count: Int) -> [Double] {
        let reciprocals = NegativeBinomial.Reciprocals()
        let distribution = NegativeBinomial(
            mean: mean,
            dispersion: dispersion,
            size: 1 / dispersion
        )
        return (0..<UInt64(count)).map { position in
            let bits = RandomStream.bits(key: 99, position: position)
            return Double(distribution.count(bits, reciprocals))
        }
    }

    /// The last cases are drawn as sums, because P(0) is below 10⁻²⁶⁰.
    @Test(
        "mean and variance are μ and μ + αμ²",
        arguments: [
            (0.01, 5.0), (0.3, 0.0), (0.5, 2.0), (3, 0.1), (20, 0.4), (300, 0.05), (2500, 0.2),
            (900, 1e-6), (4000, 1e-3), (700, 0), (5000, 1e-10),
        ]
    )
    func moments(mean: Double, dispersion: Double) {
        let count = 40_000
        let values = Self.draw(mean, dispersion, count)
        let n = Double(count)
        let average = values.reduce(0, +) / n
        let squares = values.map { ($0 - mean) * ($0 - mean) }
        let variance = squares.reduce(0, +) / n
        let expected = mean + dispersion * mean * mean
        #expect(abs(average - mean) < 4.5 * (expected / n).squareRoot())
        // The spread of the squared deviations comes from the sample itself.
        let spread = squares.map { ($0 - variance) * ($0 - variance) }.reduce(0, +) / n
        #expect(abs(variance - expected) < 4.5 * (spread / n).squareRoot())
    }

    @Test("each small count is as frequent as its probability")
    func frequencies() {
        let (mean, dispersion, count) = (1.7, 0.6, 200_000)
        let values = Self.draw(mean, dispersion, count)
        let size = 1 / dispersion
        for n in 0..<12 {
            // The probability by way of gamma functions, another way than the draw's.
            let logarithm =
                lgamma(Double(n) + size) - lgamma(size) - lgamma(Double(n) + 1)
                + size * log(size / (size + mean)) + Double(n) * log(mean / (size + mean))
            let probability = exp(logarithm)
            let observed = Double(values.count { $0 == Double(n) }) / Double(count)
            let deviation = (probability * (1 - probability) / Double(count)).squareRoot()
            #expect(abs(observed - probability) < 4.5 * deviation, "count \(n)")
        }
    }

    @Test("the quick judgement of zeros agrees with the draw")
    func quickZeros() {
        let reciprocals = NegativeBinomial.Reciprocals()
        var quick = 0
        for position in 0..<20_000 as Range<UInt64> {
            let bits = RandomStream.bits(key: 3, position: position)
            let mean = Double(position % 40) / 10
            let dispersion = Double(position % 7) / 3
            let unit = Double(bits >> 11) * 0x1p-53
            guard NegativeBinomial.isSurelyZero(unit, mean: mean) else { continue }
            quick += 1
            let distribution = NegativeBinomial(
                mean: mean,
                dispersion: dispersion,
                size: 1 / dispersion
            )
            #expect(distribution.count(bits, reciprocals) == 0)
        }
        #expect(quick > 3000)
    }
}
