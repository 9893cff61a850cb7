package import ComputeThreads
package import CountBlocks

/// Computes what belongs to the screen as a whole, in the way of the method that is asked for.
package struct FreezingStage {
    private let screen: ScreenCounts
    private let options: AnalysisOptions
    private let team: ThreadTeam
    private let memoryBytes: Int

    /// Prepares the stage.
    ///
    /// - Parameters:
    ///   - screen: The screen's blocks.
    ///   - options: Options that decide the numbers.
    ///   - team: Threads to compute with.
    ///   - memoryBytes: Budget for the control cells of a tile of genes.
    package init(
        screen: ScreenCounts,
        options: AnalysisOptions,
        team: ThreadTeam,
        memoryBytes: Int
    ) {
        self.screen = screen
        self.options = options
        self.team = team
        self.memoryBytes = memoryBytes
    }

    /// Runs the stage.
    ///
    /// - Parameters:
    ///   - tested: Groups that are tested.
    ///   - userSizeFactors: Factors by file row, used instead of estimates; nil to estimate.
    /// - Returns: The frozen values, with size factors where the method has them.
    /// - Throws: `CountBlockError` when a spilled block cannot be read back.
    package func run(
        tested: [Int],
        userSizeFactors: [Double]?
    ) throws(CountBlockError) -> GlobalResult {
        switch options.method {
        case .tTest:
            let stage = WelchStage(screen: screen, team: team)
            return GlobalResult(cache: try stage.run(), sizeFactors: [])
        case .wilcoxon:
            let stage = RankSumStage(screen: screen, options: options, team: team)
            return GlobalResult(cache: try stage.run(tested: tested), sizeFactors: [])
        case .nbGLM:
            let stage = GlobalStage(
                screen: screen,
                options: options,
                team: team,
                memoryBytes: memoryBytes
            )
            return try stage.run(userSizeFactors: userSizeFactors)
        case .shrinkage:
            var cache = ControlCache(geneCount: screen.geneCount)
            cache.controlCells = screen.controlCells.count
            return GlobalResult(cache: cache, sizeFactors: userSizeFactors ?? [])
        }
    }
}
