import AnnData
import ComputeThreads
import CountBlocks
import DifferentialExpression

/// The cached-control GLM of one golden case: from the file to the rows, in one process.
struct CachedRun: SharedDispersionRun {
    let genes: [String]
    let cache: ControlCache
    let sizeFactors: [Double]?
    let schema: RowSchema
    let rows: [PerturbationRow]

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
