import CLAPACK
package import Statistics

/// Finds perturbations whose effect the covariates leave no room for.
///
/// A perturbation all of whose cells share a batch that no control cell has cannot be told from that
/// batch: the fit's ridge then splits the effect between the two, and its result means nothing.
/// Ranks are found by QR with column pivoting. No number of a result depends on them.
package struct DesignCheck {
    /// What is known of one comparison's design.
    package enum Finding: Equatable, Sendable {
        /// The effect can be estimated.
        case sound
        /// The perturbation is a combination of the covariates.
        case confounded
        /// This numeric covariate is missing in some cell, so that nothing can be fitted.
        case missing(covariate: String)
    }

    private let covariates: CovariateTable
    /// Which levels some control cell has; shape `[covariates][levels]`, empty for numeric ones.
    private let controlLevels: [[Bool]]
    /// A triangle with the same products of columns as all control cells have.
    private let control: DesignMatrix
    /// The first numeric covariate that some control cell lacks.
    private let missingInControl: String?

    /// Reduces the control cells to a triangle.
    ///
    /// - Parameters:
    ///   - covariates: Covariates by file row.
    ///   - controlRows: File rows of the control cells.
    package init(covariates: CovariateTable, controlRows: [Int]) {
        self.covariates = covariates
        controlLevels = Self.levels(covariates, rows: controlRows)
        missingInControl = Self.missing(covariates, rows: controlRows)
        var triangle = DesignMatrix(columns: Self.width(covariates))
        guard missingInControl == nil else {
            control = triangle
            return
        }
        let part = 4096
        for start in stride(from: 0, to: controlRows.count, by: part) {
            let rows = controlRows[start..<min(start + part, controlRows.count)]
            for row in rows { triangle.append(Self.designRow(covariates, row: row)) }
            triangle = triangle.triangle()
        }
        control = triangle
    }

    /// Judges the design of one comparison.
    ///
    /// - Parameter perturbedRows: File rows of the perturbation's cells.
    /// - Returns: What is wrong with it, if anything.
    package func finding(perturbedRows: [Int]) -> Finding {
        if let name = missingInControl ?? Self.missing(covariates, rows: perturbedRows) {
            return .missing(covariate: name)
        }
        let columns = columns(perturbedRows)
        var others = control.selecting(columns)
        var all = others.widened()
        for row in perturbedRows {
            let values = Self.designRow(covariates, row: row)
            let selected = columns.map { values[$0] }
            others.append(selected)
            all.append(selected + [1])
        }
        return all.rank() > others.rank() ? .sound : .confounded
    }

    /// How many coefficients a gene of one comparison has, the effect's among them.
    ///
    /// - Parameter perturbedRows: File rows of the perturbation's cells.
    /// - Returns: Columns of the comparison's design.
    package func columnCount(perturbedRows: [Int]) -> Int { columns(perturbedRows).count + 1 }

    /// Columns of the comparison's design but the effect's: the first level of each covariate has none.
    private func columns(_ perturbedRows: [Int]) -> [Int] {
        let perturbedLevels = Self.levels(covariates, rows: perturbedRows)
        var columns = [0]
        var next = 1
        for (index, covariate) in covariates.covariates.enumerated() {
            guard case .levels(let levels) = covariate.values else {
                columns.append(next)
                next += 1
                continue
            }
            let used = zip(controlLevels[index], perturbedLevels[index]).map { $0 || $1 }
            let counted = used.indices.filter { levels.keepsUnused || used[$0] }
            columns += counted.dropFirst().filter { used[$0] }.map { next + $0 }
            next += used.count
        }
        return columns
    }

    private static func width(_ covariates: CovariateTable) -> Int {
        covariates.covariates.reduce(1) { width, covariate in
            if case .levels(let levels) = covariate.values { return width + levels.names.count }
            return width + 1
        }
    }

    /// 1, then for each covariate its number or a 1 among a 0 for every level.
    private static func designRow(_ covariates: CovariateTable, row: Int) -> [Double] {
        var values = [1.0]
        for covariate in covariates.covariates {
            switch covariate.values {
            case .numeric(let numbers): values.append(numbers[row])
            case .levels(let levels):
                let code = Int(levels.codes[row])
                for level in levels.names.indices { values.append(level == code ? 1 : 0) }
            }
        }
        return values
    }

    private static func levels(_ covariates: CovariateTable, rows: [Int]) -> [[Bool]] {
        covariates.covariates.map { covariate in
            guard case .levels(let levels) = covariate.values else { return [] }
            var used = [Bool](repeating: false, count: levels.names.count)
            for row in rows where levels.codes[row] >= 0 { used[Int(levels.codes[row])] = true }
            return used
        }
    }

    private static func missing(_ covariates: CovariateTable, rows: [Int]) -> String? {
        covariates.covariates.first { covariate in
            guard case .numeric(let numbers) = covariate.values else { return false }
            return rows.contains { numbers[$0].isNaN }
        }?.name
    }
}
