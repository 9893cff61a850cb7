package import ComputeThreads
package import CountBlocks

/// Freezes what the rank-sum test needs to know of the screen as a whole.
///
/// That is next to nothing, because the control's values come as tiles. But under a minimum number
/// of expressing cells the p-value of a gene that is not tested depends on whether any other
/// perturbation tests it, which no worker can know: the one pass over all tested perturbations is
/// made here.
package struct RankSumStage {
    private let screen: ScreenCounts
    private let options: AnalysisOptions
    private let team: ThreadTeam

    /// Prepares the stage.
    ///
    /// - Parameters:
    ///   - screen: The screen's blocks of expression values.
    ///   - options: Options that decide the numbers.
    ///   - team: Threads to compute with.
    package init(screen: ScreenCounts, options: AnalysisOptions, team: ThreadTeam) {
        self.screen = screen
        self.options = options
        self.team = team
    }

    /// Runs the stage.
    ///
    /// - Parameter tested: Groups that are tested; others have no influence.
    /// - Returns: A cache with the number of control cells and, under a minimum number of expressing
    ///   cells, which genes any perturbation tests.
    /// - Throws: `CountBlockError` when a spilled block cannot be read back.
    package func run(tested: [Int]) throws(CountBlockError) -> ControlCache {
        var cache = ControlCache(geneCount: screen.geneCount)
        cache.controlCells = screen.controlCells.count
        guard options.filter.minimumCellsExpressed > 0 else { return cache }
        switch screen.blocks.kind {
        case .float32Values: cache[.testedSomewhere] = try testedSomewhere(tested, Float.self)
        case .float64Values: cache[.testedSomewhere] = try testedSomewhere(tested, Double.self)
        case .integerCounts: preconditionFailure("the rank-sum test is not for counts")
        }
        return cache
    }

    private func testedSomewhere<Value: TestedValue>(
        _ tested: [Int],
        _: Value.Type
    ) throws(CountBlockError) -> [Double] {
        let sweep = GroupSweep(screen: screen, team: team)
        let cells = screen.controlCells.count
        let control = sweep.geneRanges.map { ExpressionMeans<Value>(genes: $0, cells: cells) }
        try sweep.visit(group: screen.controlGroup) { part, segment in control[part].add(segment) }
        let known = control.flatMap { part in part.genes.map { part.expression($0) } }
        let filter = Value.filter(options.filter)
        let failure = FirstFailure()
        let screen = screen
        // More shares than threads, because groups differ in size.
        let shares = (0..<min(4 * team.threadCount, tested.count)).map { _ in
            GeneMarks(geneCount: screen.geneCount)
        }
        team.forEach(shares.count) { share in
            failure.record { () throws(CountBlockError) in
                let slot = SweepSlot(width: 0)
                for index in stride(from: share, to: tested.count, by: shares.count) {
                    let group = tested[index]
                    let means = ExpressionMeans<Value>(
                        genes: 0..<screen.geneCount,
                        cells: Int(screen.blocks.blocks[group].cellCount)
                    )
                    for segment in 0..<screen.blocks.segmentCount(group) {
                        try slot.load(group, segment, screen)
                        means.add(slot.segment)
                    }
                    for gene in 0..<screen.geneCount where !shares[share].isMarked[gene] {
                        shares[share].isMarked[gene] = filter.admits(
                            control: known[gene],
                            perturbed: means.expression(gene)
                        )
                    }
                }
            }
        }
        try failure.rethrow()
        return (0..<screen.geneCount).map { gene in
            shares.contains { $0.isMarked[gene] } ? 1 : 0
        }
    }
}

/// Mean and number of expressing cells of one group, for some genes.
///
/// `@unchecked`: used by one thread at a time.
private final class ExpressionMeans<Value: TestedValue>: @unchecked Sendable {
    let genes: Range<Int>
    private let cells: Int
    private var sums: [Value]
    private var nonzeros: [UInt32]

    init(genes: Range<Int>, cells: Int) {
        self.genes = genes
        self.cells = cells
        sums = [Value](repeating: 0, count: genes.count)
        nonzeros = [UInt32](repeating: 0, count: genes.count)
    }

    /// Adds a segment's cells; segments come in file order.
    func add(_ segment: DecodedSegment) {
        let weight = Value(rounding: 1 / Double(cells))
        sums.withUnsafeMutableBufferPointer { sums in
            nonzeros.withUnsafeMutableBufferPointer { nonzeros in
                segment.withValues(of: Value.self) { segment in
                    for cell in 0..<segment.cellCount {
                        for index in segment.nonzeros(ofCell: cell, in: genes) {
                            let gene = Int(segment.genes[index]) - genes.lowerBound
                            sums[gene] += segment.values[index] * weight
                            nonzeros[gene] += 1
                        }
                    }
                }
            }
        }
    }

    func expression(_ gene: Int) -> ExpressionFilter.Expression {
        let place = gene - genes.lowerBound
        return .init(expressing: Int(nonzeros[place]), mean: sums[place].wide, cells: cells)
    }
}

/// One mark for each gene.
///
/// `@unchecked`: used by one thread at a time, and read after the barrier that ends the pass.
private final class GeneMarks: @unchecked Sendable {
    var isMarked: [Bool]

    init(geneCount: Int) { isMarked = [Bool](repeating: false, count: geneCount) }
}
