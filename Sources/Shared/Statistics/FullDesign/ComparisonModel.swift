/// The model of one comparison: the design of control and perturbation, and their offsets.
///
/// Columns of the design: 1, the perturbation, then the covariates in their order; a covariate with
/// levels gives a column of 0 and 1 for every level but the first, a numeric one its values. A missing
/// level is 0 in all of them. Columns that are 0 in every cell take no part in the fit: the
/// ridge keeps their coefficient at 0, and nothing else depends on it. They count as columns.
package struct ComparisonModel: Sendable {
    /// Cells that agree in the design except for numeric covariates.
    package struct Pattern: Sendable {
        /// Size factors of the cells, descending.
        package let cells: GroupOffsets
        /// Fitted columns that are 1 in these cells, ascending; the intercept is the first.
        package let columns: [Int]
        /// Numeric covariates by position in ``cells``; shape `[numeric][cells]`.
        package let numbers: [[Double]]
        /// Cells of all earlier patterns.
        package fileprivate(set) var firstCell = 0
    }

    /// The patterns, those of the control cells first.
    package let patterns: [Pattern]
    /// How many of the patterns are of control cells.
    package let controlPatternCount: Int
    /// Columns of the design, q, those without a nonzero included.
    package let columnCount: Int
    /// For each fitted column its position among all columns; the first two are 0 and 1.
    package let fittedColumns: [Int]
    /// Positions of the numeric covariates among the fitted columns.
    package let numericColumns: [Int]
    /// Cells of control and perturbation.
    package let cellCount: Int
    /// Whether a numeric covariate is missing in some cell, so that nothing can be fitted.
    package let hasMissingNumber: Bool

    /// Whether some column is 0 in every cell, which makes the unridged information singular.
    package var hasEmptyColumn: Bool { fittedColumns.count < columnCount }
    /// Cells less columns, at least 1.
    package var residualDegrees: Int { max(cellCount - columnCount, 1) }

    /// Makes the design of a comparison.
    ///
    /// - Parameters:
    ///   - control: The control cells.
    ///   - perturbed: The perturbation's cells.
    ///   - covariates: The table that both came from.
    package init(control: PatternOffsets, perturbed: PatternOffsets, covariates: CovariateTable) {
        let columns = DesignColumns(
            covariates: covariates,
            patterns: control.patterns.codes + perturbed.patterns.codes
        )
        func pattern(_ offsets: PatternOffsets, _ index: Int, isPerturbed: Bool) -> Pattern {
            Pattern(
                cells: offsets.groups[index],
                columns: [0] + (isPerturbed ? [1] : [])
                    + columns.columns(ofCodes: offsets.patterns.codes[index]),
                numbers: offsets.numbers[index]
            )
        }
        var patterns =
            control.groups.indices.map { pattern(control, $0, isPerturbed: false) }
            + perturbed.groups.indices.map { pattern(perturbed, $0, isPerturbed: true) }
        var cells = 0
        for index in patterns.indices {
            patterns[index].firstCell = cells
            cells += patterns[index].cells.count
        }
        self.patterns = patterns
        controlPatternCount = control.groups.count
        columnCount = columns.count
        fittedColumns = columns.fitted
        numericColumns = columns.numeric
        cellCount = cells
        hasMissingNumber =
            control.patterns.hasMissingNumber || perturbed.patterns.hasMissingNumber
    }
}

/// Which columns the covariates of a comparison give.
struct DesignColumns {
    /// All columns of the design.
    private(set) var count = 2
    /// Columns with a nonzero in some cell.
    private(set) var fitted = [0, 1]
    /// Numeric covariates among the fitted columns.
    private(set) var numeric: [Int] = []
    /// For each covariate with levels the fitted column of every level, -1 for none.
    private var columnOfLevel: [[Int]] = []

    /// Numbers the columns.
    ///
    /// - Parameters:
    ///   - covariates: The covariates.
    ///   - patterns: The codes of all cells of the comparison; shape `[patterns][covariates]`.
    init(covariates: CovariateTable, patterns: [[Int32]]) {
        for covariate in covariates.covariates {
            guard case .levels(let levels) = covariate.values else {
                numeric.append(fitted.count)
                fitted.append(count)
                count += 1
                continue
            }
            let position = columnOfLevel.count
            var isUsed = [Bool](repeating: false, count: levels.names.count)
            for codes in patterns where codes[position] >= 0 { isUsed[Int(codes[position])] = true }
            var columns = [Int](repeating: -1, count: levels.names.count)
            let counted = isUsed.indices.filter { levels.keepsUnused || isUsed[$0] }
            for level in counted.dropFirst() {
                if isUsed[level] {
                    columns[level] = fitted.count
                    fitted.append(count)
                }
                count += 1
            }
            columnOfLevel.append(columns)
        }
    }

    /// The fitted columns that are 1 for some codes, ascending.
    func columns(ofCodes codes: [Int32]) -> [Int] {
        zip(codes, columnOfLevel).compactMap { code, columns in
            guard code >= 0, columns[Int(code)] >= 0 else { return nil }
            return columns[Int(code)]
        }
    }
}
