/// A column of `obs` as numbers or as levels: what a model makes of it.
package enum CellValues: Equatable, Sendable {
    /// Numbers or flags (0 and 1); NaN where a value is missing; shape `[cells]`.
    case numbers([Double])
    /// Categories in the file's order, used or not, or distinct texts in order of their code points.
    case levels(CellLevels)
}

/// A column of `obs` whose values are a few named ones.
package struct CellLevels: Equatable, Sendable {
    /// The levels in order.
    package let names: [String]
    /// For each cell the position of its level in ``names``, -1 when it is missing.
    package let codes: [Int32]
    /// Whether the file lists the levels; else they are those that occur.
    package let areListed: Bool
}

extension ScreenFile {
    /// Reads a column of `obs` for a model.
    ///
    /// Understands every encoding of anndata since 0.5: categorical, text, nullable, integer,
    /// boolean and floating-point.
    ///
    /// - Parameter column: Name of the column.
    /// - Returns: Categories and texts as levels, everything else as numbers.
    /// - Throws: ``AnnDataError/unknownColumn(path:table:name:nearest:first:)`` with near names, or
    ///   what is wrong with the column.
    package func cellValues(column: String) throws(AnnDataError) -> CellValues {
        try CellValueReader(column: cellTable.column(column)).read()
    }

    /// Reads a column of `obs` as size factors.
    ///
    /// - Parameter column: Name of a column of numbers.
    /// - Returns: The numbers in file order; those not finite and positive stand for the median of
    ///   the others.
    /// - Throws: ``AnnDataError`` when there is no such column, it holds no numbers, or none of them
    ///   is finite and positive.
    package func sizeFactors(column: String) throws(AnnDataError) -> [Double] {
        let stored = try cellTable.column(column)
        guard case .numbers(let values) = try CellValueReader(column: stored).read() else {
            throw .unsupported(
                path: path,
                element: stored.element,
                problem: "it holds levels, need size factors",
                remedy: "name a column of numbers"
            )
        }
        guard values.contains(where: { $0.isFinite && $0 > 0 }) else {
            throw .unsupported(
                path: path,
                element: stored.element,
                problem: "no size factor in it is finite and positive",
                remedy: "name another column, or let size factors be estimated"
            )
        }
        return values
    }
}
