import AnnData
import ComputeThreads
import CountBlocks
import DifferentialExpression

/// The cached-control GLM of one golden case: from the file to the rows, in one process.
struct CachedRun: MethodRun {
    let genes: [String]
    let cache: ControlCache
    let sizeFactors: [Double]?
    private let schema: RowSchema
    private let rows: [PerturbationRow]

    var rowCount: Int { rows.count }

    /// Runs a case the way coordinator and worker do it together.
    init(_ screen: GoldenScreen) throws {
        let genes = try screen.geneNames()
        self.genes = genes
        schema = screen.options.rowSchema
        let blocks = try screen.countBlocks()
        let control = try screen.group(screen.options.controlLabel)
        let stage = GlobalStage(
            screen: ScreenCounts(
                blocks: blocks,
                geneCount: genes.count,
                groupOfCell: screen.labels.codes,
                controlGroup: control
            ),
            options: screen.options,
            team: ThreadTeam(threadCount: 2),
            memoryBytes: 1 << 24
        )
        // Other sources of size factors are not this path's: the reference's are taken.
        let isEstimated = screen.options.sizeFactorSource == .sparse
        let given =
            isEstimated
            ? nil : try screen.golden.array("size_factors", of: screen.testCase).values
        let result = try stage.run(userSizeFactors: given)
        cache = try ControlCache(bytes: result.cache.encoded())
        sizeFactors = isEstimated ? result.sizeFactors : nil
        let analysis = CachedAnalysis(
            cache: cache,
            options: screen.options,
            sizeFactors: result.sizeFactors
        )
        let tile = analysis.makeTile(
            genes: 0..<genes.count,
            segments: try blocks.segments(ofGroup: control)
        )
        rows = try screen.tested().enumerated().map { index, label in
            let fit = analysis.begin(
                perturbation: UInt32(index),
                segments: try blocks.segments(ofGroup: screen.group(label))
            )
            while true {
                fit.visit(genes: 0..<genes.count, of: tile)
                if let row = fit.endPhase() { return row }
            }
        }
    }

    func values(ofLayer name: String, row: Int) throws -> [Double] {
        guard let layer = schema.layers.first(where: { $0.name == name }) else {
            throw GoldenError.missing(name)
        }
        let bytes = rows[row].bytes
        if layer.scope == .perPair {
            return try schema.values(ofLayer: name, in: bytes, geneCount: genes.count)
        }
        if name == "pts_rest" { return genes.indices.map { Double(cache.controlShare($0)) } }
        // The reference reports no dispersion for a perturbation without a tested gene; the
        // coordinator takes these layers out of such rows when it publishes.
        let isTested = try ["iterations", "converged"].contains { flag in
            try schema.values(ofLayer: flag, in: bytes, geneCount: genes.count).contains { $0 > 0 }
        }
        guard isTested else { return [Double](repeating: .nan, count: genes.count) }
        return name == "dispersion_trend" ? cache[.dispersionTrend] : cache[.dispersion]
    }

    func stage(_ name: String) throws -> [Double]? {
        switch name {
        case "control_intercept": cache[.intercept]
        case "control_dispersion": cache[.controlDispersion]
        case "control_mean": cache[.controlMean]
        case "control_expressing": cache[.controlExpressing]
        default: nil
        }
    }
}
