/// Covariates of every cell of a file: what joins a model beside the perturbation.
package struct CovariateTable: Equatable, Sendable {
    /// The values of one covariate.
    package enum Values: Equatable, Sendable {
        /// One number per cell, NaN where it is missing: one column of the design.
        case numeric([Double])
        /// One level per cell: a column of 0 and 1 for every level but the first.
        case levels(Levels)
    }

    /// A covariate that takes one of a few named values.
    package struct Levels: Equatable, Sendable {
        /// The level of each cell, -1 where it is missing; shape `[cells]`.
        package var codes: [Int32]
        /// Names of the levels, in the order of their columns.
        package var names: [String]
        /// Whether levels that no cell of a comparison has count as levels.
        ///
        /// So it is with categories that the file lists; of plain texts only those count that are
        /// there.
        package var keepsUnused: Bool

        /// Gathers the parts of a covariate with levels.
        package init(codes: [Int32], names: [String], keepsUnused: Bool) {
            self.codes = codes
            self.names = names
            self.keepsUnused = keepsUnused
        }
    }

    /// A covariate and its name.
    package struct Covariate: Equatable, Sendable {
        /// Name of the column it came from.
        package var name: String
        /// Its values by file row.
        package var values: Values

        /// Names values.
        package init(name: String, values: Values) {
            self.name = name
            self.values = values
        }
    }

    /// Cells of the file.
    package let cellCount: Int
    /// The covariates, in the order of their columns.
    package let covariates: [Covariate]

    /// Gathers covariates; each has a value for every cell of the file.
    package init(cellCount: Int, covariates: [Covariate] = []) {
        for covariate in covariates {
            switch covariate.values {
            case .numeric(let values): precondition(values.count == cellCount)
            case .levels(let levels): precondition(levels.codes.count == cellCount)
            }
        }
        self.cellCount = cellCount
        self.covariates = covariates
    }

    /// The numeric covariates, in order.
    package var numbers: [[Double]] {
        covariates.compactMap { if case .numeric(let values) = $0.values { values } else { nil } }
    }

    /// The covariates with levels, in order.
    package var levels: [Levels] {
        covariates.compactMap { if case .levels(let levels) = $0.values { levels } else { nil } }
    }
}
