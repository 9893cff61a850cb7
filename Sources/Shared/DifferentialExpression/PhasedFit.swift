package import CountBlocks

/// What a phase of a fit reads of the control cells.
package enum ControlNeed: Sendable, Equatable {
    /// Nothing: the phase works on the perturbation's own cells and what was frozen.
    case nothing
    /// The control cells' values of every gene, prepared tile by tile.
    case geneTiles
    /// The control cells one after the other, with all their genes.
    case cells
}

/// The fit of one perturbation, in phases between which all genes wait for one another.
///
/// Whoever drives a fit visits every gene exactly once in each phase (for ``ControlNeed/cells``:
/// every segment of the control's block), in any order, split in any way and on any threads at once,
/// then ends the phase. Nothing of the result may depend on order or split: a visit writes only to
/// places that its genes (or cells) own, and what concerns several genes is computed in
/// ``endPhase()``.
package protocol PhasedFit: AnyObject, Sendable {
    /// Control values of a range of genes, prepared once for all fits of a process.
    associatedtype Tile: Sendable

    /// What the present phase reads of the control cells.
    var need: ControlNeed { get }

    /// Does the present phase's work for some genes, in a phase that needs nothing of the control.
    func visit(genes: Range<Int>)

    /// Does the present phase's work for some genes of a tile.
    func visit(genes: Range<Int>, of tile: Tile)

    /// Does the present phase's work for some control cells.
    ///
    /// - Parameters:
    ///   - cells: One segment of the control's block.
    ///   - firstCell: Position of its first cell among the control cells, in file order.
    func visit(cells: DecodedSegment, firstCell: Int)

    /// Ends the phase.
    ///
    /// - Returns: The finished row, or nil when another phase begins.
    func endPhase() -> PerturbationRow?
}

extension PhasedFit {
    /// No phase of most fits works without control values.
    package func visit(genes: Range<Int>) {
        preconditionFailure("this fit has no phase without control values")
    }

    /// No phase of most fits reads whole control cells.
    package func visit(cells: DecodedSegment, firstCell: Int) {
        preconditionFailure("this fit has no phase that reads whole cells")
    }
}

/// An analysis whose fits read control cells: makes tiles and begins fits.
package protocol PhasedAnalysis: Sendable {
    /// The fit of one perturbation.
    associatedtype Fit: PhasedFit

    /// About the bytes that a prepared tile takes, the control's own arrays not included.
    ///
    /// - Parameters:
    ///   - nonzeros: Nonzeros of the tile's genes over all control cells.
    ///   - genes: Genes of the tile.
    /// - Returns: The estimate, for a memory budget.
    func tileBytes(nonzeros: Int, genes: Int) -> Int

    /// About the bytes that a fit takes beside its decoded cells.
    ///
    /// - Parameters:
    ///   - nonzeros: Nonzeros of the perturbation's cells.
    ///   - genes: Genes of the screen.
    /// - Returns: The estimate, for a memory budget.
    func fitBytes(nonzeros: Int, genes: Int) -> Int

    /// Prepares the control values of some genes for all fits of the process.
    ///
    /// - Parameters:
    ///   - genes: The tile's genes.
    ///   - segments: All control cells in file order, holding nonzeros of these genes alone.
    /// - Returns: What every fit visits.
    func makeTile(genes: Range<Int>, segments: [DecodedSegment]) -> Fit.Tile

    /// Begins the fit of one perturbation.
    ///
    /// - Parameters:
    ///   - perturbation: Position of the perturbation in the result.
    ///   - segments: The perturbation's cells in file order.
    /// - Returns: A fit in its first phase.
    func begin(perturbation: UInt32, segments: [DecodedSegment]) -> Fit

    /// Begins the fit of one perturbation that starts from what came with it.
    ///
    /// - Parameters:
    ///   - perturbation: Position of the perturbation in the result.
    ///   - segments: The perturbation's cells in file order.
    ///   - inputs: What the coordinator sends beside the cells, in the analysis' own encoding.
    /// - Returns: A fit in its first phase.
    /// - Throws: `FitInputError` when the analysis cannot read the inputs.
    func begin(
        perturbation: UInt32,
        segments: [DecodedSegment],
        inputs: [UInt8]
    ) throws(FitInputError) -> Fit
}

extension PhasedAnalysis {
    /// Most analyses need nothing beside the cells and refuse it.
    package func begin(
        perturbation: UInt32,
        segments: [DecodedSegment],
        inputs: [UInt8]
    ) throws(FitInputError) -> Fit {
        guard inputs.isEmpty else { throw .wrongLength(found: inputs.count, expected: 0) }
        return begin(perturbation: perturbation, segments: segments)
    }
}

/// Why the bytes that came with a perturbation do not serve its fit.
package enum FitInputError: Error, Equatable, Sendable, CustomStringConvertible {
    /// Not as many bytes as the analysis takes.
    case wrongLength(found: Int, expected: Int)

    /// What is wrong, for a person.
    package var description: String {
        switch self {
        case .wrongLength(let found, let expected):
            "inputs of a fit: \(found) bytes, not \(expected); coordinator and worker differ"
        }
    }
}
