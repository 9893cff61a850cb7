package import CountBlocks

/// Tests perturbations against the control by Wilcoxon's rank-sum test (docs/numbers.md, E33).
package struct RankSumAnalysis: PhasedAnalysis {
    private let geneCount: Int
    private let options: AnalysisOptions
    private let testedSomewhere: [Double]

    /// Prepares tests with what ``RankSumStage`` froze.
    package init(cache: ControlCache, options: AnalysisOptions) {
        precondition(
            options.filter.minimumCellsExpressed <= 0 || cache.geneCount == 0
                || !cache[.testedSomewhere].isEmpty,
            "the number of expressing cells concerns all perturbations"
        )
        geneCount = cache.geneCount
        testedSomewhere = cache[.testedSomewhere]
        self.options = options
    }

    /// Sorts the control's values of some genes.
    ///
    /// - Parameters:
    ///   - genes: The tile's genes.
    ///   - segments: All control cells in file order; nonzeros of other genes are left out.
    /// - Returns: What every fit visits.
    package func makeTile(genes: Range<Int>, segments: [DecodedSegment]) -> RankSumTile {
        RankSumTile(
            genes: genes,
            values: segments.first?.kind == .float64Values
                ? .double(SortedControl(genes: genes, segments: segments))
                : .single(SortedControl(genes: genes, segments: segments))
        )
    }

    /// Regroups a perturbation's values by gene.
    ///
    /// - Parameters:
    ///   - perturbation: Position of the perturbation in the result.
    ///   - segments: The perturbation's cells in file order, at least one.
    /// - Returns: A fit whose only phase visits tiles.
    package func begin(perturbation: UInt32, segments: [DecodedSegment]) -> RankSumFit {
        RankSumFit(
            perturbation: perturbation,
            geneCount: geneCount,
            segments: segments,
            options: options,
            testedSomewhere: testedSomewhere
        )
    }

    /// Bytes of a tile, not counting the decoded cells it is made of.
    ///
    /// - Parameters:
    ///   - nonzeros: Nonzeros of the control in the tile's genes.
    ///   - genes: Genes of the tile.
    ///   - kind: Kind of the values.
    /// - Returns: Bytes, for a memory budget.
    package static func approximateTileBytes(
        nonzeros: Int,
        genes: Int,
        kind: SegmentHeader.Kind
    ) -> Int {
        nonzeros * keyBytes(kind) + genes * (8 + 128)
    }

    /// Bytes of a fit, not counting the decoded cells it is begun with, which it does not keep.
    ///
    /// - Parameters:
    ///   - nonzeros: Nonzeros of the perturbation.
    ///   - genes: Genes of the screen.
    ///   - kind: Kind of the values.
    /// - Returns: Bytes, for a memory budget.
    package static func approximateFitBytes(
        nonzeros: Int,
        genes: Int,
        kind: SegmentHeader.Kind
    ) -> Int {
        // Keys and their starts, the row's values, its bytes while they are put together.
        nonzeros * keyBytes(kind) + genes * (8 + 48 + 2 * 56)
    }

    private static func keyBytes(_ kind: SegmentHeader.Kind) -> Int {
        kind == .float64Values ? 8 : 4
    }
}
