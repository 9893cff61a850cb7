package import CountBlocks
import Statistics

/// Shrinks the rows of an earlier result with the likelihood of the counts (method `full`).
///
/// A perturbation comes with its row of the earlier result. The design is an intercept and the
/// perturbation's indicator, whatever the earlier fit had: the published package's.
package struct ShrinkageAnalysis: PhasedAnalysis {
    private let geneCount: Int
    private let options: AnalysisOptions
    private let sizeFactors: [Double]

    /// Prepares fits.
    ///
    /// - Parameters:
    ///   - cache: Gives the number of genes.
    ///   - options: The prior's scale, the floor of fitted means, the unit of fold changes.
    ///   - sizeFactors: Those of the earlier result, positive and finite, by file row.
    package init(cache: ControlCache, options: AnalysisOptions, sizeFactors: [Double]) {
        geneCount = cache.geneCount
        self.options = options
        self.sizeFactors = sizeFactors
    }

    /// Sums the counts of some genes at the points of the control's offsets.
    package func makeTile(genes: Range<Int>, segments: [DecodedSegment]) -> LikelihoodCounts {
        LikelihoodCounts(
            genes: genes,
            segments: segments,
            sizeFactors: sizeFactors,
            isExact: options.minimumMean > 0
        )
    }

    /// Cannot be: every fit starts from the row that comes with it.
    package func begin(perturbation: UInt32, segments: [DecodedSegment]) -> ShrinkageFit {
        preconditionFailure("shrinkage starts from an earlier row")
    }

    /// Begins the shrinkage of one row.
    ///
    /// - Parameters:
    ///   - perturbation: Position of the perturbation in the result.
    ///   - segments: The perturbation's cells in file order.
    ///   - inputs: An encoded ``ShrinkageInput``.
    /// - Returns: A fit of one phase.
    /// - Throws: `FitInputError` when the inputs are not of this screen's genes.
    package func begin(
        perturbation: UInt32,
        segments: [DecodedSegment],
        inputs: [UInt8]
    ) throws(FitInputError) -> ShrinkageFit {
        let input = try ShrinkageInput(bytes: inputs, geneCount: geneCount)
        let counts = LikelihoodCounts(
            genes: 0..<geneCount,
            segments: segments,
            sizeFactors: sizeFactors,
            isExact: options.minimumMean > 0
        )
        return ShrinkageFit(
            perturbation: perturbation,
            shrinkage: CountShrinkage(
                input: input,
                perturbed: counts,
                priorScale: options.priorScale ?? input.priorScale,
                minimumMean: options.minimumMean
            ),
            base: options.foldChangeBase
        )
    }
}

/// The shrinkage of one row.
package final class ShrinkageFit: PhasedFit {
    private let perturbation: UInt32
    private let shrinkage: CountShrinkage
    private let base: AnalysisOptions.FoldChangeBase

    init(perturbation: UInt32, shrinkage: CountShrinkage, base: AnalysisOptions.FoldChangeBase) {
        self.perturbation = perturbation
        self.shrinkage = shrinkage
        self.base = base
    }

    /// The only phase reads the control's counts.
    package var need: ControlNeed { .geneTiles }

    /// Shrinks some genes.
    package func visit(genes: Range<Int>, of tile: LikelihoodCounts) {
        shrinkage.visit(genes: genes, control: tile)
    }

    /// Ends the only phase with the row.
    package func endPhase() -> PerturbationRow? {
        shrinkage.row.row(perturbation: perturbation, base: base)
    }
}
