/// The cells of one group, sorted into patterns: cells of a pattern agree in all level covariates.
///
/// All cells of a pattern have the same row of the design except for numeric covariates, so that a
/// model without those needs one linear predictor per pattern.
package struct CellPatterns: Sendable {
    /// The pattern of each cell, in file order; shape `[cells]`.
    package let patternOfCell: [UInt32]
    /// For each pattern the code of every covariate with levels; shape `[patterns][covariates]`.
    package let codes: [[Int32]]
    /// Numeric covariates of the cells; shape `[covariates][cells]`.
    package let numbers: [[Double]]

    /// Number of cells.
    package var cellCount: Int { patternOfCell.count }
    /// Whether a numeric covariate is missing in some cell.
    package let hasMissingNumber: Bool

    /// Sorts cells into patterns, numbered by first appearance.
    ///
    /// - Parameters:
    ///   - rows: File rows of the group's cells, ascending.
    ///   - covariates: Covariates of all cells of the file.
    package init(rows: [UInt32], covariates: CovariateTable) {
        var patterns = [UInt32](repeating: 0, count: rows.count)
        var codes: [[Int32]] = rows.isEmpty ? [] : [[]]
        for levels in covariates.levels {
            // Refines the patterns so far by one more covariate.
            let width = UInt64(levels.names.count + 1)
            var known: [UInt64: UInt32] = [:]
            var refined: [[Int32]] = []
            for (cell, row) in rows.enumerated() {
                let code = levels.codes[Int(row)]
                let key = UInt64(patterns[cell]) * width + UInt64(code + 1)
                if let pattern = known[key] {
                    patterns[cell] = pattern
                } else {
                    let pattern = UInt32(refined.count)
                    known[key] = pattern
                    refined.append(codes[Int(patterns[cell])] + [code])
                    patterns[cell] = pattern
                }
            }
            codes = refined
        }
        patternOfCell = patterns
        self.codes = codes
        numbers = covariates.numbers.map { values in rows.map { values[Int($0)] } }
        hasMissingNumber = numbers.contains { $0.contains { $0.isNaN } }
    }
}

/// The patterns of one group with the size factors of a comparison.
package struct PatternOffsets: Sendable {
    /// The patterns.
    package let patterns: CellPatterns
    /// Size factors of each pattern's cells, descending; shape `[patterns]`.
    package let groups: [GroupOffsets]
    /// Position of each cell within its pattern's group, in file order; shape `[cells]`.
    package let positionOfCell: [UInt32]
    /// Numeric covariates by pattern and position; shape `[patterns][covariates][cells]`.
    package let numbers: [[[Double]]]

    /// Orders the cells of every pattern by size factor.
    ///
    /// - Parameters:
    ///   - patterns: The cells.
    ///   - sizeFactors: Their size factors in file order, positive and finite.
    package init(patterns: CellPatterns, sizeFactors: [Double]) {
        precondition(sizeFactors.count == patterns.cellCount)
        self.patterns = patterns
        var members = [[Int]](repeating: [], count: patterns.codes.count)
        for (cell, pattern) in patterns.patternOfCell.enumerated() {
            members[Int(pattern)].append(cell)
        }
        groups = members.map { cells in GroupOffsets(sizeFactors: cells.map { sizeFactors[$0] }) }
        var positions = [UInt32](repeating: 0, count: patterns.cellCount)
        for (cells, group) in zip(members, groups) {
            for (cell, position) in zip(cells, group.position) { positions[cell] = position }
        }
        positionOfCell = positions
        numbers = zip(members, groups).map { cells, group in
            patterns.numbers.map { values in
                var ordered = [Double](repeating: 0, count: cells.count)
                for (cell, position) in zip(cells, group.position) {
                    ordered[Int(position)] = values[cell]
                }
                return ordered
            }
        }
    }
}
