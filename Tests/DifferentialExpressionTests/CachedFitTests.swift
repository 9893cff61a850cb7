import ComputeThreads
import CountBlocks
import DifferentialExpression
import Foundation
import Statistics
import Testing

/// Rows of the cached fit for a sample screen.
private struct CachedSample {
    let sample: SampleScreen
    let screen: ScreenCounts
    let options: AnalysisOptions
    let result: GlobalResult
    let analysis: CachedAnalysis
    let driver: PhasedDriver

    init(_ sample: SampleScreen, _ change: (inout AnalysisOptions) -> Void) throws {
        self.sample = sample
        screen = try sample.screen()
        var options = SampleScreen.options
        options.freezeControl = false
        change(&options)
        self.options = options
        result = try GlobalStage(
            screen: screen,
            options: options,
            team: ThreadTeam(threadCount: 1),
            memoryBytes: 1 << 24
        ).run(userSizeFactors: nil)
        analysis = CachedAnalysis(
            cache: result.cache,
            options: options,
            sizeFactors: result.sizeFactors
        )
        driver = PhasedDriver(geneCount: sample.geneCount)
    }

    func row(_ group: Int) throws -> PerturbationRow {
        try driver.row(analysis, group: group, of: screen)
    }

    func layer(_ name: String, _ row: PerturbationRow) -> [Double] {
        let genes = sample.geneCount
        guard let range = options.rowSchema.byteRange(ofPairLayer: name, geneCount: genes) else {
            return []
        }
        return row.bytes[range].withUnsafeBytes { bytes in
            (0..<genes).map { gene in
                range.count == 8 * genes
                    ? bytes.loadUnaligned(fromByteOffset: 8 * gene, as: Double.self)
                    : Double(bytes.loadUnaligned(fromByteOffset: 4 * gene, as: Float.self))
            }
        }
    }
}

/// The fit of one gene, cell by cell with the system's functions.
private struct DirectFit {
    var intercept: Double
    var effect = 0.0
    var dispersion: Double
    var iterations = 0
    var convergedAt: Int?
    let control: [(offset: Double, count: Double)]
    let group: [(offset: Double, count: Double)]
    let minimum: Double

    mutating func step() {
        var (a, b, y0, y1, d) = (1e-6, 0.0, 0.0, 0.0, 0.0)
        for (cells, predictor, isGroup) in [
            (control, intercept, false), (group, intercept + effect, true),
        ] {
            for cell in cells {
                let eta = min(max(predictor + cell.offset, log(minimum)), 20)
                let mu = max(exp(eta), minimum)
                let weight = mu * mu / max(mu + dispersion * mu * mu, minimum)
                let response = eta + (cell.count - mu) / mu - cell.offset
                let residual = cell.count - mu
                a += weight
                y0 += weight * response
                if isGroup {
                    b += weight
                    y1 += weight * response
                }
                d += (residual * residual - cell.count) / max(mu * mu, minimum)
            }
        }
        let determinant = a * (b + 1e-6) - b * b
        let next = (((b + 1e-6) * y0 - b * y1) / determinant, (a * y1 - b * y0) / determinant)
        iterations += 1
        let change = max((next.0 - intercept).magnitude, (next.1 - effect).magnitude)
        if convergedAt == nil, change < 1e-6 { convergedAt = iterations }
        (intercept, effect) = next
        dispersion = min(max(d / Double(control.count + group.count - 2), 1e-8), 1e6)
    }
}

@Suite("Cached fits")
struct CachedFitTests {
    private static let sample = SampleScreen(
        sizes: [1300, 170, 40, 7, 1],
        geneCount: 37,
        seed: 11
    )

    @Test("a row is the joint iteration of all its genes, cell by cell")
    func directly() throws {
        let run = try CachedSample(Self.sample) { _ in }
        for group in [1, 3] {
            let row = try run.row(group)
            let intercept = run.result.cache[.intercept]
            let dispersion = run.result.cache[.controlDispersion]
            func cells(_ wanted: Int, _ gene: Int) -> [(offset: Double, count: Double)] {
                run.sample.groups.indices.filter { run.sample.groups[$0] == wanted }.map {
                    (log(run.result.sizeFactors[$0]), Double(run.sample.counts[$0][gene]))
                }
            }
            let isTested = run.layer("converged", row).map { $0 > 0 }
            var fits = (0..<37).map { gene in
                DirectFit(
                    intercept: intercept[gene],
                    dispersion: dispersion[gene],
                    control: cells(0, gene),
                    group: cells(group, gene),
                    minimum: 0.5
                )
            }
            var steps = 0
            while steps < 25 {
                for gene in fits.indices where isTested[gene] { fits[gene].step() }
                steps += 1
                if fits.indices.allSatisfy({ !isTested[$0] || fits[$0].convergedAt != nil }) {
                    break
                }
            }
            let effects = run.layer("logfoldchange_raw_ln", row)
            let errors = run.layer("standard_error_ln", row)
            let iterations = run.layer("iterations", row)
            var different = Set<Double>()
            for gene in fits.indices where isTested[gene] {
                let fit = fits[gene]
                #expect((fit.effect - effects[gene]).magnitude < 1e-11)
                #expect((fit.intercept - run.layer("intercept", row)[gene]).magnitude < 1e-11)
                #expect(Double((fit.convergedAt ?? 0) - 1) == iterations[gene])
                different.insert(iterations[gene])
                // With unclamped means and the gene's global dispersion.
                let alpha = run.result.cache.dispersion[gene]
                func weight(_ cells: [(offset: Double, count: Double)], _ b: Double) -> Double {
                    cells.reduce(0) { $0 + 1 / (exp(-b - $1.offset) + alpha) }
                }
                let control = weight(fit.control, fit.intercept)
                let own = weight(fit.group, fit.intercept + fit.effect)
                let expected = (1 / control + 1 / own).squareRoot()
                #expect((expected - errors[gene]).magnitude < 1e-5 * expected)
            }
            #expect(isTested.contains(true) && different.count > 2)
        }
    }

    @Test(
        "same bits for any split of genes into tiles and visits, in any order, on any threads",
        arguments: ["global", "posterior", "empirical Bayes", "none"]
    )
    func sameBits(_ kind: String) throws {
        let run = try CachedSample(Self.sample) { options in
            switch kind {
            case "posterior": options.dispersionScope = .perComparison
            case "empirical Bayes": options.useMAPDispersion = false
            case "none": options.shrinkDispersion = false
            default: break
            }
        }
        for group in 1...4 {
            let whole = try run.row(group)
            #expect(whole.bytes.count == run.options.rowSchema.rowByteCount(geneCount: 37))
            for (tileGenes, visitGenes, threads) in [(1, 1, 1), (7, 3, 2), (20, 20, 1), (37, 5, 3)]
            {
                var driver = run.driver
                driver.tileGenes = tileGenes
                driver.visitGenes = visitGenes
                driver.threads = threads
                driver.isReversed = tileGenes == 7
                // A fresh analysis: its first tile is another one.
                let analysis = CachedAnalysis(
                    cache: run.result.cache,
                    options: run.options,
                    sizeFactors: run.result.sizeFactors
                )
                let row = try driver.row(analysis, group: group, of: run.screen)
                #expect(row.bytes == whole.bytes, "group \(group), tiles of \(tileGenes)")
            }
        }
    }

    @Test("global quantities are frozen only where they are used")
    func frozenQuantities() throws {
        let global = try CachedSample(Self.sample) { _ in }
        #expect(global.result.cache.quantities.contains(.dispersion))
        let own = try CachedSample(Self.sample) { $0.dispersionScope = .perComparison }
        #expect(!own.result.cache.quantities.contains(.dispersion))
        #expect(own.result.cache[.intercept] == global.result.cache[.intercept])
    }

    @Test("control means of a sparse control are means of counts over the mean size factor")
    func sparseControlMeans() throws {
        // Nine of ten genes without a count.
        var sparse = Self.sample
        for cell in sparse.counts.indices {
            for gene in 0..<37 where gene % 10 != 9 { sparse.counts[cell][gene] = 0 }
        }
        let cells = sparse.groups.indices.filter { sparse.groups[$0] == 0 }
        let cached = try CachedSample(sparse) { _ in }
        let frozen = try CachedSample(sparse) { $0.freezeControl = true }
        let factors = cells.map { cached.result.sizeFactors[$0] }
        for gene in [9, 19, 29] {
            let counts = cells.map { Double(sparse.counts[$0][gene]) }
            let ofRatios = zip(counts, factors).reduce(0) { $0 + $1.0 / $1.1 } / Double(cells.count)
            let ratio = counts.reduce(0, +) / factors.reduce(0, +)
            #expect((cached.result.cache[.controlMean][gene] - ratio).magnitude < 1e-12 * ratio)
            #expect((frozen.result.cache[.controlMean][gene] - ofRatios).magnitude < 1e-12 * ratio)
            #expect((ratio - ofRatios).magnitude > 1e-6 * ratio)
        }
        let dense = try CachedSample(Self.sample) { _ in }
        let mean = cells.reduce(0.0) {
            $0 + Double(Self.sample.counts[$1][30]) / dense.result.sizeFactors[$1]
        }
        let expected = mean / Double(cells.count)
        #expect((dense.result.cache[.controlMean][30] - expected).magnitude < 1e-12 * expected)
    }

    @Test("without a tested gene nothing has a dispersion, and shares stay")
    func untestedRow() throws {
        let run = try CachedSample(Self.sample) { options in
            options.dispersionScope = .perComparison
            options.filter.minimumCellsExpressed = 1341
        }
        let row = try run.row(2)
        for name in ["dispersion", "dispersion_raw", "dispersion_trend", "z_score", "intercept"] {
            #expect(run.layer(name, row).allSatisfy { $0.isNaN }, "\(name)")
        }
        #expect(run.layer("converged", row).allSatisfy { $0 == 0 })
    }

    @Test("the two standard errors differ by the ridge alone")
    func standardErrors() throws {
        let sandwich = try CachedSample(Self.sample) { _ in }
        let fisher = try CachedSample(Self.sample) { $0.standardErrorMethod = .fisher }
        let ours = try sandwich.layer("standard_error", sandwich.row(1))
        let other = try fisher.layer("standard_error", fisher.row(1))
        #expect(zip(ours, other).contains { $0 != $1 && !$0.isNaN })
        for (a, b) in zip(ours, other) where !a.isNaN { #expect((a - b).magnitude < 1e-5 * a) }
    }

    @Test("the estimate of a tile's bytes is near what it holds")
    func tileBytes() throws {
        let run = try CachedSample(Self.sample) { _ in }
        let control = try PhasedDriver.segments(of: 0, run.screen)
        let nonzeros = control.reduce(0) { $0 + $1.nonzeroCount }
        let group = GroupOffsets(
            sizeFactors: control.flatMap { segment in
                segment.withCells { cells in cells.rows.map { run.result.sizeFactors[Int($0)] } }
            }
        )
        let exact = MeasuredCounts.approximateBytes(
            nonzeros: nonzeros,
            genes: 37,
            nodes: SizeFactorNodes(group: group)
        )
        let estimate = run.analysis.tileBytes(nonzeros: nonzeros, genes: 37)
        #expect(estimate >= exact && estimate < 3 * exact)
    }
}
