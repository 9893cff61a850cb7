import Statistics

/// Shrinks one row gene by gene with the likelihood of control and perturbation.
///
/// A part of a fit: the fit visits every gene once with the control's counts, on any threads, and then
/// takes the row; until a gene is visited its place holds the input's own values. After a fit of its
/// own (`lfc_shrinkage_type` apeglm) the input holds the fitted coefficients of all genes, (0, 0) for
/// those that were not tested, and errors only of those that are reported; the untested come out
/// with a mode and an error wherever their dispersion is a number: the published package's.
///
/// `@unchecked`: a visit writes to the places of its own genes alone.
final class CountShrinkage: @unchecked Sendable {
    private let input: ShrinkageInput
    private let group: GroupCells
    private let counts: MeasuredCounts
    private let priorScale: Double
    private let minimumMean: Double
    private let effect: UnsafeMutableBufferPointer<Double>
    private let standardError: UnsafeMutableBufferPointer<Double>

    /// Prepares the shrinkage of one row.
    ///
    /// - Parameters:
    ///   - input: The fit's values of all genes.
    ///   - group: The perturbation's cells.
    ///   - counts: Their counts of all genes.
    ///   - priorScale: The prior's scale, natural log; nil for this row's own.
    ///   - minimumMean: Floor of fitted means; not positive for none.
    init(
        input: ShrinkageInput,
        group: GroupCells,
        counts: MeasuredCounts,
        priorScale: Double? = nil,
        minimumMean: Double = 0
    ) {
        self.input = input
        self.group = group
        self.counts = counts
        self.priorScale = priorScale ?? input.priorScale
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
    ///   - control: The control cells.
    ///   - controlCounts: Counts of at least these genes there.
    func visit(genes: Range<Int>, control: GroupCells, controlCounts: MeasuredCounts) {
        // A row whose cells are not in this file stays as it is.
        guard group.count > 0 else { return }
        let shrinkage = TwoGroupShrinkage(
            control: control.part,
            perturbed: group.part,
            priorScale: priorScale,
            minimumMean: minimumMean
        )
        var scratch = shrinkage.makeScratch()
        for gene in genes {
            let shrunken = controlCounts.withGene(gene) { control in
                counts.withGene(gene) { own in
                    shrinkage.shrink(
                        control: control,
                        perturbed: own,
                        earlier: input.fit(gene),
                        scratch: &scratch
                    )
                }
            }
            effect[gene] = shrunken.effect
            standardError[gene] = shrunken.standardError
        }
    }

    /// The row, once every gene has been visited.
    var row: ShrunkenRow {
        ShrunkenRow(effect: Array(effect), standardError: Array(standardError))
    }
}

extension GroupCells {
    /// The group as shrinkage takes it.
    var part: TwoGroupShrinkage.GroupPart {
        TwoGroupShrinkage.GroupPart(offsets: offsets, nodes: nodes)
    }
}
