package import CountBlocks

/// Tests perturbations against the control by Wilcoxon's rank-sum test (docs/numbers.md, E22).
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

    package func tileBytes(nonzeros: Int, genes: Int) -> Int {
        nonzeros * keyBytes + genes * (8 + 128)
    }

    package func fitBytes(nonzeros: Int, genes: Int) -> Int {
        // Keys and their starts, the row's values, its bytes while they are put together.
        nonzeros * keyBytes + genes * (8 + 48 + 2 * 56)
    }

    private var keyBytes: Int { options.values == .float64 ? 8 : 4 }
}
