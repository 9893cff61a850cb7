internal import HDF5

extension ScreenFile {
    /// Reads a column of `obs` as labels.
    ///
    /// Understands every encoding of anndata since 0.5: categorical, text, nullable, integer and
    /// boolean. The text of a label is what Python's `str` prints.
    ///
    /// - Parameter column: Name of the column, or of the index.
    /// - Returns: Distinct labels in order of first appearance and each cell's label.
    /// - Throws: ``AnnDataError/unknownColumn(path:table:name:nearest:first:)`` with near names, or
    ///   what is wrong with the column; floating-point columns are refused.
    package func labels(column: String) throws(AnnDataError) -> CellLabels {
        try LabelReader(cellTable.column(column), floats: .refused).read()
    }

    /// Names of the columns of `obs` in the writer's order, without the index.
    package var cellColumnNames: [String] { cellTable.columnNames }

    /// Reads the names of the genes in file order; they need not be distinct.
    ///
    /// - Parameters:
    ///   - column: Column of `var` that holds the names; nil takes the index. The name
    ///     `gene_symbols` falls back to the index when there is no such column.
    ///   - raw: Whether to read `raw/var`, which goes with the raw matrix.
    /// - Returns: One name per gene; a missing one is "nan".
    /// - Throws: ``AnnDataError`` when there is no such table or column, or it cannot be read.
    package func geneNames(column: String?, raw: Bool = false) throws(AnnDataError) -> [String] {
        let table = raw ? try rawGeneTable() : geneTable
        var name = column ?? table.indexName
        if name == "gene_symbols", !table.hasColumn(name) { name = table.indexName }
        let labels = try LabelReader(table.column(name), floats: .printed).read()
        return labels.expanded(missing: "nan")
    }

    /// `raw/var`, or `raw.var` of anndata up to 0.6.
    func rawGeneTable() throws(AnnDataError) -> Table {
        for element in ["raw/var", "raw.var"] where root.kind(of: element) != nil {
            return try Table(path: path, root: root, element: element)
        }
        throw .noMatrix(path: path, element: "raw", available: availableMatrices())
    }
}
