internal import HDF5

/// What a file holds, for people.
package struct ScreenContents: Equatable, Sendable {
    /// Number of cells.
    package let cellCount: Int
    /// Number of genes of `var`.
    package let geneCount: Int
    /// The matrices, `X` first.
    package let matrices: [MatrixDescription]
    /// Columns of `obs` in the writer's order.
    package let cellColumns: [ColumnDescription]
    /// Columns of `var` in the writer's order.
    package let geneColumns: [ColumnDescription]
}

/// One matrix of a file, for people.
package struct MatrixDescription: Equatable, Sendable {
    /// Which matrix.
    package let choice: MatrixChoice
    /// Place in the file.
    package let element: String
    /// How it is stored; nil when it cannot be read.
    package let encoding: MatrixEncoding?
    /// Why it cannot be read; nil when it can.
    package let problem: AnnDataError?
    /// Its number of cells.
    package let cellCount: Int
    /// Its number of genes.
    package let geneCount: Int
    /// Type of its values, for example "float32".
    package let valueType: String
    /// Values stored: entries of a sparse matrix, all values of a dense one.
    package let storedCount: Int
    /// Bytes that values and positions take in the file.
    package let storedBytes: UInt64
    /// Shape of a chunk of values; nil when they lie in one piece.
    package let chunk: [Int]?
    /// Filters of the values in the order applied, for example "gzip".
    package let filters: [String]
}

/// One column of a table, for people.
package struct ColumnDescription: Equatable, Sendable {
    /// What a column holds.
    package enum Kind: Equatable, Sendable {
        case categorical
        case text
        case integer
        case boolean
        case float
        /// Stored in a way that is not read.
        case unsupported
    }

    /// Name of the column.
    package let name: String
    /// What it holds.
    package let kind: Kind
    /// Number of categories, whether used or not; nil unless categorical.
    package let levelCount: Int?
}

extension ScreenFile {
    /// Lists what the file holds, without reading any values.
    ///
    /// A matrix or column that cannot be read is listed as such and is no error.
    package func contents() -> ScreenContents {
        ScreenContents(
            cellCount: cellCount,
            geneCount: geneCount,
            matrices: matrixChoices().map(describe),
            cellColumns: ScreenFile.describe(cellTable),
            geneColumns: ScreenFile.describe(geneTable)
        )
    }

    private func describe(_ choice: MatrixChoice) -> MatrixDescription {
        do throws(AnnDataError) {
            let matrix = try matrix(choice)
            return try describe(matrix, choice)
        } catch {
            return MatrixDescription(
                choice: choice,
                element: choice.description,
                encoding: nil,
                problem: error,
                cellCount: cellCount,
                geneCount: geneCount,
                valueType: "",
                storedCount: 0,
                storedBytes: 0,
                chunk: nil,
                filters: []
            )
        }
    }

    private func describe(
        _ matrix: Matrix,
        _ choice: MatrixChoice
    ) throws(AnnDataError) -> MatrixDescription {
        try hdf5 { () throws(HDF5Error) in
            let values: HDF5Dataset
            var storedBytes: UInt64
            switch matrix.storage {
            case .sparse(let data, let indices, let pointers, _):
                values = data
                storedBytes =
                    data.storageByteCount + indices.storageByteCount + pointers.storageByteCount
            case .dense(let dataset):
                values = dataset
                storedBytes = dataset.storageByteCount
            }
            let chunk: [Int]? =
                if case .chunked(let shape) = try values.layout() { shape } else { nil }
            return MatrixDescription(
                choice: choice,
                element: matrix.element,
                encoding: matrix.encoding,
                problem: nil,
                cellCount: matrix.cellCount,
                geneCount: matrix.geneCount,
                valueType: values.type.description,
                storedCount: try values.elementCount(),
                storedBytes: storedBytes,
                chunk: chunk,
                filters: try values.filters().map(FilterNames.name)
            )
        }
    }

    private static func describe(_ table: Table) -> [ColumnDescription] {
        table.columnNames.filter(table.hasColumn).map { name in
            guard let column = try? table.column(name) else {
                return ColumnDescription(name: name, kind: .unsupported, levelCount: nil)
            }
            return ColumnDescription(
                name: name,
                kind: column.kind,
                levelCount: column.levelCount
            )
        }
    }
}

extension Column {
    fileprivate var kind: ColumnDescription.Kind {
        let values: Values
        switch encoding {
        case .categorical: return .categorical
        case .plain(let plain), .nullable(let plain, _): values = plain
        }
        switch values.type {
        case .variableText, .fixedText: return .text
        case .boolean: return .boolean
        case .number(let number, _): return number.isFloat ? .float : .integer
        default: return .unsupported
        }
    }

    fileprivate var levelCount: Int? {
        guard case .categorical(_, let categories) = encoding else { return nil }
        return try? categories.rowCount()
    }
}
