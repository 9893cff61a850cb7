import AnnData
import ComputeThreads
import CountBlocks
import DifferentialExpression

/// The frozen-control GLM of one golden case: from the file to the rows, in one process.
struct FrozenRun: MethodRun {
    let genes: [String]
    let cache: ControlCache
    let sizeFactors: [Double]?
    let dispersions: ScreenDispersions
    let rows: [PerturbationRow]

    var rowCount: Int { rows.count }

    /// Runs a case the way coordinator and worker do it together.
    init(_ screen: GoldenScreen) throws {
        genes = try screen.geneNames()
        let blocks = try screen.countBlocks()
        let stage = GlobalStage(
            screen: ScreenCounts(
                blocks: blocks,
                geneCount: genes.count,
                groupOfCell: screen.labels.codes,
                controlGroup: try screen.group(screen.options.controlLabel)
            ),
            options: screen.options,
            team: ThreadTeam(threadCount: 2),
            memoryBytes: 1 << 24
        )
        let result = try stage.run(userSizeFactors: screen.givenSizeFactors())
        // A worker has only what survives the way through bytes.
        cache = try ControlCache(bytes: result.cache.encoded())
        sizeFactors = result.sizeFactors
        dispersions = try stage.dispersions(sizeFactors: result.sizeFactors)
        let analysis = FrozenAnalysis(cache: cache, options: screen.options)
        rows = try screen.tested().enumerated().map { index, label in
            let segments = try blocks.segments(ofGroup: screen.group(label))
            return analysis.fit(
                perturbation: UInt32(index),
                segments: segments,
                sizeFactors: segments.sizeFactors(outOf: result.sizeFactors)
            )
        }
    }

    func values(ofLayer name: String, row: Int) throws -> [Double] {
        let schema = RowSchema.nbGLM
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
        case "control_weight": cache[.controlWeight]
        case "control_mean": cache[.controlMean]
        case "control_expressing": cache[.controlExpressing]
        case "mean": dispersions.means
        case "dispersion_moments": dispersions.own
        case "dispersion": cache[.dispersion]
        case "dispersion_trend": cache[.dispersionTrend]
        default: nil
        }
    }
}
