import Foundation
import Statistics
import Testing

/// A few genes that converge at different speeds, in one group of cells.
private func sampleGenes(seed: UInt64, cells: Int = 45) -> [SampleGene] {
    var random = SeededGenerator(seed: seed)
    let factors = (0..<cells).map { _ in random.logUniform(0.3, 3) }
    return [0.01, 0.2, 1, 6, 80, 4000].map { mean in
        SampleGene(
            sizeFactors: factors,
            counts: factors.map { UInt32(random.logUniform(0.3, 3) * $0 * mean) }
        )
    }
}

@Suite("The control fit follows its formulas")
struct ControlFitTests {
    private struct Fitted {
        var intercept: Double
        var dispersion: Double
        var change = Double.infinity
    }

    /// The fit of docs/numbers.md, E2 with every cell visited in every iteration.
    private func direct(_ gene: SampleGene, minimum: Double, iterations: Int) -> Fitted {
        let cells = Double(gene.counts.count)
        let meanCount = gene.counts.reduce(0.0) { $0 + Double($1) } / cells
        let meanFactor = gene.sizeFactors.reduce(0, +) / cells
        var fit = Fitted(intercept: log(max(meanCount / meanFactor, 1e-10)), dispersion: 0.1)
        for _ in 0..<iterations {
            let sums = DirectFormulas.sums(
                predictor: fit.intercept,
                dispersion: fit.dispersion,
                minimum: minimum,
                sizeFactors: gene.sizeFactors,
                counts: gene.counts
            )
            let next = sums.weightedResponse / max(sums.weight, 1e-10)
            fit.change = abs(next - fit.intercept)
            fit.intercept = next
            let moments = sums.dispersionTerms / max(cells - 1, 1)
            if moments.isFinite { fit.dispersion = min(max(moments, 1e-8), 1e6) }
        }
        return fit
    }

    private func start(_ gene: SampleGene) -> ControlFit {
        let cells = Double(gene.counts.count)
        return ControlFit(
            meanCount: gene.counts.reduce(0.0) { $0 + Double($1) } / cells,
            meanSizeFactor: gene.sizeFactors.reduce(0, +) / cells
        )
    }

    @Test("after any number of iterations", arguments: [0.0, 0.1, 0.5, 2.0])
    func iterations(minimum: Double) {
        let floor = MeanFloor(minimum: minimum)
        for gene in sampleGenes(seed: 11) {
            var fit = start(gene)
            for iterations in 1...12 {
                gene.withCounts { fit.step(floor: floor, control: gene.group, gene: $0) }
                var ended = fit
                ended.finish(stoppedByTolerance: false)
                let expected = direct(gene, minimum: minimum, iterations: iterations)
                #expect(isNear(ended.intercept, expected.intercept, 1e-11, scale: 1))
                #expect(
                    isNear(
                        ended.dispersion,
                        expected.dispersion,
                        1e-10,
                        scale: 1e-3 + expected.dispersion
                    )
                )
                #expect(isNear(fit.change, expected.change, 1e-11, scale: 1))
            }
        }
    }

    @Test("a stop by tolerance keeps the dispersion of the iteration before")
    func stopByTolerance() {
        let floor = MeanFloor(minimum: 0.5)
        let gene = sampleGenes(seed: 12)[3]
        var fit = start(gene)
        #expect(fit.dispersion == 0.1)
        gene.withCounts { fit.step(floor: floor, control: gene.group, gene: $0) }
        var byTolerance = fit
        byTolerance.finish(stoppedByTolerance: true)
        #expect(byTolerance.dispersion == 0.1)
        var atTheEnd = fit
        atTheEnd.finish(stoppedByTolerance: false)
        #expect(atTheEnd.dispersion != 0.1)
        #expect(atTheEnd.intercept == byTolerance.intercept)
    }

    @Test("without an iteration the fit is its start")
    func noIteration() {
        let gene = sampleGenes(seed: 13)[4]
        var fit = start(gene)
        let intercept = fit.intercept
        fit.finish(stoppedByTolerance: false)
        #expect(fit.intercept == intercept && fit.dispersion == 0.1 && fit.change == .infinity)
        let silent = SampleGene(sizeFactors: [1, 2], counts: [0, 0])
        #expect(start(silent).intercept == RealFunctions.log(1e-10))
    }

    @Test("the weight is that of the fitted values and needs no counts")
    func weight() {
        let none = UnsafeBufferPointer<UInt32>(start: nil, count: 0)
        for minimum in [0.0, 0.5] {
            let floor = MeanFloor(minimum: minimum)
            for gene in sampleGenes(seed: 14) {
                var fit = start(gene)
                gene.withCounts { counts in
                    for _ in 0..<5 { fit.step(floor: floor, control: gene.group, gene: counts) }
                    fit.finish(stoppedByTolerance: false)
                    let weight = fit.weight(floor: floor, control: gene.group, gene: counts)
                    let expected = DirectFormulas.sums(
                        predictor: fit.intercept,
                        dispersion: fit.dispersion,
                        minimum: minimum,
                        sizeFactors: gene.sizeFactors,
                        counts: gene.counts
                    ).weight
                    #expect(isNear(weight, expected, 1e-13, scale: expected))
                    let empty = GeneCounts(positions: none, counts: none)
                    #expect(weight == fit.weight(floor: floor, control: gene.group, gene: empty))
                }
            }
        }
    }

    @Test("a fit that stands still gives the same bits for ever")
    func fixedPoint() {
        let floor = MeanFloor(minimum: 0.5)
        let gene = SampleGene(sizeFactors: [1, 1, 1, 1], counts: [0, 0, 0, 0])
        var fit = start(gene)
        gene.withCounts { counts in
            for _ in 0..<40 { fit.step(floor: floor, control: gene.group, gene: counts) }
            let before = fit
            fit.step(floor: floor, control: gene.group, gene: counts)
            #expect(fit.change == 0)
            #expect(fit.intercept.bitPattern == before.intercept.bitPattern)
            // A floored group has a closed form: ln m + (mean - m)/m - mean offset.
            #expect(isNear(fit.intercept, log(0.5) - 1, 1e-15, scale: 1))
        }
    }
}

@Suite("The fit of a perturbation's effect follows its formulas")
struct FrozenEffectFitTests {
    private static let dispersions = [0.05, 0.3, 1.2, 0.01, 0.4, 2.0]

    private func model(
        _ index: Int,
        minimum: Double,
        tolerance: Double = 1e-6,
        maximum: Int = 25
    ) -> FrozenModel {
        FrozenModel(
            intercept: [-4.0, -1.2, 0.1, 1.1, 4.9, 7.8][index],
            dispersion: Self.dispersions[index],
            floor: MeanFloor(minimum: minimum),
            tolerance: tolerance,
            maximumIterations: maximum
        )
    }

    @Test("after any number of iterations", arguments: [0.0, 0.1, 0.5, 2.0])
    func iterations(minimum: Double) {
        for (index, gene) in sampleGenes(seed: 21).enumerated() {
            let model = model(index, minimum: minimum)
            var (effect, flagged) = (0.0, Int?.none)
            var fit = FrozenEffectFit()
            for iteration in 1...15 {
                let sums = DirectFormulas.sums(
                    predictor: model.intercept + effect,
                    dispersion: model.dispersion,
                    minimum: minimum,
                    sizeFactors: gene.sizeFactors,
                    counts: gene.counts
                )
                let next =
                    (sums.weightedResponse - model.intercept * sums.weight)
                    / max(sums.weight + 1e-6, 1e-12)
                if flagged == nil, abs(next - effect) < 1e-6 { flagged = iteration }
                effect = next
                gene.withCounts {
                    fit.run(until: iteration, model: model, group: gene.group, gene: $0)
                }
                #expect(fit.iterations == iteration)
                #expect(isNear(fit.effect, effect, 1e-11, scale: 1 + abs(effect)))
                #expect(isNear(fit.weight, sums.weight, 1e-10, scale: sums.weight))
                #expect(fit.convergedAt == flagged)
            }
        }
    }

    @Test("genes run one after the other to a common stop equal genes run side by side")
    func jointStop() {
        for minimum in [0.0, 0.5] {
            let genes = sampleGenes(seed: 22)
            var sideBySide = genes.map { _ in FrozenEffectFit() }
            var rounds = 0
            while rounds < 25, sideBySide.contains(where: { $0.convergedAt == nil }) {
                rounds += 1
                for (index, gene) in genes.enumerated() {
                    let model = model(index, minimum: minimum)
                    gene.withCounts {
                        sideBySide[index].run(
                            until: rounds,
                            model: model,
                            group: gene.group,
                            gene: $0
                        )
                    }
                }
            }
            var alone = genes.map { _ in FrozenEffectFit() }
            for (index, gene) in genes.enumerated() {
                let model = model(index, minimum: minimum)
                gene.withCounts {
                    alone[index].runToConvergence(model: model, group: gene.group, gene: $0)
                }
            }
            let last = alone.map(\.iterations).max()
            #expect(last == rounds)
            #expect(
                Set(alone.map(\.iterations)).count > 1,
                "all genes stop at once: nothing tested"
            )
            for (index, gene) in genes.enumerated() {
                let model = model(index, minimum: minimum)
                gene.withCounts {
                    alone[index].run(until: rounds, model: model, group: gene.group, gene: $0)
                }
                #expect(alone[index].effect.bitPattern == sideBySide[index].effect.bitPattern)
                #expect(alone[index].weight.bitPattern == sideBySide[index].weight.bitPattern)
                #expect(alone[index].convergedAt == sideBySide[index].convergedAt)
                #expect(alone[index].iterations == sideBySide[index].iterations)
            }
        }
    }

    @Test("iterations that run out leave the gene unconverged")
    func iterationsRunOut() {
        let gene = sampleGenes(seed: 23)[5]
        var fit = FrozenEffectFit()
        gene.withCounts {
            fit.runToConvergence(
                model: model(2, minimum: 0.5, maximum: 2),
                group: gene.group,
                gene: $0
            )
        }
        #expect(fit.iterations == 2 && fit.convergedAt == nil)
        var none = FrozenEffectFit()
        gene.withCounts {
            none.runToConvergence(
                model: model(2, minimum: 0.5, maximum: 0),
                group: gene.group,
                gene: $0
            )
        }
        #expect(none.iterations == 0 && none.effect == 0 && none.weight == 0)
    }

    @Test("the flag is set by a change strictly below the tolerance")
    func strictTolerance() {
        // At size factor 1 and b0 = ln m a floored cell gives the effect (y - m)/m at once.
        let gene = SampleGene(sizeFactors: [1], counts: [1])
        let model = FrozenModel(
            intercept: 0,
            dispersion: 0,
            floor: MeanFloor(minimum: 1),
            tolerance: 0,
            maximumIterations: 5
        )
        var fit = FrozenEffectFit()
        gene.withCounts { fit.runToConvergence(model: model, group: gene.group, gene: $0) }
        #expect(fit.effect == 0 && fit.convergedAt == nil && fit.iterations == 5)
        var tolerant = model
        tolerant.tolerance = .leastNonzeroMagnitude
        fit = FrozenEffectFit()
        gene.withCounts { fit.runToConvergence(model: tolerant, group: gene.group, gene: $0) }
        #expect(fit.convergedAt == 1)
    }
}
