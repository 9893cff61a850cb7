/// A column of `obs` or `var`.
package struct ScreenColumn: Sendable {
    /// What a column holds.
    package enum Values: Sendable {
        /// Positions in a list of texts.
        case categorical(codes: [Int32], categories: [String])
        /// Numbers.
        case doubles([Double])

        /// Number of entries.
        var count: Int {
            switch self {
            case .categorical(let codes, _): codes.count
            case .doubles(let values): values.count
            }
        }
    }

    /// Name of the column.
    package let name: String
    /// One entry for each cell or gene.
    package let values: Values

    /// A column of the given entries.
    package init(_ name: String, _ values: Values) {
        self.name = name
        self.values = values
    }
}

/// Everything of a screen except its counts.
package struct ScreenTables: Sendable {
    /// Name of each cell.
    package var cells: [String]
    /// Columns of `obs`.
    package var cellColumns: [ScreenColumn]
    /// Name of each gene.
    package var genes: [String]
    /// Columns of `var`.
    package var geneColumns: [ScreenColumn]
    /// Matrices of `varm`, genes x any width, row by row.
    package var geneMatrices: [(name: String, values: [Double], width: Int)]
    /// Further values.
    package var uns: [(String, UnsValue)]

    /// Tables of the given parts.
    package init(
        cells: [String],
        cellColumns: [ScreenColumn],
        genes: [String],
        geneColumns: [ScreenColumn] = [],
        geneMatrices: [(name: String, values: [Double], width: Int)] = [],
        uns: [(String, UnsValue)] = []
    ) {
        self.cells = cells
        self.cellColumns = cellColumns
        self.genes = genes
        self.geneColumns = geneColumns
        self.geneMatrices = geneMatrices
        self.uns = uns
    }

    /// Checks that the tables can be written.
    ///
    /// - Throws: ``AnnDataWriteError/invalidName(element:name:problem:)`` or `.invalidLayout`.
    func check() throws(AnnDataWriteError) {
        guard !cells.isEmpty else { throw .invalidLayout(problem: "there are no cells") }
        guard !genes.isEmpty else { throw .invalidLayout(problem: "there are no genes") }
        // The name of the index is taken.
        try LinkName.check(["_index"] + cellColumns.map(\.name), in: "obs")
        try LinkName.check(["_index"] + geneColumns.map(\.name), in: "var")
        try LinkName.check(geneMatrices.map(\.name), in: "varm")
        try UnsValue.check(uns, in: "uns")
        for column in cellColumns { try Self.check(column, count: cells.count, in: "obs") }
        for column in geneColumns { try Self.check(column, count: genes.count, in: "var") }
        for matrix in geneMatrices where matrix.values.count != genes.count * matrix.width {
            throw .invalidLayout(problem: "varm/\(matrix.name) has not one row for each gene")
        }
    }

    private static func check(
        _ column: ScreenColumn,
        count: Int,
        in table: String
    ) throws(AnnDataWriteError) {
        guard column.values.count == count else {
            throw .invalidLayout(
                problem: "\(table)/\(column.name) has \(column.values.count) entries, need \(count)"
            )
        }
        guard case .categorical(let codes, let categories) = column.values else { return }
        guard codes.allSatisfy({ $0 >= -1 && Int($0) < categories.count }) else {
            throw .invalidLayout(problem: "\(table)/\(column.name) has a code without a category")
        }
    }
}
