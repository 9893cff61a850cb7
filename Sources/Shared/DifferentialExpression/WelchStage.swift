package import ComputeThreads
package import CountBlocks
import Statistics

/// Freezes what the t-test needs to know of the control.
package struct WelchStage {
    private let screen: ScreenCounts
    private let team: ThreadTeam

    /// Prepares the stage.
    ///
    /// - Parameters:
    ///   - screen: The screen's blocks of expression values.
    ///   - team: Threads to compute with.
    package init(screen: ScreenCounts, team: ThreadTeam) {
        self.screen = screen
        self.team = team
    }

    /// Reads the control's block once.
    ///
    /// - Returns: A cache with mean, variance and number of expressing cells of each gene.
    /// - Throws: `CountBlockError` when a spilled block cannot be read back.
    package func run() throws(CountBlockError) -> ControlCache {
        switch screen.blocks.kind {
        case .float32Values: try run(Float.self)
        case .float64Values: try run(Double.self)
        case .integerCounts: preconditionFailure("the t-test is not for counts")
        }
    }

    private func run<Value: TestedValue>(_: Value.Type) throws(CountBlockError) -> ControlCache {
        let chunks = SumChunks(groupOfCell: screen.groupOfCell)
        let sweep = GroupSweep(screen: screen, team: team)
        let parts = sweep.geneRanges.map { ExpressionSums<Value>(genes: $0, chunks: chunks) }
        try sweep.visit(group: screen.controlGroup) { part, segment in parts[part].add(segment) }
        var cache = ControlCache(geneCount: screen.geneCount)
        cache.controlCells = parts.first?.cells ?? 0
        cache.sumChunks = chunks
        var (means, variances, expressing): ([Double], [Double], [Double]) = ([], [], [])
        for part in parts {
            part.finish()
            for gene in part.genes {
                let group = WelchTest.Group(
                    cells: Double(part.cells),
                    sum: part.sum(gene),
                    squares: part.squares(gene)
                )
                means.append(group.mean)
                variances.append(group.variance)
                expressing.append(Double(part.expressing(gene)))
            }
        }
        cache[.controlMean] = means
        cache[.controlVariance] = variances
        cache[.controlExpressing] = expressing
        return cache
    }
}
