import Foundation
import Statistics
import Testing

@Suite("Working sums equal the formulas evaluated cell by cell")
struct WorkingSumsTests {
    /// Where the cells of a case lie.
    private struct Regions: OptionSet, Hashable {
        let rawValue: Int
        static let floored = Regions(rawValue: 1)
        static let free = Regions(rawValue: 2)
        static let ceiling = Regions(rawValue: 4)
        /// Free cells whose squared mean is below the floor.
        static let smallSquare = Regions(rawValue: 8)

        init(rawValue: Int) { self.rawValue = rawValue }

        init(_ gene: SampleGene, predictor: Double, minimum: Double) {
            var found: Regions = []
            for factor in gene.sizeFactors {
                let mu = exp(predictor + log(factor))
                if mu > exp(20) {
                    found.insert(.ceiling)
                } else if mu < minimum {
                    found.insert(.floored)
                } else {
                    found.insert(.free)
                    if mu * mu < minimum { found.insert(.smallSquare) }
                }
            }
            self = found
        }
    }

    /// Compares one case; the sizes of the terms say what rounding may do.
    private func expectEqual(
        _ gene: SampleGene,
        predictor: Double,
        dispersion: Double,
        minimum: Double,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let direct = DirectFormulas.sums(
            predictor: predictor,
            dispersion: dispersion,
            minimum: minimum,
            sizeFactors: gene.sizeFactors,
            counts: gene.counts
        )
        let sums = gene.withCounts {
            WorkingSums(
                predictor: predictor,
                dispersion: dispersion,
                floor: MeanFloor(minimum: minimum),
                group: gene.group,
                gene: $0,
                withDispersionTerms: true
            )
        }
        let what: Comment =
            "b \(predictor), α \(dispersion), m \(minimum), \(gene.counts.count) cells"
        #expect(
            isNear(sums.weight, direct.weight, 1e-13, scale: direct.weight),
            what,
            sourceLocation: sourceLocation
        )
        #expect(
            isNear(
                sums.weightedResponse,
                direct.weightedResponse,
                1e-13,
                scale: direct.responseScale
            ),
            what,
            sourceLocation: sourceLocation
        )
        #expect(
            isNear(sums.dispersionTerms, direct.dispersionTerms, 1e-13, scale: direct.momentScale),
            what,
            sourceLocation: sourceLocation
        )
    }

    @Test("in every combination of floored, free and ceiling cells")
    func randomCases() {
        var random = SeededGenerator(seed: 1)
        var seen: [Regions: Int] = [:]
        for _ in 0..<6000 {
            let gene = SampleGene(
                cells: Int(random.uniform(1, 60)),
                depthSpread: random.logUniform(1.01, 30),
                zeroShare: random.uniform(0, 1),
                largest: random.logUniform(2, 1e5),
                from: &random
            )
            let minimum = [0, 0.1, 0.5, 1, 3.7][Int(random.uniform(0, 5))]
            let centre = [-30, -3, 0, 3, 20][Int(random.uniform(0, 5))]
            let predictor = Double(centre) + random.uniform(-3, 3)
            let dispersion = random.uniform(0, 1) < 0.1 ? 0 : random.logUniform(1e-8, 1e6)
            expectEqual(gene, predictor: predictor, dispersion: dispersion, minimum: minimum)
            seen[Regions(gene, predictor: predictor, minimum: minimum), default: 0] += 1
        }
        for regions: Regions in [
            .floored, .free, .ceiling, [.floored, .free], [.free, .ceiling],
            [.floored, .free, .smallSquare], [.free, .smallSquare],
        ] {
            #expect(seen[regions, default: 0] > 20, "hardly any case is \(regions)")
        }
    }

    @Test("with floor, free range and ceiling in one group")
    func allRegionsAtOnce() {
        var random = SeededGenerator(seed: 2)
        let factors = (0..<50).map { _ in random.logUniform(1e-8, 1e3) }
        let counts = (0..<50).map { UInt32($0 % 3 == 0 ? $0 : 0) }
        let gene = SampleGene(sizeFactors: factors, counts: counts)
        #expect(Regions(gene, predictor: 16, minimum: 0.5).contains([.floored, .free, .ceiling]))
        expectEqual(gene, predictor: 16, dispersion: 0.3, minimum: 0.5)
        expectEqual(gene, predictor: 16, dispersion: 0.3, minimum: 2)
    }

    @Test("when the mean at size factor 1 overflows, whatever the number of nonzeros")
    func overflowingPredictor() {
        for nonzeros in 0..<10 {
            let counts = (0..<10).map { UInt32($0 < nonzeros ? 7 : 0) }
            let factors = (0..<10).map { 0.5 + Double($0) / 8 }
            let gene = SampleGene(sizeFactors: factors, counts: counts)
            expectEqual(gene, predictor: 1e9, dispersion: 0.5, minimum: 0)
            expectEqual(gene, predictor: 1e9, dispersion: 0.5, minimum: 0.5)
        }
    }

    @Test("for a single cell exactly at the floor and at the ceiling")
    func boundaries() {
        let single = SampleGene(sizeFactors: [1], counts: [3])
        for minimum in [0.5, 1.0, 2.0] {
            expectEqual(single, predictor: log(minimum), dispersion: 0.2, minimum: minimum)
        }
        expectEqual(single, predictor: 20, dispersion: 0.2, minimum: 0.5)
        expectEqual(single, predictor: 20.0.nextUp, dispersion: 0.2, minimum: 0.5)
    }

    @Test("dispersion terms are left out unless asked for and change nothing else")
    func withoutDispersionTerms() {
        var random = SeededGenerator(seed: 3)
        let gene = SampleGene(
            cells: 37,
            depthSpread: 3,
            zeroShare: 0.5,
            largest: 40,
            from: &random
        )
        gene.withCounts { counts in
            func sums(_ withDispersionTerms: Bool) -> WorkingSums {
                WorkingSums(
                    predictor: 0.3,
                    dispersion: 0.2,
                    floor: MeanFloor(minimum: 0.5),
                    group: gene.group,
                    gene: counts,
                    withDispersionTerms: withDispersionTerms
                )
            }
            var with = sums(true)
            #expect(with.dispersionTerms != 0)
            with.dispersionTerms = 0
            #expect(with == sums(false))
        }
    }
}
