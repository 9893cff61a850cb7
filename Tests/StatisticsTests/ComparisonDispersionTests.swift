import Foundation
import Statistics
import Testing

/// One data set of `Fixtures/comparison_dispersion`.
private struct DispersionCase {
    struct Gene {
        var scale: Double
        var trend: Double
        var moments: Double
        var posterior: Double
        var coxReid: Double
        var empiricalBayes: Double
        var counts: [UInt32] = []
    }

    var sizeFactors: [Double] = []
    var genes: [Gene] = []

    static func all() throws -> [String: DispersionCase] {
        var cases: [String: DispersionCase] = [:]
        for (name, n) in try hexTable("comparison_dispersion/genes", columns: 6) {
            cases[name, default: DispersionCase()].genes.append(
                Gene(
                    scale: n[0],
                    trend: n[1],
                    moments: n[2],
                    posterior: n[3],
                    coxReid: n[4],
                    empiricalBayes: n[5]
                )
            )
        }
        for (name, numbers) in try hexTable("comparison_dispersion/cells", columns: 15) {
            cases[name]?.sizeFactors.append(numbers[0])
            for (index, count) in numbers.dropFirst().enumerated() {
                cases[name]?.genes[index].counts.append(UInt32(count))
            }
        }
        return cases
    }

    /// The likelihood of a gene, cell by cell.
    func logLikelihood(_ gene: Gene) -> (Double) -> Double {
        let means = sizeFactors.map { $0 * gene.scale }
        var histogram = CountHistogram()
        gene.counts.filter { $0 > 0 }.withUnsafeBufferPointer { histogram.add($0) }
        return { rho in
            means.withUnsafeBufferPointer { means in
                gene.counts.withUnsafeBufferPointer {
                    NegativeBinomialLikelihood.value(
                        rho: rho,
                        means: means,
                        counts: $0,
                        histogram: histogram
                    )
                }
            }
        }
    }

    /// The same in the system's functions, with ln Γ(Y + 1).
    func directLogLikelihood(_ gene: Gene, _ rho: Double) -> Double {
        zip(sizeFactors, gene.counts).reduce(0) { sum, cell in
            let mu = cell.0 * gene.scale
            let y = Double(cell.1)
            return sum + lgamma(y + rho) - lgamma(rho) + rho * (log(rho) - log(rho + mu + 1e-12))
                + y * log(mu / (rho + mu + 1e-12) + 1e-12)
        }
    }
}

@Suite("Dispersions of one comparison equal the reference's")
struct ComparisonDispersionTests {
    @Test("the likelihood is the formula cell by cell, for every size")
    func likelihood() throws {
        for (name, data) in try DispersionCase.all() {
            for (index, gene) in data.genes.enumerated() {
                let value = data.logLikelihood(gene)
                for rho in [1e-3, 0.02, 0.7, 3, 7.99, 8, 40, 900] {
                    let direct = data.directLogLikelihood(gene, rho)
                    let size = gene.counts.reduce(10) { $0 + Double($1) * (1 + log(rho + 500)) }
                    #expect(
                        (value(rho) - direct).magnitude <= 1e-12 * max(direct.magnitude, size),
                        "\(name), gene \(index), ρ \(rho)"
                    )
                }
            }
        }
    }

    @Test("for large ρ no digits are lost to the size of ln Γ")
    func poissonLimit() throws {
        let rho = 1e8
        for (name, data) in try DispersionCase.all() {
            for (index, gene) in data.genes.enumerated() {
                var expected = 0.0
                var size = 1.0
                for (factor, count) in zip(data.sizeFactors, gene.counts) {
                    let (mu, y) = (factor * gene.scale, Double(count))
                    // ln Γ(y + ρ) - ln Γ(ρ) = y ln ρ + y (y - 1)/(2 ρ) - y (y - 1) (2 y - 1)/(12 ρ²).
                    expected += y * log(rho * (mu / (rho + mu + 1e-12) + 1e-12))
                    expected += y * (y - 1) / (2 * rho) - rho * log1p((mu + 1e-12) / rho)
                    expected -= y * (y - 1) * (2 * y - 1) / (12 * rho * rho)
                    size += y * (log(mu).magnitude + log(rho)) + mu
                }
                #expect(
                    (data.logLikelihood(gene)(rho) - expected).magnitude <= 1e-13 * size,
                    "\(name), gene \(index)"
                )
            }
        }
    }

    @Test("moments, posterior maximum, Cox-Reid maximum and empirical Bayes")
    func estimates() throws {
        let cases = try DispersionCase.all()
        #expect(cases.count == 4)
        for (name, data) in cases {
            let cells = data.sizeFactors.count
            let trend = data.genes.map(\.trend)
            let own = data.genes.map { moments(data, $0, largest: 1e6) }
            let searched = data.genes.map {
                moments(
                    data,
                    $0,
                    largest: ComparisonDispersion.largestSearched(cells: cells)
                )
            }
            let variance = ComparisonDispersion.priorVariance(
                dispersions: searched,
                trend: trend,
                cells: cells
            )
            let posterior = PosteriorDispersion(cells: cells, priorVariance: variance)
            let shrunken = EmpiricalBayesDispersion.shrink(own: own, trend: trend)
            for (index, gene) in data.genes.enumerated() {
                let what: Comment = "\(name), gene \(index)"
                let value = data.logLikelihood(gene)
                #expect(isNear(own[index], gene.moments, 1e-11, scale: gene.moments), what)
                let highest = posterior.estimate(trend: gene.trend, logLikelihood: value)
                #expect(isNear(highest, gene.posterior, 1e-5, scale: gene.posterior), what)
                #expect(
                    isNear(shrunken[index], gene.empiricalBayes, 1e-11, scale: shrunken[index]),
                    what
                )
                let coxReid = CoxReidDispersion.estimate(logLikelihood: value) { dispersion in
                    let weights = data.sizeFactors.map {
                        $0 * gene.scale / (1 + dispersion * $0 * gene.scale)
                    }
                    return CoxReidDispersion.logDeterminant(
                        controlWeight: weights[(cells / 3)...].reduce(0, +),
                        groupWeight: weights[..<(cells / 3)].reduce(0, +)
                    )
                }
                #expect(isNear(coxReid, gene.coxReid, 1e-14, scale: coxReid), what)
            }
        }
    }

    private func moments(
        _ data: DispersionCase,
        _ gene: DispersionCase.Gene,
        largest: Double
    ) -> Double {
        let sample = SampleGene(sizeFactors: data.sizeFactors, counts: gene.counts)
        let total = sample.withCounts {
            UnclampedMeans.moments(predictor: log(gene.scale), group: sample.group, gene: $0)
        }
        return ComparisonDispersion.moments(
            total: total,
            cells: data.sizeFactors.count,
            largest: largest
        )
    }

    @Test("unclamped moments and weights are the formulas cell by cell, floors included")
    func unclamped() {
        var random = SeededGenerator(seed: 8)
        for _ in 0..<500 {
            let sample = SampleGene(
                cells: Int(random.uniform(1, 40)),
                depthSpread: random.logUniform(1.1, 1e4),
                zeroShare: random.uniform(0, 1),
                largest: 30,
                from: &random
            )
            let predictor = random.uniform(-32, 32)
            var (moments, size, weight) = (0.0, 0.0, 0.0)
            for (factor, count) in zip(sample.sizeFactors, sample.counts) {
                let mu = max(exp(min(max(predictor + log(factor), -30), 30)), 1e-10)
                let y = Double(count)
                moments += ((y - mu) * (y - mu) - y) / max(mu * mu, 1e-10)
                size += (y * y + y + 2 * y * mu + mu * mu) / max(mu * mu, 1e-10)
                weight += mu / (1 + 0.3 * mu)
            }
            let found = sample.withCounts {
                UnclampedMeans.moments(predictor: predictor, group: sample.group, gene: $0)
            }
            #expect(isNear(found, moments, 1e-13, scale: size))
            let foundWeight = UnclampedMeans.weight(
                predictor: predictor,
                dispersion: 0.3,
                group: sample.group
            )
            #expect(isNear(foundWeight, weight, 1e-13, scale: weight))
        }
    }

    @Test("few genes, equal genes and values that are no numbers")
    func degenerate() {
        let few = [Double](repeating: 0.4, count: 10)
        #expect(
            ComparisonDispersion.priorVariance(dispersions: few, trend: few, cells: 5) == 0.25
        )
        #expect(EmpiricalBayesDispersion.shrink(own: few, trend: few).allSatisfy { $0 == few[0] })
        let mixed = EmpiricalBayesDispersion.shrink(
            own: [.nan, 0.5, 0.4, 0.6, 0],
            trend: [0.5, .nan, 0.5, 0.5, 0.5]
        )
        #expect(mixed[0].isNaN && mixed[1] == 0.5 && mixed[4] == 0)
        #expect(mixed[2] > 0.4 && mixed[2] < 0.5 && mixed[3] > 0.5 && mixed[3] < 0.6)
        #expect(ComparisonDispersion.moments(total: 5, cells: 2) == 5)
        #expect(ComparisonDispersion.moments(total: .nan, cells: 2).isNaN)
        #expect(ComparisonDispersion.moments(total: -3, cells: 9) == 1e-8)
    }

    @Test("Brent's method finds minima inside and at the ends of a bracket")
    func brent() {
        let inside = BrentMinimiser.minimise(
            from: -2,
            to: 5,
            relativeTolerance: 1e-9,
            iterationLimit: 100
        ) { ($0 - 1.25) * ($0 - 1.25) + 0.1 * $0 * $0 * $0 * $0 }
        // The root of the derivative 2 (x - 1.25) + 0.4 x³.
        #expect((inside.point - 1.0).magnitude < 0.1)
        let slope = 2 * (inside.point - 1.25) + 0.4 * inside.point * inside.point * inside.point
        #expect(slope.magnitude < 1e-6)
        let end = BrentMinimiser.minimise(
            from: 1,
            to: 2,
            relativeTolerance: 1e-6,
            iterationLimit: 100
        ) { $0 }
        #expect(end.point < 1.00001)
    }
}
