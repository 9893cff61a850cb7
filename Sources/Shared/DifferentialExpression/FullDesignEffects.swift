import Statistics

/// Shrinks the effects of a full-design fit with the likelihood of the same design and offsets.
///
/// All coefficients but the effect's have a wide normal prior. Genes that are not reported have no
/// coefficients: they come out without an effect but with an error of 1, the published package's.
///
/// `@unchecked`: a visit writes to the places of its own genes alone.
final class FullDesignEffects: @unchecked Sendable {
    /// Nil where the design has more columns than can be shrunk.
    private let shrinkage: DesignShrinkage?
    private let fits: [EarlierFit]
    private let controlCells: Int
    private let effect: UnsafeMutableBufferPointer<Double>
    private let standardError: UnsafeMutableBufferPointer<Double>

    /// Prepares the shrinkage of one row.
    ///
    /// - Parameters:
    ///   - sides: The model that was fitted.
    ///   - fits: What was fitted for each gene, by fitted column; shape `[genes]`.
    init(sides: FullDesignComparison.Sides, fits: [EarlierFit]) {
        self.fits = fits
        controlCells = sides.control.patterns.cellCount
        let columns = sides.model.fittedColumns.count
        if columns <= DesignShrinkage.columnLimit {
            let cells = DesignCells(sides)
            shrinkage = DesignShrinkage(
                rows: cells.rows,
                columns: columns,
                shrunken: 1,
                sizeFactors: cells.sizeFactors,
                priorScale: PriorScale.estimate(
                    effects: fits.map { $0.coefficients[1] },
                    errors: fits.map(\.standardError)
                )
            )
        } else {
            shrinkage = nil
        }
        effect = .allocate(capacity: fits.count)
        standardError = .allocate(capacity: fits.count)
        effect.initialize(repeating: .nan)
        standardError.initialize(repeating: .nan)
    }

    deinit {
        effect.deallocate()
        standardError.deallocate()
    }

    /// Shrinks some genes.
    ///
    /// - Parameters:
    ///   - genes: The genes.
    ///   - control: Counts of the control cells, by place in file order.
    ///   - perturbed: Counts of the perturbation's cells, likewise.
    func visit(genes: Range<Int>, control: GeneMajorCounts, perturbed: GeneMajorCounts) {
        guard let shrinkage else { return }
        var scratch = shrinkage.makeScratch()
        for gene in genes {
            let shrunken = control.withGene(gene) { control in
                perturbed.withGene(gene) { perturbed in
                    shrinkage.shrink(
                        parts: [(0, control), (controlCells, perturbed)],
                        earlier: fits[gene],
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

/// The design of a comparison cell by cell: control first, each group in file order.
private struct DesignCells {
    /// Shape `[cells x fitted columns]`.
    private(set) var rows: [Double] = []
    private(set) var sizeFactors: [Double] = []

    init(_ sides: FullDesignComparison.Sides) {
        let model = sides.model
        append(sides.control, Array(model.patterns[..<model.controlPatternCount]), model)
        append(sides.perturbed, Array(model.patterns[model.controlPatternCount...]), model)
    }

    private mutating func append(
        _ offsets: PatternOffsets,
        _ patterns: [ComparisonModel.Pattern],
        _ model: ComparisonModel
    ) {
        for (index, position) in zip(offsets.patterns.patternOfCell, offsets.positionOfCell) {
            let pattern = patterns[Int(index)]
            var row = [Double](repeating: 0, count: model.fittedColumns.count)
            for column in pattern.columns { row[column] = 1 }
            for (column, values) in zip(model.numericColumns, pattern.numbers) {
                row[column] = values[Int(position)]
            }
            rows += row
            sizeFactors.append(pattern.cells.sizeFactors[Int(position)])
        }
    }
}
