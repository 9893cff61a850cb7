import Coordinator
import Foundation
import Testing

@Suite("Simulated screens")
struct ScreenSimulatorTests {
    private static func design(_ change: (inout ScreenDesign) -> Void = { _ in }) -> ScreenDesign {
        var design = ScreenDesign()
        design.perturbations = 6
        design.genes = 60
        design.cellsPerPerturbation = 80
        design.depth = 150
        design.effects = 8
        design.batches = 2
        design.seed = 11
        change(&design)
        return design
    }

    @Test("each perturbation is named after the expressed gene that it knocks down")
    func targets() {
        let design = Self.design { $0.knockdown = -3 }
        let truth = ScreenTruth(design)
        #expect(truth.groupNames.first == "control")
        #expect(
            truth.groupNames.dropFirst() == ArraySlice(truth.targets.map { truth.geneNames[$0] })
        )
        #expect(Set(truth.targets).count == 6)
        #expect(truth.targets.allSatisfy { truth.means[$0] > 1 })
        #expect(truth.geneNames.first == "GENE00")
        for (target, effects) in zip(truth.targets, truth.effects) {
            #expect(effects.count == 9)
            #expect(Set(effects.map(\.gene)).count == 9)
            #expect(effects.map(\.gene) == effects.map(\.gene).sorted())
            #expect(effects.first { $0.gene == target }?.log2FoldChange == -3)
        }
    }

    @Test("when few genes are expressed, the most expressed ones are perturbed")
    func fewExpressedGenes() {
        let truth = ScreenTruth(Self.design { $0.depth = 5 })
        let highest = truth.means.indices.sorted { truth.means[$0] > truth.means[$1] }.prefix(6)
        #expect(Set(truth.targets) == Set(highest))
    }

    @Test("groups have the sizes asked for, in random order or one after the other")
    func groups() {
        let shuffled = ScreenTruth(Self.design { $0.controlCells = 33 })
        let ordered = ScreenTruth(
            Self.design {
                $0.controlCells = 33
                $0.isShuffled = false
            }
        )
        #expect(shuffled.groups.sorted() == ordered.groups)
        #expect(shuffled.groups != ordered.groups)
        #expect(ordered.groups.count { $0 == 0 } == 33)
        #expect((1...6).allSatisfy { group in ordered.groups.count { $0 == group } == 80 })
        #expect(ScreenTruth(Self.design()).groups.count { $0 == 0 } == 800)
        let varied = ScreenTruth(Self.design { $0.cellsLogDeviation = 0.5 })
        let sizes = (1...6).map { group in varied.groups.count { $0 == Int32(group) } }
        #expect(Set(sizes).count > 3)
    }

    @Test("depth, size factors and dispersions follow the design")
    func parameters() {
        let truth = ScreenTruth(
            Self.design {
                $0.genes = 3000
                $0.cellsPerPerturbation = 2000
                $0.dispersionLogDeviation = 0
            }
        )
        #expect(abs(truth.means.reduce(0, +) - 150) < 1e-9)
        for (mean, dispersion) in zip(truth.means, truth.dispersions) {
            #expect(abs(dispersion - (0.1 + 0.2 / mean)) < 1e-12 * dispersion)
        }
        let n = Double(truth.cellCount)
        let average = truth.sizeFactors.reduce(0, +) / n
        #expect(abs(average - 1) < 4 * 0.361 / n.squareRoot())
        let logarithms = truth.sizeFactors.map { log($0) }
        let center = logarithms.reduce(0, +) / n
        let variance = logarithms.reduce(0) { $0 + ($1 - center) * ($1 - center) } / n
        #expect(abs(variance.squareRoot() - 0.35) < 4 * 0.35 / (2 * n).squareRoot())
    }

    @Test("one part of the design does not change the random numbers of another")
    func separateStreams() {
        let truth = ScreenTruth(Self.design())
        let other = ScreenTruth(
            Self.design {
                $0.batches = 5
                $0.effects = 3
            }
        )
        #expect(truth.means == other.means)
        #expect(truth.dispersions == other.dispersions)
        #expect(truth.targets == other.targets)
        #expect(truth.groups == other.groups)
        #expect(truth.means != ScreenTruth(Self.design { $0.seed = 12 }).means)
    }

    @Test("cells are the same however they are cut and in whatever order they are drawn")
    func anyCut() {
        let simulator = ScreenSimulator(ScreenTruth(Self.design()))
        var whole = SimulatedCells()
        simulator.draw(0..<100, into: &whole)
        var parts: [SimulatedCells] = []
        for range in [60..<100, 1..<60, 0..<1] {
            var part = SimulatedCells()
            simulator.draw(range, into: &part)
            parts.insert(part, at: 0)
        }
        #expect(parts.flatMap(\.nonzeroCounts) == whole.nonzeroCounts)
        #expect(parts.flatMap(\.genes) == whole.genes)
        #expect(parts.flatMap(\.values) == whole.values)
        #expect(whole.nonzeroCounts.count == 100)
        #expect(whole.values.allSatisfy { $0 >= 1 && $0 == $0.rounded() })
    }

    @Test("counts have the means and variances of the truth, gene by gene and for every effect")
    func moments() {
        let design = Self.design { $0.cellsPerPerturbation = 400 }
        let truth = ScreenTruth(design)
        var cells = SimulatedCells()
        ScreenSimulator(truth).draw(0..<truth.cellCount, into: &cells)
        let genes = design.genes
        var residuals = [Double](repeating: 0, count: genes * 7)
        var variances = residuals
        var pearson = [Double](repeating: 0, count: genes)
        var position = 0
        for cell in 0..<truth.cellCount {
            var counts = [Double](repeating: 0, count: genes)
            for _ in 0..<cells.nonzeroCounts[cell] {
                counts[Int(cells.genes[position])] = Double(cells.values[position])
                position += 1
            }
            let group = Int(truth.groups[cell])
            var changes = [Double](repeating: 0, count: genes)
            if group > 0 {
                for effect in truth.effects[group - 1] {
                    changes[effect.gene] = effect.log2FoldChange
                }
            }
            for gene in 0..<genes {
                let batch = truth.batchEffects[gene * 2 + Int(truth.batches[cell])]
                let mean =
                    truth.sizeFactors[cell] * truth.means[gene] * exp(batch) * exp2(changes[gene])
                let variance = mean + truth.dispersions[gene] * mean * mean
                let residual = counts[gene] - mean
                residuals[group * genes + gene] += residual
                variances[group * genes + gene] += variance
                pearson[gene] += residual * residual / variance / Double(truth.cellCount)
            }
        }
        let scores = zip(residuals, variances).map { $0 / $1.squareRoot() }
        // 420 sums that are nearly standard normal: none beyond 4.5, together neither off nor wide.
        #expect(scores.allSatisfy { abs($0) < 4.5 })
        let count = Double(scores.count)
        let average = scores.reduce(0, +) / count
        let square = scores.map { $0 * $0 }.reduce(0, +) / count
        #expect(scores.count == 420)
        #expect(abs(average) < 4 / count.squareRoot())
        #expect(abs(square - 1) < 4 * (2 / count).squareRoot())
        // Mean squared Pearson residuals are 1; their spread here is measured as 0.05.
        let spread = pearson.reduce(0, +) / Double(genes)
        #expect(abs(spread - 1) < 0.03)
    }

    @Test("impossible designs are explained")
    func problems() {
        #expect(ScreenDesign().problem == nil)
        let changes: [(inout ScreenDesign) -> Void] = [
            { $0.perturbations = 0 }, { $0.genes = 1 }, { $0.perturbations = 61 },
            { $0.effects = 60 }, { $0.effects = -1 }, { $0.controlCells = 0 }, { $0.batches = 0 },
            { $0.depth = .nan }, { $0.depth = 0 }, { $0.cellsPerPerturbation = 0.5 },
            { $0.sizeFactorLogDeviation = -1 }, { $0.knockdown = .infinity },
            { $0.cellsPerPerturbation = 1e7 }, { $0.dispersionFloor = -0.1 },
        ]
        for (index, change) in changes.enumerated() {
            #expect(Self.design(change).problem != nil, "design \(index)")
        }
    }
}
