import AnnData
import ComputeThreads
import CountBlocks
import DifferentialExpression

/// The frozen-control GLM of one golden case: from the file to the rows, in one process.
struct FrozenRun: SharedDispersionRun {
    let genes: [String]
    let cache: ControlCache
    let sizeFactors: [Double]?
    let dispersions: ScreenDispersions
    let rows: [PerturbationRow]
    let schema = RowSchema.nbGLM

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
