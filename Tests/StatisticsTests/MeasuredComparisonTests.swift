import Foundation
import Statistics
import Testing

@Suite("Sums at unclamped means equal the formulas cell by cell")
struct MeasuredComparisonTests {
    @Test("weights, moments and log-likelihood, bounds included")
    func randomCases() {
        var random = SeededGenerator(seed: 21)
        var seen = (bounded: 0, free: 0)
        for _ in 0..<300 {
            let sample = SampleGene(
                cells: Int(random.logUniform(1, 1500)),
                depthSpread: random.logUniform(1.1, 200),
                zeroShare: random.uniform(0, 1),
                largest: random.logUniform(2, 300),
                from: &random
            )
            let group = sample.group
            let nodes = SizeFactorNodes(group: group)
            let measured = MeasuredSample.counts(of: sample, nodes: nodes)
            let predictor = Double([-24, -10, -2, 1, 5, 28][Int(random.uniform(0, 6))])
            let means = sample.sizeFactors.map {
                max(exp(min(max(predictor + log($0), -30), 30)), 1e-10)
            }
            let isBounded = means.contains { $0 <= 1e-10 || $0 >= exp(29.99) }
            if isBounded { seen.bounded += 1 } else { seen.free += 1 }
            let comparison = MeasuredComparison(predictor: predictor, group: group)
            for alpha in [1e-7, 1e-3, 0.3, 4, 900] {
                let weight = means.reduce(0) { $0 + $1 / (1 + alpha * $1) }
                let found = comparison.weight(dispersion: alpha, group: group, nodes: nodes)
                #expect(isNear(found, weight, 1e-13, scale: weight), "b \(predictor), α \(alpha)")
                let rho = 1 / alpha
                var (value, size) = (0.0, 0.0)
                for (mu, count) in zip(means, sample.counts) {
                    let cell = -rho * log1p((mu + 1e-12) / rho)
                    let unit = log(mu / (rho + mu + 1e-12) + 1e-12)
                    value += cell + Double(count) * unit
                    size += cell.magnitude
                    size += Double(count) * (unit.magnitude + predictor.magnitude + 10)
                }
                let likelihood = measured.withGene(0) {
                    comparison.logLikelihood(rho: rho, group: group, nodes: nodes, gene: $0)
                }
                #expect(isNear(likelihood, value, 1e-13, scale: size), "b \(predictor), α \(alpha)")
            }
            var (moments, size) = (0.0, 0.0)
            for (mu, count) in zip(means, sample.counts) {
                let y = Double(count)
                moments += ((y - mu) * (y - mu) - y) / max(mu * mu, 1e-10)
                size += (y * y + y + 2 * y * mu + mu * mu) / max(mu * mu, 1e-10)
            }
            let found = measured.withGene(0) { comparison.moments(group: group, gene: $0) }
            #expect(isNear(found, moments, 1e-13, scale: size), "b \(predictor)")
        }
        #expect(seen.bounded > 30 && seen.free > 30)
    }

    @Test("moments of a gene that was not fitted")
    func withoutFit() {
        var random = SeededGenerator(seed: 22)
        let sample = SampleGene(
            cells: 90,
            depthSpread: 3,
            zeroShare: 0.3,
            largest: 30,
            from: &random
        )
        let nodes = SizeFactorNodes(group: sample.group)
        let expected = sample.counts.reduce(0.0) { sum, count in
            let y = Double(count)
            return sum + ((y - 1e-10) * (y - 1e-10) - y) / 1e-10
        }
        let found = MeasuredSample.counts(of: sample, nodes: nodes).withGene(0) {
            $0.momentsWithoutFit(group: sample.group)
        }
        #expect(isNear(found, expected, 1e-12, scale: expected.magnitude))
    }

    @Test("the logarithm of two lanes has the scalar's bits")
    func vectorLogarithm() {
        var random = SeededGenerator(seed: 23)
        for _ in 0..<20_000 {
            let x = SIMD2(random.logUniform(1e-150, 1e150), random.logUniform(1e-18, 1e3))
            let found = RealFunctions.log1pOfNonnegative(x)
            #expect(found[0].bitPattern == RealFunctions.log1p(x[0]).bitPattern)
            #expect(found[1].bitPattern == RealFunctions.log1p(x[1]).bitPattern)
        }
        for x in [0, 0x1p-54, 0x1p-53, 1, 2.0.squareRoot() - 1, 2.0.squareRoot()] {
            let found = RealFunctions.log1pOfNonnegative(SIMD2(repeating: x))
            #expect(found[1].bitPattern == RealFunctions.log1p(x).bitPattern)
        }
    }
}
