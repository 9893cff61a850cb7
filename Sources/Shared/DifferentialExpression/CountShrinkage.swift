package import CountBlocks
import Statistics

/// The counts of some genes in one group of cells, as the likelihood of shrinkage needs them.
package struct LikelihoodCounts: Sendable {
    /// Points of the group's offsets.
    let nodes: OffsetNodes
    /// The genes' counts there.
    let counts: GroupCounts

    /// Gathers a group's counts.
    ///
    /// - Parameters:
    ///   - genes: The genes to hold.
    ///   - segments: All cells of the group in file order, at least with these genes.
    ///   - sizeFactors: By file row.
    ///   - isExact: Whether every cell is to be summed for itself, which a floor of means asks for.
    package init(
        genes: Range<Int>,
        segments: [DecodedSegment],
        sizeFactors: [Double],
        isExact: Bool
    ) {
        let factors = segments.flatMap { segment in
            segment.withCells { cells in cells.rows.map { sizeFactors[Int($0)] } }
        }
        let nodes = OffsetNodes(sizeFactors: factors, isExact: isExact)
        var counts = GroupCounts(genes: genes, nodes: nodes)
        var firstCell = 0
        for segment in segments {
            segment.withCells { cells in
                for cell in 0..<cells.rows.count {
                    counts.begin(cell: firstCell + cell, of: nodes)
                    for index in cells.starts[cell]..<cells.starts[cell + 1] {
                        counts.add(gene: Int(cells.genes[index]), count: cells.counts[index])
                    }
                }
                firstCell += cells.rows.count
            }
        }
        self.nodes = nodes
        self.counts = counts
    }
}

/// Shrinks one row gene by gene with the likelihood of control and perturbation.
///
/// Until a gene is visited its place holds the input's own values. A part of a fit: the fit visits every gene once with the control's counts, on any threads, and then
/// takes the row. After a fit of its own (`lfc_shrinkage_type` apeglm) the input holds the fitted
/// coefficients of all genes, (0, 0) for those that were not tested, and errors only of those that are
/// reported; the untested come out with a mode and an error wherever their dispersion is a number:
/// the published package's.
///
/// `@unchecked`: a visit writes to the places of its own genes alone.
package final class CountShrinkage: @unchecked Sendable {
    private let input: ShrinkageInput
    private let perturbed: LikelihoodCounts
    private let priorScale: Double
    private let minimumMean: Double
    private let effect: UnsafeMutableBufferPointer<Double>
    private let standardError: UnsafeMutableBufferPointer<Double>

    /// Prepares the shrinkage of one row.
    ///
    /// - Parameters:
    ///   - input: The fit's values of all genes.
    ///   - perturbed: Counts of all genes in the perturbation's cells.
    ///   - priorScale: The prior's scale, natural log; usually ``ShrinkageInput/priorScale``.
    ///   - minimumMean: Floor of fitted means; not positive for none.
    package init(
        input: ShrinkageInput,
        perturbed: LikelihoodCounts,
        priorScale: Double,
        minimumMean: Double = 0
    ) {
        self.input = input
        self.perturbed = perturbed
        self.priorScale = priorScale
        self.minimumMean = minimumMean
        effect = .allocate(capacity: input.geneCount)
        standardError = .allocate(capacity: input.geneCount)
        _ = effect.initialize(from: input.effect)
        _ = standardError.initialize(from: input.standardError)
    }

    deinit {
        effect.deallocate()
        standardError.deallocate()
    }

    /// Shrinks some genes.
    ///
    /// - Parameters:
    ///   - genes: The genes.
    ///   - control: Counts of at least these genes in the control cells.
    package func visit(genes: Range<Int>, control: LikelihoodCounts) {
        // A row whose cells are not in this file stays as it is.
        guard perturbed.nodes.count > 0 else { return }
        let shrinkage = TwoGroupShrinkage(
            control: control.nodes,
            perturbed: perturbed.nodes,
            priorScale: priorScale,
            minimumMean: minimumMean
        )
        shrinkage.shrink(
            genes: genes,
            control: control.counts,
            perturbed: perturbed.counts,
            earlier: input.fit
        ) { gene, shrunken in
            effect[gene] = shrunken.effect
            standardError[gene] = shrunken.standardError
        }
    }

    /// The row, once every gene has been visited.
    package var row: ShrunkenRow {
        ShrunkenRow(effect: Array(effect), standardError: Array(standardError))
    }
}
