import Foundation
import Statistics
import Testing

@Suite("Dispersions under a full design")
struct DesignDispersionTests {
    private func withPointer<Result>(
        _ values: [Double],
        _ body: (UnsafePointer<Double>) -> Result
    ) -> Result {
        values.withUnsafeBufferPointer { body($0.baseAddress.unsafelyUnwrapped) }
    }

    /// ln det of a symmetric positive definite matrix by elimination.
    private func logDeterminant(_ matrix: [[Double]]) -> Double {
        var a = matrix
        var sum = 0.0
        for pivot in a.indices {
            sum += log(a[pivot][pivot])
            for row in a.indices where row > pivot {
                let share = a[row][pivot] / a[pivot][pivot]
                for column in a.indices { a[row][column] -= share * a[pivot][column] }
            }
        }
        return sum
    }

    @Test(
        "Cox-Reid takes the point of the grid that direct likelihoods take",
        arguments: DesignCase.all
    )
    func coxReid(_ design: DesignCase) {
        var chosen: Set<Double> = []
        for seed in UInt64(1)...12 {
            let sample = SampleComparison(
                design.kind,
                controlCells: 90,
                perturbedCells: 70,
                mean: [0.1, 1, 20][Int(seed) % 3],
                seed: seed
            )
            let direct = DirectDesign(sample: sample, minimum: design.minimum)
            var random = SeededGenerator(seed: seed)
            let beta = sample.design[0].map { _ in random.uniform(-0.6, 0.6) }
            let logLeast = design.minimum > 0 ? log(design.minimum) : -.infinity
            let means = direct.means(
                beta,
                least: design.minimum,
                logLeast: logLeast,
                logMost: 20
            )
            let values = (0..<10).map { index -> Double in
                let alpha = pow(10, -3 + 5 * Double(index) / 9)
                // With a level that no cell has the determinant is 0, and nothing is adjusted.
                let adjustment =
                    sample.model.hasEmptyColumn
                    ? 0
                    : logDeterminant(
                        direct.equations(beta, dispersion: alpha, floorsWeights: false).matrix
                    )
                return direct.logLikelihood(means, dispersion: alpha) - adjustment / 2
            }
            let best = values.indices.reduce(0) { values[$1] > values[$0] ? $1 : $0 }
            let found = sample.withGene { gene, scratch in
                withPointer(beta) {
                    sample.model.coxReidDispersion(
                        coefficients: $0,
                        floor: MeanFloor(minimum: design.minimum),
                        gene: gene,
                        scratch: scratch
                    )
                }
            }
            let wanted = pow(10, -3 + 5 * Double(best) / 9)
            #expect(isNear(found, wanted, 1e-12, scale: wanted))
            chosen.insert(found)
        }
        #expect(chosen.count > 1)
    }

    @Test("the posterior mode is higher than its neighbours", arguments: DesignCase.all)
    func posterior(_ design: DesignCase) {
        let sample = SampleComparison(
            design.kind,
            controlCells: 90,
            perturbedCells: 70,
            seed: 3
        )
        let direct = DirectDesign(sample: sample, minimum: 0)
        var random = SeededGenerator(seed: 5)
        let beta = sample.design[0].map { _ in random.uniform(-0.6, 0.6) }
        let posterior = PosteriorDispersion(cells: 160, priorVariance: 0.5)
        let means = direct.means(beta, least: 1e-10, logLeast: -30, logMost: 30)
        let scaled = zip(sample.counts, sample.sizeFactors).map { max(Double($0) / $1, 1e-10) }
        let found = sample.withGene { gene, scratch in
            withPointer(beta) { beta in
                (
                    sample.model.posteriorDispersion(
                        posterior,
                        trend: 0.4,
                        coefficients: beta,
                        gene: gene,
                        scratch: scratch
                    ),
                    sample.model.scaledCountDispersion(
                        posterior,
                        trend: 0.4,
                        gene: gene,
                        scratch: scratch
                    )
                )
            }
        }
        for (dispersion, means) in [(found.0, means), (found.1, scaled)] {
            func value(_ alpha: Double) -> Double {
                let deviation = log(alpha) - log(0.4)
                return direct.logLikelihood(means, dispersion: alpha) - deviation * deviation
            }
            #expect(dispersion > 1e-6 && dispersion < 100)
            #expect(value(dispersion) > value(dispersion * 1.005))
            #expect(value(dispersion) > value(dispersion / 1.005))
        }
    }

    @Test("moments and errors are those of the formulas")
    func momentsAndErrors() {
        let sample = SampleComparison(.both, controlCells: 50, perturbedCells: 40, seed: 6)
        let direct = DirectDesign(sample: sample, minimum: 0)
        var random = SeededGenerator(seed: 7)
        let beta = sample.design[0].map { _ in random.uniform(-0.5, 0.5) }
        let means = direct.means(beta, least: 1e-10, logLeast: -30, logMost: 30)
        func moments(_ means: [Double]) -> Double {
            let total = zip(means, sample.counts).reduce(0.0) { sum, cell in
                let (mean, y) = (cell.0, Double(cell.1))
                return sum + ((y - mean) * (y - mean) - y) / max(mean * mean, 1e-10)
            }
            return min(max(total / 88, 1e-8), 90)
        }
        let scaled = zip(sample.counts, sample.sizeFactors).map { max(Double($0) / $1, 1e-10) }
        let information = direct.equations(beta, dispersion: 0.6, floorsWeights: false).matrix
        // The effect's element of the inverse, by solving for its unit vector.
        let inverse = direct.solve(information, information.indices.map { $0 == 1 ? 1 : 0 })
        sample.withGene { gene, scratch in
            withPointer(beta) { beta in
                let model = sample.model
                let own = model.unclampedMoments(
                    coefficients: beta,
                    gene: gene,
                    scratch: scratch
                )
                #expect(isNear(own, moments(means), 1e-10, scale: own))
                let unfitted = model.scaledCountMoments(gene: gene)
                #expect(isNear(unfitted, moments(scaled), 1e-10, scale: unfitted))
                let error = model.unclampedStandardError(
                    coefficients: beta,
                    dispersion: 0.6,
                    gene: gene,
                    scratch: scratch
                )
                #expect(isNear(error ?? 0, inverse[1].squareRoot(), 1e-10, scale: 1))
            }
        }
    }

    @Test("sums of logarithms equal logarithm by logarithm")
    func logarithms() {
        // Through the likelihood at dispersions that make the arguments tiny, middling and huge.
        let sample = SampleComparison(.none, controlCells: 700, perturbedCells: 333, seed: 2)
        let direct = DirectDesign(sample: sample, minimum: 0)
        for shift in [-12.0, -3, 0, 6, 25] {
            let beta = [shift, 0.3]
            let means = direct.means(beta, least: 1e-10, logLeast: -30, logMost: 30)
            for alpha in [1e-8, 1e-4, 0.1, 10, 1e3] {
                let rho = 1 / alpha
                var wanted = 0.0
                var scale = 0.0
                for (mean, count) in zip(means, sample.counts) {
                    let cell = -rho * log1p((mean + 1e-12) / rho)
                    let counted = Double(count) * log(mean / (rho + mean + 1e-12) + 1e-12)
                    wanted += cell + counted
                    scale += cell.magnitude + counted.magnitude
                }
                let found = sample.withGene { gene, scratch in
                    withPointer(beta) {
                        sample.model.unclampedLikelihood(
                            rho: rho,
                            coefficients: $0,
                            gene: gene,
                            scratch: scratch
                        )
                    }
                }
                #expect(isNear(found, wanted, 1e-12, scale: scale))
            }
        }
    }
}
