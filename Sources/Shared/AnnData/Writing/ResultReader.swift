internal import HDF5

/// Reads a finished result: what it is, its labels and its layers.
///
/// Holds the file open, under the library's lock for readers, until it is gone.
package struct ResultReader: Sendable {
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

    private let root: HDF5Group

    /// Opens a result.
    ///
    /// - Throws: ``AnnDataWriteError/cannotOpen(path:reason:)`` when the file cannot be read as HDF5,
    ///   `.notAResult` when it is another kind of file or damaged.
    package init(path: String) throws(AnnDataWriteError) {
        let root: HDF5Group
        do throws(HDF5Error) {
            root = try HDF5File(opening: path).root
        } catch {
            throw .cannotOpen(path: path, reason: error.systemReason)
        }
        let contents: Contents
        do throws(HDF5Error) {
            contents = try HDF5Thread.perform { () throws(HDF5Error) -> Contents in
                try Contents(root)
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

    /// Reads a text of `uns`, for example `crispyx_cluster/fingerprint`; nil when there is none.
    package func text(_ name: String) throws(AnnDataWriteError) -> String? {
        guard case .string(let text) = try value(name) else { return nil }
        return text
    }

    /// Reads one layer, row by row; its shape is perturbations x genes.
    ///
    /// - Throws: ``AnnDataWriteError/unknownLayer(path:name:available:)`` or `.hdf5`.
    package func layer(_ name: String) throws(AnnDataWriteError) -> [Double] {
        try read(name, rows: 0..<perturbations.count)
    }

    /// Reads one row of a layer: one value for each gene.
    ///
    /// - Throws: ``AnnDataWriteError/unknownLayer(path:name:available:)`` or `.hdf5`.
    package func row(_ row: Int, of layer: String) throws(AnnDataWriteError) -> [Double] {
        precondition(perturbations.indices.contains(row), "no such row")
        return try read(layer, rows: row..<row + 1)
    }

    private func read(
        _ name: String,
        rows: Range<Int>
    ) throws(AnnDataWriteError) -> [Double] {
        guard layerNames.contains(name) else {
            throw .unknownLayer(path: path, name: name, available: layerNames)
        }
        do throws(HDF5Error) {
            let place = name == ResultLayout.mainLayer ? name : "layers/" + name
            return try root.dataset(place).read(
                Double.self,
                start: [rows.lowerBound, 0],
                count: [rows.count, genes.count]
            )
        } catch {
            throw .hdf5(error)
        }
    }
}

/// What is read when a result is opened.
private struct Contents {
    var perturbations: [String] = []
    var genes: [String] = []
    var layerNames: [String] = []
    var statuses: [String?] = []
    /// Why the file is no result; nil when it is one.
    var problem: String?

    init(_ root: HDF5Group) throws(HDF5Error) {
        problem = try Self.problem(root)
        guard problem == nil else { return }
        let table = try root.group("obs")
        perturbations = try table.dataset(ResultLayout.indexColumn).readTexts().values
        genes = try root.dataset("var/_index").readTexts().values
        let layers = try root.group("layers")
        let others = try layers.names()
        layerNames = [ResultLayout.mainLayer] + others
        let shape = [perturbations.count, genes.count]
        for name in layerNames {
            let group = name == ResultLayout.mainLayer ? root : layers
            guard try group.dataset(name).shape() == shape else {
                problem = "\(name) is not perturbations x genes"
                return
            }
        }
        try readStatuses(table)
    }

    private static func problem(_ root: HDF5Group) throws(HDF5Error) -> String? {
        guard try root.textAttribute("encoding-type") == "anndata" else {
            return "it is not in AnnData's format"
        }
        guard root.kind(of: "uns/" + ResultLayout.markerKey) == .group else {
            return "uns has no \(ResultLayout.markerKey); give a file that 'run' has written"
        }
        let parts: [(String, HDF5ObjectKind)] = [
            (ResultLayout.mainLayer, .dataset), ("layers", .group),
            ("obs/" + ResultLayout.indexColumn, .dataset), ("var/_index", .dataset),
        ]
        for (name, kind) in parts where root.kind(of: name) != kind { return "\(name) is missing" }
        return nil
    }

    private mutating func readStatuses(_ table: HDF5Group) throws(HDF5Error) {
        let columns = try table.attribute("column-order")
        guard case .texts(let names) = columns, let column = names.last,
            table.kind(of: column) == .group
        else {
            problem = "obs has no status"
            return
        }
        let categories = try table.dataset(column + "/categories").readTexts().values
        let codes = try table.dataset(column + "/codes").readAll(Int8.self)
        guard codes.count == perturbations.count,
            codes.allSatisfy({ $0 >= -1 && Int($0) < categories.count })
        else {
            problem = "obs/\(column) is damaged"
            return
        }
        statuses = codes.map { $0 < 0 ? nil : categories[Int($0)] }
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
