import CountBlocks
import DifferentialExpression
import Foundation
import Statistics
import Testing

@Suite("Rank-sum test of perturbations")
struct RankSumScreenTests {
    private static let sample = ExpressionScreen(
        sizes: [150, 60, 25, 1],
        geneCount: 40,
        seed: 21
    )

    /// U and z by comparing all pairs.
    private func expectDirect(_ sample: ExpressionScreen, _ run: ExpressionRun) {
        for group in 1..<sample.groupCount {
            let (u, z) = (run.layer("u_statistic", group), run.layer("z_score", group))
            let (effect, p) = (run.layer("X", group), run.layer("pvalue", group))
            for gene in 0..<sample.geneCount {
                let control = sample.values(gene: gene, group: 0)
                let own = sample.values(gene: gene, group: group)
                var doubled = 0
                for value in own {
                    for other in control { doubled += value > other ? 2 : value == other ? 1 : 0 }
                }
                var ties: [Double: Int] = [:]
                for value in control + own { ties[value, default: 0] += 1 }
                let tieSum = ties.values.reduce(0) { $0 + $1 * $1 * $1 - $1 }
                let (n1, n0) = (Double(own.count), Double(control.count))
                let cells = n1 + n0
                let correction = 1 - Double(tieSum) / (cells * cells * cells - cells)
                let deviation = (correction * n1 * n0 * (cells + 1) / 12).squareRoot()
                let distance = Double(doubled) / 2 - n1 * n0 / 2
                let expected = deviation > 0 ? distance / deviation : 0
                #expect(u[gene] == Double(doubled) / 2)
                #expect(effect[gene] == Double(doubled) / 2 / (n1 * n0) - 0.5)
                #expect((z[gene] - expected).magnitude <= 1e-14 * expected.magnitude)
                #expect(p[gene] == NormalDistribution.twoSidedPValue(z: z[gene]))
            }
            #expect(
                run.layer("pvalue_adj", group) == MultipleTesting.adjust(p, by: .benjaminiHochberg)
            )
        }
    }

    @Test("U and z are those of all pairs, with ties, silent genes and a single cell")
    func allPairs() throws {
        try expectDirect(Self.sample, .rankSum(Self.sample.screen()))
        try expectDirect(Self.sample, .rankSum(Self.sample.screen(of: Double.self)))
    }

    @Test("D14: negative values rank below zero")
    func negative() throws {
        let sample = ExpressionScreen(sizes: [70, 30, 9], geneCount: 20, negative: true, seed: 22)
        #expect(sample.values.joined().contains { $0 < 0 })
        try expectDirect(sample, .rankSum(sample.screen()))
        try expectDirect(sample, .rankSum(sample.screen(of: Double.self)))
    }

    @Test("D21: means of single values are single precision, added in file order")
    func means() throws {
        let run = try ExpressionRun.rankSum(Self.sample.screen())
        let wide = try ExpressionRun.rankSum(Self.sample.screen(of: Double.self))
        var differing = 0
        for group in 1...2 {
            func level(_ gene: Int, _ group: Int) -> Float {
                let values = Self.sample.values(gene: gene, group: group)
                let weight = Float(1 / Double(values.count))
                return MeanFoldChange.level(ofMean: values.reduce(0) { $0 + Float($1) * weight })
            }
            for gene in 0..<40 {
                let expected = MeanFoldChange.log2Ratio(level(gene, group), level(gene, 0))
                let found = run.layer("logfoldchanges", group)[gene]
                #expect(found == Double(expected))
                let other = wide.layer("logfoldchanges", group)[gene]
                #expect((found - other).magnitude < 2e-5)
                differing += found == other ? 0 : 1
            }
        }
        #expect(differing > 40)
    }

    @Test("D35: shares are 0 where a gene is not tested, and dropped genes have no results")
    func masks() throws {
        var options = ExpressionScreen.options(.wilcoxon)
        options.filter.minimumShareControl = 0.4
        options.filter.minimumSharePerturbed = 0.4
        options.filter.minimumMeanControl = 0.4
        options.filter.minimumMeanPerturbed = 0.4
        let run = try ExpressionRun.rankSum(Self.sample.screen(), options: options)
        let whole = try ExpressionRun.rankSum(Self.sample.screen())
        var dropped = 0
        for gene in 0..<40 {
            let sides = [0, 1].map { group in
                let values = Self.sample.values(gene: gene, group: group)
                return ExpressionFilter.Expression(
                    expressing: values.count { $0 != 0 },
                    mean: values.reduce(0, +) / Double(values.count),
                    cells: values.count
                )
            }
            let isTested = options.filter.admits(control: sides[0], perturbed: sides[1])
            dropped += isTested ? 0 : 1
            for name in ["X", "z_score", "pvalue", "u_statistic", "logfoldchanges"] {
                let (value, kept) = (run.layer(name, 1)[gene], whole.layer(name, 1)[gene])
                #expect(isTested ? value == kept : value.isNaN)
            }
            for name in ["pts", "pts_rest"] {
                #expect(run.layer(name, 1)[gene] == (isTested ? whole.layer(name, 1)[gene] : 0))
            }
        }
        #expect(dropped > 3 && dropped < 37)
    }

    @Test("D15: p of a gene in too few cells depends on whether another perturbation tests it")
    func tooFewCells() throws {
        // Genes: enough with group 1, with both, with none; group 2 is short of the first.
        let screen = ExpressionScreen(
            groups: [0, 0, 0, 1, 1, 1, 2, 2, 2],
            values: [
                [1, 1, 0], [0, 2, 0], [0, 3, 0], [1, 1, 0], [2, 2, 1], [0.5, 1, 0], [0, 1, 0],
                [1, 2, 0], [0, 3, 0],
            ]
        )
        var options = ExpressionScreen.options(.wilcoxon)
        options.filter.minimumCellsExpressed = 4
        for threads in [1, 3] {
            let run = try ExpressionRun.rankSum(screen.screen(), options: options, threads: threads)
            #expect(run.cache[.testedSomewhere] == [1, 1, 0])
            #expect(run.layer("pvalue", 2)[0] == 1)
            #expect(run.layer("pvalue", 1)[0] < 1 && run.layer("pvalue", 1)[2].isNaN)
            #expect(run.layer("pvalue", 2)[2].isNaN)
            for name in ["X", "z_score", "u_statistic", "logfoldchanges", "pts", "pts_rest"] {
                #expect(run.layer(name, 2)[0] == 0 && run.layer(name, 2)[2] == 0)
            }
            // Without the first perturbation nobody tests the first gene.
            let alone = try ExpressionRun.rankSum(
                screen.screen(),
                options: options,
                threads: threads,
                groups: [2]
            )
            #expect(alone.cache[.testedSomewhere] == [0, 1, 0])
            #expect(alone.layer("pvalue", 2)[0].isNaN)
        }
    }

    @Test("D15: a gene that the thresholds drop is tested nowhere, however many cells express it")
    func droppedEverywhere() throws {
        let sample = ExpressionScreen(sizes: [2100, 50, 30], geneCount: 12, seed: 23)
        var options = ExpressionScreen.options(.wilcoxon)
        options.filter.minimumCellsExpressed = 900
        options.filter.minimumShareControl = 0.5
        options.filter.minimumSharePerturbed = 0.6
        options.filter.minimumMeanControl = 0.5
        options.filter.minimumMeanPerturbed = 0.6
        for isSingle in [true, false] {
            let screen = try isSingle ? sample.screen() : sample.screen(of: Double.self)
            let run = try ExpressionRun.rankSum(screen, options: options, threads: 2)
            let isTested = (0..<12).map { gene in
                (1...2).contains { group in
                    let z = run.layer("pts_rest", group)[gene]
                    return z > 0
                }
            }
            #expect(run.cache[.testedSomewhere] == isTested.map { $0 ? 1 : 0 })
            #expect(Set(isTested).count == 2)
        }
    }

    @Test("means are compared with thresholds in their own precision")
    func singleThresholds() throws {
        // A threshold that is above the mean in double precision and equal to it in single.
        let mean = Double(Float(0.1))
        let screen = ExpressionScreen(groups: [0, 1], values: [[mean, 1], [mean, 1]])
        var options = ExpressionScreen.options(.wilcoxon)
        options.filter.minimumShareControl = 2
        options.filter.minimumSharePerturbed = 2
        options.filter.minimumMeanControl = mean.nextUp
        options.filter.minimumMeanPerturbed = mean.nextUp
        let run = try ExpressionRun.rankSum(screen.screen(), options: options)
        #expect(!run.layer("z_score", 1)[0].isNaN)
        options.filter.minimumMeanControl = Double(Float(0.1).nextUp)
        options.filter.minimumMeanPerturbed = Double(Float(0.1).nextUp)
        let dropped = try ExpressionRun.rankSum(screen.screen(), options: options)
        #expect(dropped.layer("z_score", 1)[0].isNaN && !dropped.layer("z_score", 1)[1].isNaN)
    }

    @Test("rows have the same bits for any tiles, visits and threads")
    func sameBits() throws {
        let sample = ExpressionScreen(sizes: [1500, 1100, 40, 3], geneCount: 31, seed: 24)
        let reference = try ExpressionRun.rankSum(sample.screen())
        let splits: [(threads: Int, tile: Int, visit: Int)] = [
            (1, 1, 1), (2, 7, 2), (3, 31, 4), (5, 10, 10),
        ]
        for split in splits {
            let run = try ExpressionRun.rankSum(
                sample.screen(memoryBytes: split.tile * 1000),
                threads: split.threads,
                tile: split.tile,
                visit: split.visit
            )
            #expect(run.rows == reference.rows && run.cache == reference.cache)
        }
        let some = try ExpressionRun.rankSum(sample.screen(), groups: [3, 1])
        for (group, row) in some.rows { #expect(row == reference.rows[group]) }
    }

    @Test("correction and tie correction are the options'")
    func options() throws {
        var options = ExpressionScreen.options(.wilcoxon)
        options.correction = .bonferroni
        options.tieCorrection = false
        let run = try ExpressionRun.rankSum(Self.sample.screen(), options: options)
        let usual = try ExpressionRun.rankSum(Self.sample.screen())
        let p = run.layer("pvalue", 1)
        #expect(run.layer("pvalue_adj", 1) == p.map { min($0 * 40, 1) })
        #expect(run.layer("u_statistic", 1) == usual.layer("u_statistic", 1))
        for (without, with) in zip(run.layer("z_score", 1), usual.layer("z_score", 1)) {
            #expect(without == 0 || without.magnitude < with.magnitude)
        }
    }

    @Test("approximate bytes grow with nonzeros and the size of values")
    func bytes() {
        func analysis(_ values: AnalysisOptions.Values) -> RankSumAnalysis {
            var options = AnalysisOptions(perturbationColumn: "gene", controlLabel: "control")
            options.method = .wilcoxon
            options.values = values
            return RankSumAnalysis(cache: ControlCache(geneCount: 10), options: options)
        }
        let tile = analysis(.float32).tileBytes(nonzeros: 1000, genes: 10)
        let wide = analysis(.float64).tileBytes(nonzeros: 1000, genes: 10)
        #expect(tile >= 4000 && wide == tile + 4000)
        let fit = analysis(.float32).fitBytes(nonzeros: 500, genes: 10)
        #expect(fit >= 2000 && fit < 5000)
    }
}
