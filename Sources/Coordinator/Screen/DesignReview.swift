import DesignChecks
package import Statistics

/// Which perturbations cannot be told from the covariates, or cannot be fitted for want of values.
///
/// Their numbers are the published package's all the same; the run says whose they are.
package struct DesignReview: Equatable, Sendable {
    /// Rows of the result whose effect is a combination of covariates.
    package private(set) var confounded: [Int] = []
    /// Rows of the result with the numeric covariate that some cell of the comparison lacks.
    package private(set) var missing: [Int: String] = [:]
    /// Columns of the widest comparison's design, the effect's among them.
    package private(set) var columns = 2

    /// Reviews every comparison of a screen.
    ///
    /// - Parameters:
    ///   - covariates: Covariates by file row; none makes every design sound.
    ///   - groupOfCell: The group of each cell of the file, -1 for none.
    ///   - controlGroup: The control's group.
    ///   - testedGroups: The group of each row of the result.
    package init(
        covariates: CovariateTable,
        groupOfCell: [Int32],
        controlGroup: Int,
        testedGroups: [Int]
    ) {
        guard !covariates.covariates.isEmpty else { return }
        let groupCount = ((testedGroups + [controlGroup]).max() ?? 0) + 1
        var rows = [[Int]](repeating: [], count: groupCount)
        for (row, group) in groupOfCell.enumerated() where rows.indices.contains(Int(group)) {
            rows[Int(group)].append(row)
        }
        let check = DesignCheck(covariates: covariates, controlRows: rows[controlGroup])
        for (index, group) in testedGroups.enumerated() {
            switch check.finding(perturbedRows: rows[group]) {
            case .sound: break
            case .confounded: confounded.append(index)
            case .missing(let covariate): missing[index] = covariate
            }
            columns = max(columns, check.columnCount(perturbedRows: rows[group]))
        }
    }
}
