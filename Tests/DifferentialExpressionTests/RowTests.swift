import DifferentialExpression
import Statistics
import Testing

@Suite("Rows of the frozen analysis")
struct RowTests {
    private static let tested = [
        "X", "z_score", "pvalue", "pvalue_adj", "logfoldchanges", "logfoldchange_raw",
        "logfoldchange_raw_ln", "intercept", "standard_error", "standard_error_ln",
    ]

    /// Expects every result of a gene to be missing, or every one to be there.
    private func expectMissing(_ isMissing: Bool, _ run: SampleRun, gene: Int, group: Int) {
        for name in Self.tested {
            #expect(
                run.layer(name, group)[gene].isNaN == isMissing,
                "\(name) of gene \(gene) in group \(group)"
            )
        }
    }

    @Test("genes below the filter are missing, and only they")
    func untestedGenes() throws {
        let sample = SampleScreen(sizes: [150, 60, 25], geneCount: 50, seed: 5)
        var options = SampleScreen.options
        options.filter.minimumShareControl = 0.3
        options.filter.minimumSharePerturbed = 0.3
        options.filter.minimumMeanControl = 0.4
        options.filter.minimumMeanPerturbed = 0.4
        let run = try SampleRun(sample.screen(), options: options)
        for group in [1, 2] {
            let cells = sample.groups.indices.filter { sample.groups[$0] == group }
            var missing = 0
            for gene in 0..<50 {
                let expressing = cells.filter { sample.counts[$0][gene] > 0 }
                let mean =
                    cells.reduce(0.0) {
                        $0 + Double(sample.counts[$1][gene]) / run.sizeFactors[$1]
                    } / Double(cells.count)
                let isTested = options.filter.admits(
                    control: .init(
                        expressing: Int(run.cache[.controlExpressing][gene]),
                        mean: run.cache[.controlMean][gene],
                        cells: 150
                    ),
                    perturbed: .init(
                        expressing: expressing.count,
                        mean: mean,
                        cells: cells.count
                    )
                )
                missing += isTested ? 0 : 1
                expectMissing(!isTested, run, gene: gene, group: group)
                #expect(run.layer("converged", group)[gene] == (isTested ? 1 : 0))
                #expect((run.layer("iterations", group)[gene] > 0) == isTested)
                let share = Double(Float(Double(expressing.count) / Double(cells.count)))
                #expect(run.layer("pts", group)[gene] == share)
            }
            #expect(missing > 3 && missing < 47)
        }
    }

    @Test("too few expressing cells take share and results away")
    func minimumCells() throws {
        let sample = SampleScreen(sizes: [100, 30], geneCount: 40, seed: 6)
        var options = SampleScreen.options
        options.filter.minimumCellsExpressed = 40
        let run = try SampleRun(sample.screen(), options: options)
        let shares = run.layer("pts", 1)
        for gene in 0..<40 {
            let expressing = sample.counts.count { $0[gene] > 0 }
            if expressing < 40 { #expect(shares[gene] == 0) }
            expectMissing(expressing < 40, run, gene: gene, group: 1)
        }
        options.filter.minimumCellsExpressed = 131
        let none = try SampleRun(sample.screen(), options: options)
        for gene in 0..<40 { expectMissing(true, none, gene: gene, group: 1) }
    }

    @Test("a gene that runs out of iterations keeps its count and nothing else")
    func unconverged() throws {
        var options = SampleScreen.options
        options.maximumIterations = 2
        let sample = SampleScreen(sizes: [100, 30], geneCount: 40, seed: 7)
        let run = try SampleRun(sample.screen(), options: options)
        let converged = run.layer("converged", 1)
        #expect(converged.contains(0))
        for gene in converged.indices where converged[gene] == 0 {
            #expect(run.layer("iterations", 1)[gene] == 2)
            expectMissing(true, run, gene: gene, group: 1)
        }
    }

    @Test("a perturbation of one cell has finite results")
    func singleCell() throws {
        let sample = SampleScreen(sizes: [80, 1, 12], geneCount: 30, seed: 8)
        let run = try SampleRun(sample.screen())
        let cell = try #require(sample.groups.firstIndex(of: 1))
        let shares = run.layer("pts", 1)
        for gene in 0..<30 {
            #expect(shares[gene] == (sample.counts[cell][gene] > 0 ? 1 : 0))
            if run.layer("converged", 1)[gene] == 1 {
                #expect(run.layer("standard_error", 1)[gene] > 0)
                expectMissing(false, run, gene: gene, group: 1)
            }
        }
        #expect(run.layer("converged", 1).contains(1))
    }

    @Test("genes and cells without a single count leave the others as they are")
    func zeros() throws {
        var sample = SampleScreen(sizes: [90, 30], geneCount: 30, seed: 9)
        for cell in sample.counts.indices {
            sample.counts[cell][4] = 0
            if sample.groups[cell] == 0 { sample.counts[cell][20] = 0 }
            if sample.groups[cell] == 1 { sample.counts[cell][25] = 0 }
        }
        let emptyControl = try #require(sample.groups.firstIndex(of: 0))
        let emptyPerturbed = try #require(sample.groups.firstIndex(of: 1))
        sample.counts[emptyControl] = [UInt32](repeating: 0, count: 30)
        sample.counts[emptyPerturbed] = [UInt32](repeating: 0, count: 30)
        for minimumMean in [0.0, 0.5] {
            var options = SampleScreen.options
            options.minimumMean = minimumMean
            let run = try SampleRun(sample.screen(), options: options)
            #expect(run.sizeFactors.allSatisfy { $0.isFinite && $0 > 0 })
            #expect(run.sizeFactors[emptyControl] == run.sizeFactors[emptyPerturbed])
            expectMissing(true, run, gene: 4, group: 1)
            #expect(run.cache[.controlExpressing][4] == 0 && run.cache[.controlExpressing][20] == 0)
            #expect(run.cache[.dispersion].allSatisfy { $0.isFinite && $0 > 0 })
            #expect(run.layer("pts", 1)[25] == 0)
            let others = (0..<30).filter { ![4, 20, 25].contains($0) }
            let p = run.layer("pvalue", 1)
            #expect(others.allSatisfy { p[$0] >= 0 && p[$0] <= 1 })
            if minimumMean > 0 {
                expectMissing(false, run, gene: 20, group: 1)
                expectMissing(false, run, gene: 25, group: 1)
                #expect(run.layer("X", 1)[20] > 0 && run.layer("X", 1)[25] < 0)
            }
        }
    }

    @Test("layers are consistent with each other and with the unit")
    func consistency() throws {
        let sample = SampleScreen(sizes: [120, 50], geneCount: 40, seed: 10)
        let screen = try sample.screen()
        var options = SampleScreen.options
        let binary = try SampleRun(screen, options: options)
        options.foldChangeBase = .ln
        options.correction = .bonferroni
        let natural = try SampleRun(screen, options: options)
        for name in ["X", "logfoldchanges", "logfoldchange_raw"] {
            #expect(
                natural.layer(name, 1).map(\.bitPattern)
                    == binary.layer("logfoldchange_raw_ln", 1).map(\.bitPattern)
            )
        }
        let unit = RealFunctions.log(2)
        for gene in 0..<40 where !binary.layer("X", 1)[gene].isNaN {
            let effect = binary.layer("logfoldchange_raw_ln", 1)[gene]
            let error = binary.layer("standard_error_ln", 1)[gene]
            #expect(binary.layer("X", 1)[gene] == effect / unit)
            #expect(binary.layer("standard_error", 1)[gene] == error / unit)
            #expect(binary.layer("z_score", 1)[gene] == effect / error)
            #expect(
                binary.layer("pvalue", 1)[gene]
                    == NormalDistribution.twoSidedPValue(z: effect / error)
            )
            #expect(binary.layer("intercept", 1)[gene] == binary.cache[.intercept][gene])
        }
        for (run, method) in [
            (binary, MultipleTesting.Method.benjaminiHochberg), (natural, .bonferroni),
        ] {
            let adjusted = MultipleTesting.adjust(run.layer("pvalue", 1), by: method)
            #expect(
                adjusted.map(\.bitPattern) == run.layer("pvalue_adj", 1).map(\.bitPattern)
            )
        }
    }

    @Test("genes in another order give the same results in that order")
    func permutedGenes() throws {
        let sample = SampleScreen(sizes: [90, 40], geneCount: 30, seed: 11)
        var reversed = sample
        reversed.counts = sample.counts.map { $0.reversed() }
        let one = try SampleRun(sample.screen())
        let other = try SampleRun(reversed.screen())
        // Only the trend adds up over genes, so that its order of addition shows.
        for name in ["X", "z_score"] {
            for (a, b) in zip(one.layer(name, 1), other.layer(name, 1).reversed()) {
                #expect((a.isNaN && b.isNaN) || (a - b).magnitude <= 1e-7 * (1 + a.magnitude))
            }
        }
        #expect(one.cache[.intercept] == other.cache[.intercept].reversed())
        #expect(one.sizeFactors == other.sizeFactors)
    }
}
