import ComputeThreads
import CountBlocks
import DifferentialExpression
import Foundation
import Statistics
import Synchronization
import Testing

/// A kind of full-design model.
struct FullDesignCase: Sendable, CustomTestStringConvertible {
    let name: String
    var covariates: [String] = []
    var scope = AnalysisOptions.Scope.global
    var usesMAP = true
    var shrinks = true
    var testDescription: String { name }

    var options: AnalysisOptions {
        var options = SampleScreen.options
        options.useControlCache = false
        options.covariates = covariates
        options.sizeFactorScope = scope
        options.useMAPDispersion = usesMAP
        options.shrinkDispersion = shrinks
        return options
    }

    static let all = [
        FullDesignCase(name: "two groups"),
        FullDesignCase(name: "levels", covariates: ["batch", "lane"]),
        FullDesignCase(name: "numbers", covariates: ["age", "lane"]),
        FullDesignCase(name: "own size factors", scope: .perComparison),
        FullDesignCase(
            name: "own size factors, all",
            covariates: ["batch", "age"],
            scope: .perComparison
        ),
        FullDesignCase(name: "empirical Bayes", covariates: ["batch"], usesMAP: false),
        FullDesignCase(name: "no shrinkage", shrinks: false),
    ]
}

/// How the work of a fit is given out.
struct Split: Sendable {
    /// Genes of a tile.
    var tile = 1000
    /// Genes of a visit.
    var visit = 1000
    var threads = 1
    var isReversed = false
}

@Suite("A full-design fit")
struct FullDesignTests {
    private static let sample = SampleScreen(
        sizes: [1300, 60, 25, 1],
        geneCount: 41,
        seed: 12
    )

    /// The covariates named, the same for every test.
    private static func covariates(_ names: [String], missing: Int? = nil) -> CovariateTable {
        let cells = sample.groups.count
        func levels(_ names: [String], _ keeps: Bool, _ code: (Int) -> Int) -> CovariateTable.Values
        {
            .levels(
                .init(codes: (0..<cells).map { Int32(code($0)) }, names: names, keepsUnused: keeps)
            )
        }
        return CovariateTable(
            cellCount: cells,
            covariates: names.map { name in
                switch name {
                case "batch":
                    .init(
                        name: name,
                        values: levels(["a", "b", "never", "c"], true) {
                            [0, 1, 3, -1, 0][$0 * 7 % 5]
                        }
                    )
                case "lane":
                    .init(name: name, values: levels(["x", "y", "z"], false) { $0 * 11 % 3 })
                default:
                    .init(
                        name: name,
                        values: .numeric(
                            (0..<cells).map {
                                $0 == missing ? .nan : Double($0 * 37 % 101) / 50 - 1
                            }
                        )
                    )
                }
            }
        )
    }

    private func segments(_ screen: ScreenCounts, _ group: Int) throws -> [DecodedSegment] {
        var buffer: [UInt8] = []
        return try (0..<screen.blocks.segmentCount(group)).map { index in
            var segment = DecodedSegment()
            try screen.blocks.decodeSegment(
                group: group,
                index: index,
                into: &segment,
                buffer: &buffer
            )
            return segment
        }
    }

    private func fits(
        _ options: AnalysisOptions,
        _ covariates: CovariateTable,
        _ split: Split = Split(),
        sample: SampleScreen = Self.sample
    ) throws -> [(fit: FullDesignFit, row: PerturbationRow)] {
        let screen = try sample.screen()
        let team = ThreadTeam(threadCount: split.threads)
        let result = try GlobalStage(
            screen: screen,
            options: options,
            team: team,
            memoryBytes: 1 << 24
        ).run(userSizeFactors: nil)
        let analysis = FullDesignAnalysis(
            cache: result.cache,
            options: options,
            sizeFactors: result.sizeFactors,
            covariates: covariates
        )
        let control = try segments(screen, 0)
        #expect(control.count > 1)
        let genes = screen.geneCount
        let tiles = stride(from: 0, to: genes, by: split.tile).map {
            analysis.makeTile(genes: $0..<min($0 + split.tile, genes), segments: control)
        }
        return try (1..<screen.blocks.groupCount).map { group in
            let fit = analysis.begin(
                perturbation: UInt32(group - 1),
                segments: try segments(screen, group)
            )
            return (fit, drive(fit, tiles, control, split, team))
        }
    }

    /// Drives a fit to its row.
    private func drive(
        _ fit: FullDesignFit,
        _ tiles: [FullDesignTile],
        _ control: [DecodedSegment],
        _ split: Split,
        _ team: ThreadTeam
    ) -> PerturbationRow {
        var visits = tiles.flatMap { tile in
            stride(from: tile.genes.lowerBound, to: tile.genes.upperBound, by: split.visit).map {
                (tile, $0..<min($0 + split.visit, tile.genes.upperBound))
            }
        }
        var firsts = [0]
        for segment in control { firsts.append((firsts.last ?? 0) + segment.cellCount) }
        var order = Array(control.indices)
        if split.isReversed {
            visits.reverse()
            order.reverse()
        }
        while true {
            let (given, cells, starts) = (visits, order, firsts)
            switch fit.need {
            case .nothing: fit.visit(genes: 0..<Self.sample.geneCount)
            case .geneTiles:
                team.forEach(given.count) { fit.visit(genes: given[$0].1, of: given[$0].0) }
            case .cells:
                team.forEach(cells.count) { index in
                    let segment = cells[index]
                    fit.visit(cells: control[segment], firstCell: starts[segment])
                }
            }
            if let row = fit.endPhase() { return row }
        }
    }

    @Test(
        "has the same bits however genes, tiles and threads are given out",
        arguments: FullDesignCase.all
    )
    func sameBits(_ model: FullDesignCase) throws {
        let covariates = Self.covariates(model.covariates)
        let whole = try fits(model.options, covariates).map(\.row.bytes)
        #expect(Set(whole).count == whole.count)
        for split in [
            Split(tile: 1, visit: 1), Split(tile: 7, visit: 3, threads: 3),
            Split(tile: 20, visit: 6, isReversed: true),
            Split(visit: 2, threads: 2, isReversed: true),
        ] {
            let parts = try fits(model.options, covariates, split).map(\.row.bytes)
            #expect(parts == whole, "\(split)")
        }
    }

    private func values(_ name: String, _ row: PerturbationRow) -> [Double] {
        let schema = RowSchema.nbGLMFullDesign
        guard let layer = schema.pairLayers.first(where: { $0.name == name }),
            let range = schema.byteRange(ofPairLayer: name, geneCount: Self.sample.geneCount)
        else { return [] }
        return row.bytes[range].withUnsafeBytes { bytes in
            (0..<Self.sample.geneCount).map { gene in
                layer.type == .float32
                    ? Double(bytes.loadUnaligned(fromByteOffset: 4 * gene, as: Float.self))
                    : bytes.loadUnaligned(fromByteOffset: 8 * gene, as: Double.self)
            }
        }
    }

    @Test("of a comparison with a missing number fails, and no other does")
    func missingNumber() throws {
        var options = SampleScreen.options
        options.covariates = ["age"]
        let cell = try #require(Self.sample.groups.firstIndex(of: 2))
        let found = try fits(options, Self.covariates(["age"], missing: cell))
        #expect(found.map(\.fit.hasMissingNumber) == [false, true, false])
        let row = found[1].row
        #expect(values("pvalue", row).allSatisfy { $0.isNaN })
        #expect(values("intercept", row).allSatisfy { $0.isNaN })
        #expect(values("converged", row).allSatisfy { $0 == 0 })
        #expect(Set(values("iterations", row)).subtracting([0]) == [25])
        #expect(values("pts", row).contains { $0 > 0 })
        #expect(values("pvalue", found[0].row).contains { $0.isFinite })
        let cells = Self.sample.groups.indices.filter { Self.sample.groups[$0] == 0 }
        let inControl = try fits(options, Self.covariates(["age"], missing: cells[5]))
        #expect(inControl.allSatisfy { $0.fit.hasMissingNumber })
    }

    @Test("of a perturbation without a tested gene is empty")
    func nothingTested() throws {
        var options = SampleScreen.options
        options.useControlCache = false
        options.filter.minimumCellsExpressed = 10_000
        for scope in [AnalysisOptions.Scope.global, .perComparison] {
            options.sizeFactorScope = scope
            for (_, row) in try fits(options, Self.covariates([])) {
                for layer in ["pvalue", "dispersion", "dispersion_trend", "X"] {
                    #expect(values(layer, row).allSatisfy { $0.isNaN })
                }
                for layer in ["pts", "pts_rest", "iterations", "converged"] {
                    #expect(values(layer, row).allSatisfy { $0 == 0 })
                }
            }
        }
    }

    @Test("estimates size factors of its own as the formulas say", arguments: [false, true])
    func ownSizeFactors(_ hasPoorCell: Bool) throws {
        var sample = Self.sample
        if hasPoorCell {
            // One control cell expresses two genes, so that no more than those are everywhere.
            let cell = try #require(sample.groups.firstIndex(of: 0))
            sample.counts[cell] = (0..<sample.geneCount).map { $0 % 20 == 19 ? 3 : 0 }
        }
        let model = FullDesignCase(name: "", scope: .perComparison)
        let found = try fits(model.options, Self.covariates([]), sample: sample)
        for (index, (fit, _)) in found.enumerated() {
            let group = Int32(index + 1)
            let cells = sample.groups.indices.filter { [0, group].contains(sample.groups[$0]) }
            let counts = cells.map { sample.counts[$0] }
            let everywhere = counts[0].indices.count { gene in counts.allSatisfy { $0[gene] > 0 } }
            #expect((everywhere < 5) == hasPoorCell)
            let wanted = Self.factors(counts)
            let patterns = try #require(fit.model).patterns
            #expect(patterns.count == 2)
            for (pattern, member) in [(0, Int32(0)), (1, group)] {
                let own = zip(cells, wanted).filter { sample.groups[$0.0] == member }.map(\.1)
                let factors = patterns[pattern].cells.sizeFactors
                #expect(factors.count == own.count)
                for (one, other) in zip(factors, own.sorted(by: >)) {
                    #expect(abs(one - other) < 1e-13 * other)
                }
            }
        }
    }

    /// Median over a cell's nonzeros, or over five or more genes that every cell expresses, of count
    /// over geometric mean of the gene's nonzeros, scaled.
    private static func factors(_ counts: [[UInt32]]) -> [Double] {
        let genes = counts[0].indices
        let means = genes.map { gene -> Double in
            let logs = counts.map { $0[gene] }.filter { $0 > 0 }.map { log(Double($0)) }
            return exp(logs.reduce(0, +) / Double(logs.count))
        }
        let everywhere = genes.filter { gene in counts.allSatisfy { $0[gene] > 0 } }
        let used = everywhere.count >= 5 ? everywhere : Array(genes)
        let medians = counts.map { cell -> Double in
            let ratios = used.filter { cell[$0] > 0 }.map { Double(cell[$0]) / means[$0] }.sorted()
            let middle = ratios.count / 2
            return ratios.count % 2 == 1
                ? ratios[middle] : (ratios[middle - 1] + ratios[middle]) / 2
        }
        let scale = exp(medians.reduce(0) { $0 + log($1) } / Double(medians.count))
        return medians.map { $0 / scale }
    }

    @Test("stops its genes in batches that fit 100 MB")
    func batches() {
        #expect(FullDesignFit.batchSize(cells: 100, fittedGenes: 500) == 500)
        #expect(FullDesignFit.batchSize(cells: 100, fittedGenes: 10) == 256)
        #expect(FullDesignFit.batchSize(cells: 5000, fittedGenes: 2000) == 625)
        #expect(FullDesignFit.batchSize(cells: 20_000, fittedGenes: 2000) == 256)
        #expect(FullDesignFit.batchSize(cells: 8193, fittedGenes: 2000) == 381)
    }
}
