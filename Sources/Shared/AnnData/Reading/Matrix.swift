internal import HDF5

/// A matrix of the file, found and checked against the tables, ready to be read.
struct Matrix: Sendable {
    /// The datasets of a matrix.
    enum Storage: Sendable {
        /// Sparse: `pointers` delimit the entries of each cell or of each gene.
        case sparse(data: HDF5Dataset, indices: HDF5Dataset, pointers: HDF5Dataset, byCell: Bool)
        /// All values, cell after cell.
        case dense(HDF5Dataset)
    }

    let path: String
    let element: String
    let cellCount: Int
    let geneCount: Int
    let storage: Storage

    var encoding: MatrixEncoding {
        switch storage {
        case .sparse(_, _, _, let byCell): byCell ? .sparseByCell : .sparseByGene
        case .dense: .dense
        }
    }
}

extension ScreenFile {
    /// Places of the matrices that the file has, for example `X` and `layers/counts`.
    package func availableMatrices() -> [String] {
        matrixChoices().map(\.description)
    }

    func matrixChoices() -> [MatrixChoice] {
        var choices: [MatrixChoice] = []
        if matrixElement(.x) != nil { choices.append(.x) }
        if root.kind(of: "layers") == .group,
            let names = try? root.group("layers").names()
        {
            // Deeper names cannot come from anndata, so a layer's name has no slash.
            choices += names.map { .layer($0) }.filter { matrixElement($0) != nil }
        }
        if matrixElement(.raw) != nil { choices.append(.raw) }
        return choices
    }

    /// The element that holds a matrix; nil when there is none or it has no data.
    private func matrixElement(_ choice: MatrixChoice) -> String? {
        let places = choice == .raw ? ["raw/X", "raw.X"] : [choice.description]
        for place in places {
            switch root.kind(of: place) {
            case .group, .unreadable: return place
            case .dataset:
                guard let dataset = try? root.dataset(place),
                    let extent = try? dataset.extent(), extent != .null
                else { continue }
                return place
            default: continue
            }
        }
        return nil
    }

    /// Finds a matrix and checks its shape against the tables.
    func matrix(_ choice: MatrixChoice) throws(AnnDataError) -> Matrix {
        guard let element = matrixElement(choice) else {
            throw .noMatrix(
                path: path,
                element: choice.description,
                available: availableMatrices()
            )
        }
        let genes = choice == .raw ? try rawGeneTable().rowCount : geneCount
        guard genes > 0 else { throw .noGenes(path: path, element: element) }
        let finder = MatrixFinder(
            path: path,
            element: element,
            root: root,
            cellCount: cellCount,
            geneCount: genes
        )
        return try finder.find()
    }
}

/// Makes out how a matrix is stored.
private struct MatrixFinder {
    let path: String
    let element: String
    let root: HDF5Group
    let cellCount: Int
    let geneCount: Int

    func find() throws(AnnDataError) -> Matrix {
        guard root.kind(of: element) == .group else {
            let dataset = try hdf5 { () throws(HDF5Error) in try root.dataset(element) }
            let shape = try hdf5 { () throws(HDF5Error) in try dataset.shape() }
            try checkNumber(dataset)
            try checkShape(shape)
            return matrix(.dense(dataset))
        }
        let group = try hdf5 { () throws(HDF5Error) in try root.group(element) }
        for name in ["data", "indices", "indptr"] where group.kind(of: name) == nil {
            throw try notSparse(group, missing: name)
        }
        let parts = try hdf5 { () throws(HDF5Error) in
            (
                data: try group.dataset("data"),
                indices: try group.dataset("indices"),
                pointers: try group.dataset("indptr")
            )
        }
        try checkNumber(parts.data)
        for part in [parts.indices, parts.pointers] {
            guard case .number(let number, _) = part.type, !number.isFloat else {
                throw .unsupported(
                    path: path,
                    element: part.path,
                    problem: "it has type \(part.type), need integers",
                    remedy: "write the file again with a current anndata"
                )
            }
        }
        for part in [parts.data, parts.indices, parts.pointers] {
            let shape = try hdf5 { () throws(HDF5Error) in try part.shape() }
            guard shape.count == 1 else {
                throw .damaged(
                    path: path,
                    element: part.path,
                    problem: "it has \(shape.count) dimensions, need 1"
                )
            }
        }
        let pointerCount = try hdf5 { () throws(HDF5Error) in try parts.pointers.elementCount() }
        let byCell = try isByCell(group, pointerCount)
        if let shape = try storedShape(group) { try checkShape(shape) }
        let needed = (byCell ? cellCount : geneCount) + 1
        guard pointerCount == needed else {
            throw .damaged(
                path: path,
                element: parts.pointers.path,
                problem: "it has \(pointerCount) entries, need \(needed)"
            )
        }
        return matrix(
            .sparse(
                data: parts.data,
                indices: parts.indices,
                pointers: parts.pointers,
                byCell: byCell
            )
        )
    }

    private func matrix(_ storage: Matrix.Storage) -> Matrix {
        Matrix(
            path: path,
            element: element,
            cellCount: cellCount,
            geneCount: geneCount,
            storage: storage
        )
    }

    private func notSparse(
        _ group: HDF5Group,
        missing name: String
    ) throws(AnnDataError) -> AnnDataError {
        let encoding = try hdf5 { () throws(HDF5Error) in
            try group.textAttribute("encoding-type")
        }
        switch encoding {
        case nil, "csr_matrix", "csc_matrix":
            return .damaged(path: path, element: element, problem: "it has no \(name)")
        case let encoding?:
            return .unsupported(
                path: path,
                element: element,
                problem: "it is stored as \(encoding), need a sparse or dense matrix",
                remedy: "convert it with scipy.sparse.csr_matrix and write the file again"
            )
        }
    }

    private func checkNumber(_ dataset: HDF5Dataset) throws(AnnDataError) {
        switch dataset.type {
        case .number, .boolean: return
        default:
            throw .unsupported(
                path: path,
                element: dataset.path,
                problem: "it has type \(dataset.type), need a number",
                remedy: "convert the matrix to float32 and write the file again"
            )
        }
    }

    private func checkShape(_ shape: [Int]) throws(AnnDataError) {
        guard shape == [cellCount, geneCount] else {
            let found = shape.map(String.init).joined(separator: " x ")
            throw .damaged(
                path: path,
                element: element,
                problem: "its shape is \(found.isEmpty ? "one number" : found), but there are "
                    + "\(cellCount) cells and \(geneCount) genes"
            )
        }
    }

    private func storedShape(_ group: HDF5Group) throws(AnnDataError) -> [Int]? {
        try hdf5 { () throws(HDF5Error) in
            if let shape = try group.integersAttribute("shape") { return shape }
            return try group.integersAttribute("h5sparse_shape")
        }
    }

    /// Tells sparse by cell from sparse by gene; the shape decides only when it can.
    private func isByCell(
        _ group: HDF5Group,
        _ pointerCount: Int
    ) throws(AnnDataError) -> Bool {
        let (current, old) = try hdf5 { () throws(HDF5Error) in
            (
                try group.textAttribute("encoding-type"),
                try group.textAttribute("h5sparse_format")
            )
        }
        switch current ?? old {
        case "csr_matrix", "csr": return true
        case "csc_matrix", "csc": return false
        case let other?:
            throw .unsupported(
                path: path,
                element: element,
                problem: "it is stored as \(other), need csr_matrix, csc_matrix or a dense array",
                remedy: "convert it with scipy.sparse.csr_matrix and write the file again"
            )
        case nil:
            let cells = pointerCount == cellCount + 1
            let genes = pointerCount == geneCount + 1
            if cells != genes { return cells }
            throw .unsupported(
                path: path,
                element: element,
                problem: "nothing says whether it is stored by cell or by gene",
                remedy: "write the file again with a current anndata"
            )
        }
    }
}
