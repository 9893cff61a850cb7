internal import HDF5

/// One of the tables `obs`, `var` and `raw/var`: named columns, one row per cell or gene.
///
/// Since anndata 0.7 a table is a group with one element per column; before, it was one dataset of
/// records whose first field is the index.
struct Table: Sendable {
    /// Where the columns lie.
    enum Storage: Sendable {
        case group(HDF5Group)
        case records(HDF5Dataset, [HDF5Member])
    }

    let path: String
    let element: String
    let storage: Storage
    /// Name of the column that names the rows.
    let indexName: String
    /// Names of the columns in the order the writer gave, without the index unless it is listed.
    let columnNames: [String]
    let rowCount: Int
    let root: HDF5Group

    init(path: String, root: HDF5Group, element: String) throws(AnnDataError) {
        self.path = path
        self.element = element
        self.root = root
        switch root.kind(of: element) {
        case .group:
            let group = try hdf5 { () throws(HDF5Error) in try root.group(element) }
            storage = .group(group)
            (indexName, columnNames) = try hdf5 { () throws(HDF5Error) in
                try Table.columns(of: group)
            }
            rowCount = try Table.rowCount(path, group, indexName, columnNames)
        case .dataset, .unreadable:
            let dataset = try hdf5 { () throws(HDF5Error) in try root.dataset(element) }
            guard case .record(let members) = dataset.type, let index = members.first else {
                throw .unsupported(
                    path: path,
                    element: element,
                    problem: "it is stored as \(dataset.type), need a table",
                    remedy: "write the file again with a current anndata"
                )
            }
            storage = .records(dataset, members)
            indexName = index.name
            columnNames = members.dropFirst().map(\.name)
            rowCount = try hdf5 { () throws(HDF5Error) in try dataset.elementCount() }
        default:
            throw .damaged(path: path, element: element, problem: "it is missing")
        }
    }

    private static func columns(
        of group: HDF5Group
    ) throws(HDF5Error) -> (index: String, names: [String]) {
        let stored = try group.names()
        var index = "_index"
        if let named = try group.textAttribute("_index") {
            index = named
        } else if !stored.contains("_index"), stored.contains("index") {
            index = "index"
        }
        var names: [String] = []
        switch try group.attribute("column-order") {
        case .texts(let order): names = order
        case .text(let name): names = [name]
        default: break
        }
        // A column that the order does not list is still a column.
        let listed = Set(names)
        for name in stored
        where !listed.contains(name) && name != index && name != "__categories" {
            names.append(name)
        }
        return (index, names)
    }

    private static func rowCount(
        _ path: String,
        _ group: HDF5Group,
        _ indexName: String,
        _ columnNames: [String]
    ) throws(AnnDataError) -> Int {
        for name in [indexName] + columnNames where group.kind(of: name) != nil {
            let column = try Column(path: path, group: group, name: name)
            return try column.rowCount()
        }
        throw .damaged(
            path: path,
            element: group.path,
            problem: "it has neither its index '\(indexName)' nor a column"
        )
    }

    /// True when a column or the index has this name.
    func hasColumn(_ name: String) -> Bool {
        switch storage {
        case .group(let group):
            (name == indexName || columnNames.contains(name)) && group.kind(of: name) != nil
        case .records(_, let members): members.contains { $0.name == name }
        }
    }

    /// The column of this name, or the index.
    func column(_ name: String) throws(AnnDataError) -> Column {
        guard hasColumn(name) else {
            throw .unknownColumn(
                path: path,
                table: element,
                name: name,
                nearest: NearestNames.of(name, in: columnNames),
                first: Array(columnNames.prefix(10))
            )
        }
        let column =
            switch storage {
            case .group(let group): try Column(path: path, group: group, name: name)
            case .records(let dataset, let members):
                try Column(path: path, records: dataset, members, name: name, root: root)
            }
        let rows = try column.rowCount()
        guard rows == rowCount else {
            throw .damaged(
                path: path,
                element: column.element,
                problem: "it has \(rows) entries, \(element) has \(rowCount) rows"
            )
        }
        return column
    }
}
