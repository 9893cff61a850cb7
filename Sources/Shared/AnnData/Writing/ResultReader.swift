internal import HDF5

/// Reads a finished result: what it is, its labels and its layers.
///
/// Holds the file open, under the library's lock for readers, until it is gone. Reads what it is
/// asked for and nothing beside it, so that a result may be larger than the memory.
package struct ResultReader: Sendable {
    /// Whose results are accepted.
    package enum Origin: Sendable {
        /// This program's alone, recognised by what it writes into `uns`.
        case thisProgram
        /// Also those of the Python package and files that were written again by anndata, as far as
        /// they hold matrices of perturbations x genes.
        case any
    }

    /// The file.
    package let path: String
    /// Label of each row.
    package let perturbations: [String]
    /// Name of each gene.
    package let genes: [String]
    /// Names of the matrices: `X` first, the others by name.
    package let layerNames: [String]
    /// What became of each row; nil where nothing was recorded.
    package let statuses: [String?]
    /// Whether the file records what became of its rows at all; another program's does not.
    package let hasStatuses: Bool

    private let root: HDF5Group
    private let singleLayers: Set<String>

    /// Opens a result.
    ///
    /// - Parameters:
    ///   - path: The file.
    ///   - origin: Whose results are accepted.
    /// - Throws: ``AnnDataWriteError/cannotOpen(path:reason:)`` when the file cannot be read as HDF5,
    ///   `.notAResult` when it is another kind of file or damaged.
    package init(path: String, from origin: Origin = .thisProgram) throws(AnnDataWriteError) {
        let root: HDF5Group
        do throws(HDF5Error) {
            root = try HDF5File(opening: path, access: .readElements).root
        } catch {
            throw .cannotOpen(path: path, reason: error.systemReason)
        }
        let contents: ResultContents
        do throws(AnnDataError) {
            contents = try HDF5Thread.perform { () throws(AnnDataError) -> ResultContents in
                try ResultContents(path, root, origin)
            }
        } catch {
            throw .notAResult(path: path, problem: error.description)
        }
        if let problem = contents.problem { throw .notAResult(path: path, problem: problem) }
        self.path = path
        self.root = root
        perturbations = contents.perturbations
        genes = contents.genes
        layerNames = contents.layerNames
        statuses = contents.statuses
        hasStatuses = contents.hasStatuses
        singleLayers = contents.singleLayers
    }

    /// Reads a value of `uns`.
    ///
    /// - Parameter name: Its name, or names from the outermost dictionary inwards joined by `/`.
    /// - Returns: The value; nil when there is none, or it is of a kind that results do not hold.
    /// - Throws: ``AnnDataWriteError/hdf5(_:)`` when the file cannot be read.
    package func value(_ name: String) throws(AnnDataWriteError) -> UnsValue? {
        do throws(HDF5Error) {
            return try HDF5Thread.perform { () throws(HDF5Error) -> UnsValue? in
                try UnsValue(reading: "uns/" + name, in: root)
            }
        } catch {
            throw .hdf5(error)
        }
    }

    /// Every value of `uns` of the kinds that results hold, by name.
    ///
    /// - Throws: ``AnnDataWriteError/hdf5(_:)`` when the file cannot be read.
    package func values() throws(AnnDataWriteError) -> [(String, UnsValue)] {
        do throws(HDF5Error) {
            return try HDF5Thread.perform { () throws(HDF5Error) -> [(String, UnsValue)] in
                guard case .dictionary(let entries) = try UnsValue(reading: "uns", in: root) else {
                    return []
                }
                return entries
            }
        } catch {
            throw .hdf5(error)
        }
    }

    /// The test as the file calls it, for example `nb_glm`; nil when it does not say.
    ///
    /// The Python package keeps it in an attribute of `uns` in some of its files.
    package func method() throws(AnnDataWriteError) -> String? {
        if let method = try text("method") { return method }
        guard root.kind(of: "uns") == .group else { return nil }
        do throws(HDF5Error) {
            return try root.group("uns").textAttribute("method")
        } catch {
            throw .hdf5(error)
        }
    }

    /// Reads a text of `uns`, for example `crispyx_cluster/fingerprint`; nil when there is none.
    package func text(_ name: String) throws(AnnDataWriteError) -> String? {
        guard case .string(let text) = try value(name) else { return nil }
        return text
    }

    /// Whether a layer is stored in single precision.
    package func isSinglePrecision(_ layer: String) -> Bool { singleLayers.contains(layer) }

    /// Reads one layer, row by row; its shape is perturbations x genes.
    ///
    /// - Throws: ``AnnDataWriteError/unknownLayer(path:name:available:)`` or `.hdf5`.
    package func layer(_ name: String) throws(AnnDataWriteError) -> [Double] {
        try read(name, rows: 0..<perturbations.count, genes: 0..<genes.count)
    }

    /// Reads one row of a layer: one value for each gene.
    ///
    /// - Throws: ``AnnDataWriteError/unknownLayer(path:name:available:)`` or `.hdf5`.
    package func row(_ row: Int, of layer: String) throws(AnnDataWriteError) -> [Double] {
        try read(layer, rows: row..<row + 1, genes: 0..<genes.count)
    }

    /// Reads one column of a layer: one value for each perturbation.
    ///
    /// - Throws: ``AnnDataWriteError/unknownLayer(path:name:available:)`` or `.hdf5`.
    package func column(_ gene: Int, of layer: String) throws(AnnDataWriteError) -> [Double] {
        try read(layer, rows: 0..<perturbations.count, genes: gene..<gene + 1)
    }

    /// Reads one element of a layer.
    ///
    /// - Throws: ``AnnDataWriteError/unknownLayer(path:name:available:)`` or `.hdf5`.
    package func element(
        row: Int,
        gene: Int,
        of layer: String
    ) throws(AnnDataWriteError) -> Double {
        try read(layer, rows: row..<row + 1, genes: gene..<gene + 1)[0]
    }

    private func read(
        _ name: String,
        rows: Range<Int>,
        genes: Range<Int>
    ) throws(AnnDataWriteError) -> [Double] {
        precondition(rows.upperBound <= perturbations.count && rows.lowerBound >= 0, "no such row")
        precondition(
            genes.upperBound <= self.genes.count && genes.lowerBound >= 0,
            "no such gene"
        )
        guard layerNames.contains(name) else {
            throw .unknownLayer(path: path, name: name, available: layerNames)
        }
        do throws(HDF5Error) {
            let place = name == ResultLayout.mainLayer ? name : "layers/" + name
            return try root.dataset(place).read(
                Double.self,
                start: [rows.lowerBound, genes.lowerBound],
                count: [rows.count, genes.count]
            )
        } catch {
            throw .hdf5(error)
        }
    }
}

extension UnsValue {
    /// Reads what lies at a path; nil when there is nothing or nothing that results hold.
    fileprivate init?(reading path: String, in group: HDF5Group) throws(HDF5Error) {
        switch group.kind(of: path) {
        case .group:
            var entries: [(String, UnsValue)] = []
            for name in try group.group(path).names() {
                guard let value = try UnsValue(reading: path + "/" + name, in: group) else {
                    continue
                }
                entries.append((name, value))
            }
            self = .dictionary(entries)
        case .dataset:
            try self.init(reading: group.dataset(path))
        default:
            return nil
        }
    }

    private init?(reading dataset: HDF5Dataset) throws(HDF5Error) {
        let isScalar = try dataset.extent() == .scalar
        switch dataset.type {
        case .variableText, .fixedText:
            let texts = try dataset.readTexts().values
            self = isScalar ? .string(texts.first ?? "") : .strings(texts)
        case .boolean where isScalar:
            self = .boolean(try dataset.readAll(Int8.self).first == 1)
        case .number(let number, _) where number.isFloat || !isScalar:
            let values = try dataset.readAll(Double.self)
            self = isScalar ? .double(values.first ?? .nan) : .doubles(values)
        case .number:
            self = .integer(try dataset.readAll(Int64.self).first ?? 0)
        default:
            return nil
        }
    }
}
