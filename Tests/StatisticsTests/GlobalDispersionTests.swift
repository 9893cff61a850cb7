import Foundation
import Statistics
import Testing

@Suite("The dispersion over all cells equals its definition")
struct GlobalDispersionTests {
    /// What a streaming pass sums for one gene, and the dispersion from it.
    private func dispersion(_ gene: SampleGene) -> (value: Double, mean: Double, unbounded: Bool) {
        let global = GlobalDispersion(cells: gene.group)
        var (scaled, squares) = (0.0, 0.0)
        for (factor, count) in zip(gene.sizeFactors, gene.counts) {
            let y = Double(count)
            scaled += y / factor
            squares += (y * y - y) / (factor * factor)
        }
        let mean = scaled / Double(gene.counts.count)
        guard !global.isUnbounded(normalizedMean: mean) else {
            let value = global.fromSums(
                normalizedMean: mean,
                scaledSum: scaled,
                scaledExcess: squares
            )
            return (value, mean, true)
        }
        return (fromCells(gene, global, mean), mean, false)
    }

    private func fromCells(_ gene: SampleGene, _ global: GlobalDispersion, _ mean: Double) -> Double
    {
        let scale = global.scale(normalizedMean: mean)
        var excess = 0.0
        for (factor, count) in zip(gene.sizeFactors, gene.counts) where count > 0 {
            excess += global.excess(count: Double(count), sizeFactor: factor, scale: scale)
        }
        return global.fromExcess(normalizedMean: mean, excess: excess)
    }

    private func expectEqual(
        _ gene: SampleGene,
        sourceLocation: SourceLocation = #_sourceLocation
    ) -> Bool {
        let found = dispersion(gene)
        let direct = DirectFormulas.globalDispersion(
            normalizedMean: found.mean,
            sizeFactors: gene.sizeFactors,
            counts: gene.counts
        )
        #expect(
            isNear(found.value, direct.dispersion, 1e-12, scale: direct.scale),
            "\(found.value) instead of \(direct.dispersion), M = \(found.mean)",
            sourceLocation: sourceLocation
        )
        return found.unbounded
    }

    @Test("for genes of every level, rare ones cell by cell and others from two sums")
    func randomGenes() {
        var random = SeededGenerator(seed: 31)
        var unbounded = 0
        for _ in 0..<1500 {
            let gene = SampleGene(
                cells: Int(random.uniform(2, 80)),
                depthSpread: random.logUniform(1.01, 1e4),
                zeroShare: random.uniform(0, 1),
                largest: random.logUniform(2, 3e4),
                from: &random
            )
            if expectEqual(gene) { unbounded += 1 }
        }
        #expect(unbounded > 300 && unbounded < 1450)
    }

    @Test("where the squared mean, the mean itself or the ceiling is clamped")
    func clamps() {
        // The one count lies in the deepest cell, so that the mean at size factor 1 is tiny.
        let factors = (0..<40).map { pow(10, 6 - Double($0) / 3) }
        let rare = SampleGene(sizeFactors: factors, counts: factors.indices.map { $0 == 0 ? 1 : 0 })
        #expect(!expectEqual(rare))
        let deepOnly = SampleGene(
            sizeFactors: factors,
            counts: factors.indices.map { $0 < 4 ? 900 : 0 }
        )
        #expect(!expectEqual(deepOnly))
        let everywhere = SampleGene(
            sizeFactors: factors.map { $0 * 1e3 },
            counts: factors.map { _ in 4_000_000_000 }
        )
        #expect(!expectEqual(everywhere))
    }

    @Test("a gene without counts and a screen of one cell")
    func degenerate() {
        let silent = SampleGene(sizeFactors: [0.3, 1, 2.5], counts: [0, 0, 0])
        #expect(!expectEqual(silent))
        #expect(dispersion(silent).value == 1e-8)
        #expect(expectEqual(SampleGene(sizeFactors: [1.7], counts: [9])))
    }

    @Test("both ways agree where no clamp binds")
    func bothWays() {
        var random = SeededGenerator(seed: 32)
        for _ in 0..<50 {
            let gene = SampleGene(
                cells: 60,
                depthSpread: 3,
                zeroShare: 0.5,
                largest: 50,
                from: &random
            )
            let found = dispersion(gene)
            #expect(found.unbounded)
            let cells = fromCells(gene, GlobalDispersion(cells: gene.group), found.mean)
            #expect(isNear(found.value, cells, 1e-12, scale: 1 + cells))
        }
    }

    @Test("own value and trend are combined as a geometric mean within its limits")
    func combination() {
        #expect(isNear(GlobalDispersion.combine(own: 0.04, trend: 0.25), 0.1, 4e-16, scale: 0.1))
        #expect(GlobalDispersion.combine(own: 1e3, trend: 1e3) == 10)
        #expect(isNear(GlobalDispersion.combine(own: 0, trend: 0), 1e-8, 1e-14, scale: 1e-8))
        #expect(
            isNear(GlobalDispersion.combine(own: 1e-8, trend: 0), 1e-8, 1e-14, scale: 1e-8)
        )
    }
}
