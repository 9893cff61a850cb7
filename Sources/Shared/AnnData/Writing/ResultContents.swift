internal import HDF5

/// What is read when a result is opened.
struct ResultContents {
    var perturbations: [String] = []
    var genes: [String] = []
    var layerNames: [String] = []
    var singleLayers: Set<String> = []
    var statuses: [String?] = []
    var hasStatuses = false
    /// Why the file is no result; nil when it is one.
    var problem: String?

    /// Reads labels and statuses, and the shapes of the layers.
    ///
    /// - Throws: ``AnnDataError`` when a part cannot be read; see also ``problem``.
    init(
        _ path: String,
        _ root: HDF5Group,
        _ origin: ResultReader.Origin
    ) throws(AnnDataError) {
        problem = try hdf5 { () throws(HDF5Error) in try Self.problem(root, origin) }
        guard problem == nil else { return }
        let obs = try Table(path: path, root: root, element: "obs")
        perturbations = try Self.index(obs)
        genes = try Self.index(Table(path: path, root: root, element: "var"))
        try hdf5 { () throws(HDF5Error) in try readLayers(root) }
        guard problem == nil else { return }
        try hdf5 { () throws(HDF5Error) in try readStatuses(root, obs, origin) }
    }

    private static func problem(
        _ root: HDF5Group,
        _ origin: ResultReader.Origin
    ) throws(HDF5Error) -> String? {
        if origin == .thisProgram {
            guard try root.textAttribute("encoding-type") == "anndata" else {
                return "it is not in AnnData's format"
            }
            guard root.kind(of: "uns/" + ResultLayout.markerKey) == .group else {
                return "uns has no \(ResultLayout.markerKey); give a file that 'run' has written"
            }
        }
        if root.kind(of: ResultLayout.mainLayer) == .group {
            return "X is a sparse matrix, as of a screen's cells; give the result of a test"
        }
        let parts: [(String, [HDF5ObjectKind])] = [
            (ResultLayout.mainLayer, [.dataset]), ("layers", [.group]),
            ("obs", [.group, .dataset]), ("var", [.group, .dataset]),
        ]
        for (name, kinds) in parts {
            guard let kind = root.kind(of: name), kinds.contains(kind) else {
                return "\(name) is missing"
            }
        }
        return nil
    }

    /// The texts of a table's index.
    private static func index(_ table: Table) throws(AnnDataError) -> [String] {
        let column = try table.column(table.indexName)
        return try LabelReader(column, floats: .printed).read().expanded(missing: "")
    }

    private mutating func readLayers(_ root: HDF5Group) throws(HDF5Error) {
        let layers = try root.group("layers")
        let others = try layers.names()
        layerNames = [ResultLayout.mainLayer] + others
        let shape = [perturbations.count, genes.count]
        for name in layerNames {
            let group = name == ResultLayout.mainLayer ? root : layers
            guard group.kind(of: name) == .dataset else {
                problem = "\(name) is not a dense matrix"
                return
            }
            let dataset = try group.dataset(name)
            guard try dataset.shape() == shape else {
                problem = "\(name) is not perturbations x genes"
                return
            }
            if dataset.type.number == .float32 { singleLayers.insert(name) }
        }
    }

    /// Reads what became of the rows, where this program has recorded it.
    private mutating func readStatuses(
        _ root: HDF5Group,
        _ obs: Table,
        _ origin: ResultReader.Origin
    ) throws(HDF5Error) {
        statuses = perturbations.map { _ in nil }
        let isOurs = root.kind(of: "uns/" + ResultLayout.markerKey) == .group
        let candidates = isOurs ? ["run_status", "status"] : []
        let found = candidates.first {
            obs.columnNames.contains($0) && root.kind(of: "obs/\($0)/codes") == .dataset
        }
        guard let column = found else {
            if origin == .thisProgram { problem = "obs has no status" }
            return
        }
        let categories = try root.dataset("obs/\(column)/categories").readTexts().values
        let codes = try root.dataset("obs/\(column)/codes").readAll(Int8.self)
        guard codes.count == perturbations.count,
            codes.allSatisfy({ $0 >= -1 && Int($0) < categories.count })
        else {
            problem = "obs/\(column) is damaged"
            return
        }
        hasStatuses = true
        statuses = codes.map { $0 < 0 ? nil : categories[Int($0)] }
    }
}
