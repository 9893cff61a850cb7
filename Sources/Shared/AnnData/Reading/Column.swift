internal import HDF5

/// One column of a table in any of the encodings that AnnData has had.
struct Column: Sendable {
    /// The encodings.
    indirect enum Encoding: Sendable {
        /// Numbers, booleans or texts, one per row.
        case plain(Values)
        /// Positions in a list of categories, -1 for a missing value.
        case categorical(codes: Values, categories: Column)
        /// Values and a mask that is true where the value is missing.
        case nullable(values: Values, mask: HDF5Dataset)
    }

    /// A one-dimensional array, or one field of an array of records.
    struct Values: Sendable {
        let dataset: HDF5Dataset
        let member: String?
        let type: HDF5Type

        init(_ dataset: HDF5Dataset) {
            self.dataset = dataset
            member = nil
            type = dataset.type
        }

        init(_ dataset: HDF5Dataset, member: HDF5Member) {
            self.dataset = dataset
            self.member = member.name
            type = member.type
        }
    }

    let path: String
    let element: String
    let encoding: Encoding

    /// A column stored as an element of a group.
    init(path: String, group: HDF5Group, name: String) throws(AnnDataError) {
        let element = group.childPath(name)
        self.path = path
        self.element = element
        switch group.kind(of: name) {
        case .dataset:
            encoding = try hdf5 { () throws(HDF5Error) in
                let dataset = try group.dataset(name)
                guard let categories = try Column.oldCategories(dataset, group, name) else {
                    return .plain(Values(dataset))
                }
                return .categorical(
                    codes: Values(dataset),
                    categories: Column(path: path, plain: categories)
                )
            }
        case .group:
            let column = try hdf5 { () throws(HDF5Error) in try group.group(name) }
            encoding = try Column.encoding(of: column, path)
        case .unreadable:
            // Opening it gives the library's reason.
            encoding = try hdf5 { () throws(HDF5Error) in
                .plain(Values(try group.dataset(name)))
            }
        default:
            throw .damaged(path: path, element: element, problem: "it is missing")
        }
    }

    /// A column stored as a field of records, with its labels perhaps in `uns`.
    init(
        path: String,
        records: HDF5Dataset,
        _ members: [HDF5Member],
        name: String,
        root: HDF5Group
    ) throws(AnnDataError) {
        self.path = path
        element = "\(records.path) field \(name)"
        guard let member = members.first(where: { $0.name == name }) else {
            throw .damaged(path: path, element: element, problem: "it is missing")
        }
        let values = Values(records, member: member)
        let labels = "uns/\(name)_categories"
        if case .number(let number, _) = member.type, !number.isFloat,
            root.kind(of: labels) == .dataset
        {
            let categories = try hdf5 { () throws(HDF5Error) in try root.dataset(labels) }
            encoding = .categorical(
                codes: values,
                categories: Column(path: path, plain: categories)
            )
        } else {
            encoding = .plain(values)
        }
    }

    private init(path: String, plain dataset: HDF5Dataset) {
        self.path = path
        element = dataset.path
        encoding = .plain(Values(dataset))
    }

    /// The categories of anndata 0.7: an object reference, or the same name in `__categories`.
    private static func oldCategories(
        _ dataset: HDF5Dataset,
        _ group: HDF5Group,
        _ name: String
    ) throws(HDF5Error) -> HDF5Dataset? {
        guard dataset.hasAttribute("categories") else { return nil }
        if let categories = group.dataset(referredToBy: "categories", of: dataset) {
            return categories
        }
        let byName = "__categories/\(name)"
        guard group.kind(of: byName) == .dataset else { return nil }
        return try group.dataset(byName)
    }

    private static func encoding(
        of column: HDF5Group,
        _ path: String
    ) throws(AnnDataError) -> Encoding {
        let isCategorical =
            column.kind(of: "codes") != nil && column.kind(of: "categories") != nil
        let isNullable = column.kind(of: "values") != nil && column.kind(of: "mask") != nil
        if isCategorical {
            let codes = try hdf5 { () throws(HDF5Error) in try column.dataset("codes") }
            return .categorical(
                codes: Values(codes),
                categories: try Column(path: path, group: column, name: "categories")
            )
        }
        if isNullable {
            return try hdf5 { () throws(HDF5Error) in
                .nullable(
                    values: Values(try column.dataset("values")),
                    mask: try column.dataset("mask")
                )
            }
        }
        let encoding = try hdf5 { () throws(HDF5Error) in
            try column.textAttribute("encoding-type")
        }
        throw .unsupported(
            path: path,
            element: column.path,
            problem: "it is stored as \(encoding ?? "a group"), need a column of labels",
            remedy: "convert the column to text and write the file again"
        )
    }

    /// The datasets that every row is read from.
    var datasets: [HDF5Dataset] {
        switch encoding {
        case .plain(let values), .categorical(let values, _): [values.dataset]
        case .nullable(let values, let mask): [values.dataset, mask]
        }
    }

    /// Entries of the column.
    func rowCount() throws(AnnDataError) -> Int {
        let values =
            switch encoding {
            case .plain(let values), .categorical(let values, _), .nullable(let values, _): values
            }
        return try hdf5 { () throws(HDF5Error) in try values.dataset.elementCount() }
    }
}

extension Column.Values {
    /// Texts of a range of rows.
    func texts(_ range: Range<Int>) throws(AnnDataError) -> HDF5Texts {
        try hdf5 { () throws(HDF5Error) in
            if let member { return try dataset.readTexts(member: member, range) }
            return try dataset.readTexts(range)
        }
    }

    /// Numbers of a range of rows; an enumeration is read as the integers it stands for.
    func numbers<T: HDF5Scalar>(_: T.Type, _ range: Range<Int>) throws(AnnDataError) -> [T] {
        try hdf5 { () throws(HDF5Error) in
            if let member { return try dataset.readMember(member, as: T.self, range) }
            return try dataset.read(T.self, start: [range.lowerBound], count: [range.count])
        }
    }
}
