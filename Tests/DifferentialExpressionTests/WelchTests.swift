import CountBlocks
import DifferentialExpression
import Foundation
import Statistics
import Testing

@Suite("T-test of perturbations")
struct WelchTests {
    private static let sample = ExpressionScreen(
        sizes: [140, 60, 25, 2],
        geneCount: 40,
        seed: 11
    )

    /// Mean and variance in two passes.
    private func moments(_ values: [Double]) -> WelchTest.Group {
        let mean = values.reduce(0, +) / Double(values.count)
        let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
        return .init(
            cells: Double(values.count),
            mean: mean,
            variance: squares / Double(values.count - 1)
        )
    }

    @Test("doubles give Welch's test in two passes")
    func twoPasses() throws {
        let run = try ExpressionRun.welch(Self.sample.screen(of: Double.self))
        for group in 1...3 {
            let (effect, z) = (run.layer("X", group), run.layer("z_score", group))
            let foldChange = run.layer("logfoldchanges", group)
            for gene in 0..<40 {
                let control = moments(Self.sample.values(gene: gene, group: 0))
                let values = Self.sample.values(gene: gene, group: group)
                let test = WelchTest(control: control, perturbed: moments(values))
                #expect(
                    (effect[gene] - Double(test.effect)).magnitude <= 1e-6 * effect[gene].magnitude
                )
                guard test.isDefined else { continue }
                #expect(
                    (z[gene] - test.statistic).magnitude <= 1e-6 * max(test.statistic.magnitude, 1)
                )
                let mean = values.reduce(0, +) / Double(values.count)
                let expected = log2((exp(mean) - 1 + 1e-9) / (exp(control.mean) - 1 + 1e-9))
                #expect(
                    (foldChange[gene] - expected).magnitude <= 1e-5 * max(expected.magnitude, 1)
                )
                let share = Double(values.count { $0 != 0 }) / Double(values.count)
                #expect(run.layer("pts", group)[gene] == Double(Float(share)))
            }
            let p = run.layer("pvalue", group)
            #expect(
                run.layer("pvalue_adj", group).elementsEqual(
                    MultipleTesting.adjust(p, by: .benjaminiHochberg)
                ) { $0 == $1 || ($0.isNaN && $1.isNaN) }
            )
        }
        #expect(
            run.cache[.controlExpressing]
                == (0..<40).map { gene in
                    Double(Self.sample.values(gene: gene, group: 0).count { $0 != 0 })
                }
        )
    }

    @Test("D2: cells of perturbations that are not asked for have no influence")
    func unlistedCells() throws {
        let all = try ExpressionRun.welch(Self.sample.screen())
        let some = try ExpressionRun.welch(Self.sample.screen(), groups: [3, 1])
        #expect(some.rows.count == 2 && some.cache == all.cache)
        for (group, row) in some.rows { #expect(row == all.rows[group]) }
        var other = Self.sample
        for cell in other.groups.indices where other.groups[cell] == 2 {
            other.values[cell] = other.values[cell].map { $0 * 3 }
        }
        let changed = try ExpressionRun.welch(other.screen())
        #expect(changed.rows[1] == all.rows[1] && changed.rows[3] == all.rows[3])
        #expect(changed.rows[2] != all.rows[2])
    }

    @Test("D21: sums are single precision within 4,096 cells of the file, double between them")
    func singleSums() throws {
        let screen = ExpressionScreen(sizes: [5000, 4500], geneCount: 3, seed: 13)
        let run = try ExpressionRun.welch(screen.screen(), threads: 2)
        for gene in 0..<3 {
            func sums(_ group: Int) -> WelchTest.Group {
                var (sum, squares, cells) = (0.0, 0.0, 0.0)
                for start in stride(from: 0, to: screen.groups.count, by: 4096) {
                    var (part, partSquares): (Float, Float) = (0, 0)
                    for cell in start..<min(start + 4096, screen.groups.count)
                    where screen.groups[cell] == group {
                        let value = Float(screen.values[cell][gene])
                        part += value
                        partSquares += value * value
                        cells += 1
                    }
                    sum += Double(part)
                    squares += Double(partSquares)
                }
                return .init(cells: cells, sum: sum, squares: squares)
            }
            let test = WelchTest(control: sums(0), perturbed: sums(1))
            #expect(run.cache[.controlMean][gene] == sums(0).mean)
            #expect(run.cache[.controlVariance][gene] == sums(0).variance)
            #expect(run.layer("z_score", 1)[gene] == test.statistic)
            // The exact sums differ, so that the test can fail; the first gene's are exact anyway.
            let exact = moments(screen.values(gene: gene, group: 0)).mean
            #expect((exact == sums(0).mean) == (gene == 0))
        }
    }

    @Test("D24: only nonzero values express a gene, negative ones too")
    func expressing() throws {
        let screen = ExpressionScreen(
            groups: [0, 1, 0, 1, 0],
            values: [[0, 1], [-0.5, 0], [2, 1], [1, 0], [0, 1]]
        )
        let run = try ExpressionRun.welch(screen.screen())
        #expect(run.layer("pts", 1) == [1, 0])
        #expect(run.cache[.controlExpressing] == [1, 3])
    }

    @Test("D30: a perturbation of one cell has variance 0")
    func oneCell() throws {
        let sample = ExpressionScreen(sizes: [40, 1], geneCount: 10, seed: 14)
        let run = try ExpressionRun.welch(sample.screen(of: Double.self))
        for gene in 0..<10 {
            let control = moments(sample.values(gene: gene, group: 0))
            guard control.variance > 0 else { continue }
            let effect = run.layer("X", 1)[gene]
            let z = effect / (control.variance / 40).squareRoot()
            #expect((run.layer("z_score", 1)[gene] - z).magnitude <= 1e-12 * z.magnitude)
        }
    }

    @Test(
        "D35: a dropped gene keeps its share and nothing else; one that cannot be tested, its effect"
    )
    func masks() throws {
        let screen = ExpressionScreen(
            groups: [0, 0, 0, 0, 1, 1],
            // Dropped, constant, in too few cells, tested.
            values: [
                [0.5, 1, 0, 1], [0, 1, 0, 2], [0, 1, 0, 3], [0, 1, 2, 0], [0.5, 2, 0, 1],
                [0, 2, 0, 3],
            ]
        )
        var options = ExpressionScreen.options(.tTest)
        options.filter.minimumCellsExpressed = 2
        options.filter.minimumShareControl = 0.3
        options.filter.minimumSharePerturbed = 0.6
        options.filter.minimumMeanControl = 0.2
        options.filter.minimumMeanPerturbed = 0.3
        let run = try ExpressionRun.welch(screen.screen(), options: options)
        #expect(run.layer("pts", 1) == [0.5, 1, 0, 1])
        #expect(run.layer("X", 1).map(\.isNaN) == [true, false, false, false])
        #expect(run.layer("logfoldchanges", 1).map(\.isNaN) == [true, false, false, false])
        for name in ["z_score", "pvalue", "pvalue_adj"] {
            #expect(run.layer(name, 1).map(\.isNaN) == [true, true, true, false])
        }
    }

    @Test("cells without a label are not counted among the 4,096")
    func unlabelled() throws {
        var sample = ExpressionScreen(
            sizes: [4200, 900],
            unlabelled: 700,
            geneCount: 4,
            seed: 15
        )
        let with = try ExpressionRun.welch(sample.screen())
        #expect(with.cache.sumChunks.starts.count == 2)
        #expect(try ControlCache(bytes: with.cache.encoded()) == with.cache)
        let labelled = sample.groups.indices.filter { sample.groups[$0] >= 0 }
        sample.values = labelled.map { sample.values[$0] }
        sample.groups = labelled.map { sample.groups[$0] }
        let without = try ExpressionRun.welch(sample.screen())
        #expect(without.cache.sumChunks.starts.isEmpty)
        #expect(with.rows == without.rows)
        #expect(with.cache[.controlVariance] == without.cache[.controlVariance])
    }

    @Test("a row has the same bits with any threads, in memory or spilled", arguments: [2, 3, 5])
    func sameBits(_ threads: Int) throws {
        let sample = ExpressionScreen(sizes: [2600, 1100, 30], geneCount: 23, seed: 16)
        let reference = try ExpressionRun.welch(sample.screen())
        for memoryBytes in [0, 1 << 26] {
            let screen = try sample.screen(memoryBytes: memoryBytes)
            #expect((screen.blocks.bytesSpilled > 0) == (memoryBytes == 0))
            let run = try ExpressionRun.welch(screen, threads: threads)
            #expect(run.rows == reference.rows && run.cache == reference.cache)
        }
    }
}
