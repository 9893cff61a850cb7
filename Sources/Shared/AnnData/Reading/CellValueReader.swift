internal import HDF5

/// Reads a column of `obs` as numbers or levels, whatever its encoding, a part at a time.
struct CellValueReader {
    let column: Column
    /// Rows read at a time.
    private let batch = 65_536

    init(column: Column) {
        self.column = column
    }

    /// Reads every row.
    func read() throws(AnnDataError) -> CellValues {
        for dataset in column.datasets { try FilterNames.check(dataset, path: column.path) }
        switch column.encoding {
        case .categorical(let codes, let names):
            return .levels(try listed(codes, names))
        case .plain(let values):
            if values.type.isText { return .levels(try texts()) }
            return .numbers(try numbers(values))
        case .nullable(let values, let mask):
            if values.type.isText { return .levels(try texts()) }
            var numbers = try numbers(values)
            let missing = try self.numbers(Column.Values(mask))
            for row in numbers.indices where missing[row] != 0 { numbers[row] = .nan }
            return .numbers(numbers)
        }
    }

    /// Distinct texts, by code point as Python orders them.
    private func texts() throws(AnnDataError) -> CellLevels {
        let labels = try LabelReader(column, floats: .refused).read()
        let order = labels.names.indices.sorted {
            labels.names[$0].utf8.lexicographicallyPrecedes(labels.names[$1].utf8)
        }
        var rank = [Int32](repeating: 0, count: order.count)
        for (position, name) in order.enumerated() { rank[name] = Int32(position) }
        return CellLevels(
            names: order.map { labels.names[$0] },
            codes: labels.codes.map { $0 < 0 ? -1 : rank[Int($0)] },
            areListed: false
        )
    }

    /// Categories in the file's order.
    private func listed(
        _ codes: Column.Values,
        _ categories: Column
    ) throws(AnnDataError) -> CellLevels {
        let names = try LabelReader(categories, floats: .printed).read().expanded(missing: "nan")
        guard let type = codes.type.number, !type.isFloat else {
            throw unsupported("its codes have type \(codes.type), need integers")
        }
        let numbers = try numbers(codes)
        for (row, code) in numbers.enumerated() {
            guard code >= -1, code < Double(names.count) else {
                throw .damaged(
                    path: column.path,
                    element: column.element,
                    problem: "row \(row) has category \(Int(code)), there are \(names.count)"
                )
            }
        }
        return CellLevels(names: names, codes: numbers.map { Int32($0) }, areListed: true)
    }

    private func numbers(_ values: Column.Values) throws(AnnDataError) -> [Double] {
        let rowCount = try column.rowCount()
        var numbers: [Double] = []
        numbers.reserveCapacity(rowCount)
        var start = 0
        while start < rowCount {
            let range = start..<min(rowCount, start + batch)
            numbers += try part(values, range)
            start = range.upperBound
        }
        return numbers
    }

    private func part(
        _ values: Column.Values,
        _ range: Range<Int>
    ) throws(AnnDataError) -> [Double] {
        switch values.type {
        case .boolean, .enumeration(.int8):
            return try values.numbers(Int8.self, range).map { Double($0) }
        case .enumeration:
            return try values.numbers(Int64.self, range).map { Double($0) }
        case .number:
            return try values.numbers(Double.self, range)
        default:
            throw unsupported("it has type \(values.type), need numbers, text or categories")
        }
    }

    private func unsupported(_ problem: String) -> AnnDataError {
        .unsupported(
            path: column.path,
            element: column.element,
            problem: problem,
            remedy: "convert the column to numbers or text and write the file again"
        )
    }
}
