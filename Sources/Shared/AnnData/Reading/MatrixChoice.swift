/// Which of the matrices of a file is meant.
package enum MatrixChoice: Hashable, Sendable, CustomStringConvertible {
    /// `X`.
    case x
    /// `layers/NAME`.
    case layer(String)
    /// `raw/X`, with genes of its own.
    case raw

    /// Place of the matrix in the file, for example `layers/counts`.
    package var description: String {
        switch self {
        case .x: "X"
        case .layer(let name): "layers/\(name)"
        case .raw: "raw/X"
        }
    }
}

/// How a matrix is stored.
package enum MatrixEncoding: String, Equatable, Sendable {
    /// Sparse, cell after cell.
    case sparseByCell = "csr_matrix"
    /// Sparse, gene after gene.
    case sparseByGene = "csc_matrix"
    /// All values, cell after cell.
    case dense = "array"
}

extension MatrixChoice {
    /// The layer's name; nil for another matrix.
    package var layerName: String? {
        if case .layer(let name) = self { name } else { nil }
    }
}
