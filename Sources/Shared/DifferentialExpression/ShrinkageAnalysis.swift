package import CountBlocks
import Statistics
import Synchronization

/// Shrinks the rows of an earlier result with the likelihood of the counts (method `full`).
///
/// A perturbation comes with its row of the earlier result. The design is an intercept and the
/// perturbation's indicator, whatever the earlier fit had: the published package's.
package struct ShrinkageAnalysis: PhasedAnalysis {
    private let geneCount: Int
    private let options: AnalysisOptions
    private let sizeFactors: [Double]
    private let controlCells = ControlCells()

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

    package func tileBytes(nonzeros: Int, genes: Int) -> Int { 20 * nonzeros + 900 * genes }

    package func fitBytes(nonzeros: Int, genes: Int) -> Int { 20 * nonzeros + 300 * genes }

    /// The control's counts of some genes.
    package struct Tile: Sendable {
        let control: GroupCells
        let counts: MeasuredCounts
    }

    /// Regroups the control's counts of some genes.
    package func makeTile(genes: Range<Int>, segments: [DecodedSegment]) -> Tile {
        let control = controlCells.gathered(segments, sizeFactors)
        return Tile(control: control, counts: control.counts(of: genes, in: segments))
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
        let group = GroupCells(segments: segments, sizeFactors: sizeFactors)
        return ShrinkageFit(
            perturbation: perturbation,
            shrinkage: CountShrinkage(
                input: input,
                group: group,
                counts: group.counts(of: 0..<geneCount, in: segments),
                priorScale: options.priorScale,
                minimumMean: options.minimumMean
            ),
            base: options.foldChangeBase
        )
    }
}

/// The control cells, gathered once from whichever tile comes first.
private final class ControlCells: Sendable {
    private let cells = Mutex<GroupCells?>(nil)

    func gathered(_ segments: [DecodedSegment], _ sizeFactors: [Double]) -> GroupCells {
        cells.withLock { known in
            if let known { return known }
            let cells = GroupCells(segments: segments, sizeFactors: sizeFactors)
            known = cells
            return cells
        }
    }
}

/// The shrinkage of one row.
package final class ShrinkageFit: PhasedFit {
    /// The control's counts of some genes.
    package typealias Tile = ShrinkageAnalysis.Tile

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
    package func visit(genes: Range<Int>, of tile: ShrinkageAnalysis.Tile) {
        shrinkage.visit(genes: genes, control: tile.control, controlCounts: tile.counts)
    }

    /// Ends the only phase with the row.
    package func endPhase() -> PerturbationRow? {
        shrinkage.row.row(perturbation: perturbation, base: base)
    }
}
