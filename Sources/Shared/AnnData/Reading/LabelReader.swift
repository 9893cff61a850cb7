internal import HDF5

/// Reads a column as labels, whatever its encoding, a part at a time.
struct LabelReader {
    /// What becomes of floating-point columns.
    enum Floats {
        /// Refused: a label that depends on how a number is printed is a mistake.
        case refused
        /// Printed as Python prints them.
        case printed
    }

    let column: Column
    let floats: Floats
    /// Rows read at a time.
    private let batch = 65_536

    init(_ column: Column, floats: Floats) {
        self.column = column
        self.floats = floats
    }

    /// Reads every row.
    func read() throws(AnnDataError) -> CellLabels {
        let rowCount = try column.rowCount()
        for dataset in column.datasets { try FilterNames.check(dataset, path: column.path) }
        var numbering = LabelNumbering(rowCount: rowCount)
        switch column.encoding {
        case .plain(let values):
            try eachBatch(rowCount) { (range: Range<Int>) throws(AnnDataError) in
                for text in try texts(values, range) { numbering.add(text) }
            }
        case .nullable(let values, let mask):
            let maskValues = Column.Values(mask)
            try eachBatch(rowCount) { (range: Range<Int>) throws(AnnDataError) in
                let missing = try flags(maskValues, range)
                for (text, isMissing) in zip(try texts(values, range), missing) {
                    if isMissing { numbering.addMissing() } else { numbering.add(text) }
                }
            }
        case .categorical(let codes, let categories):
            try readCategorical(codes, categories, rowCount, &numbering)
        }
        return numbering.labels()
    }

    private func eachBatch(
        _ rowCount: Int,
        _ body: (Range<Int>) throws(AnnDataError) -> Void
    ) throws(AnnDataError) {
        var start = 0
        while start < rowCount {
            let end = min(rowCount, start + batch)
            try body(start..<end)
            start = end
        }
    }

    private func readCategorical(
        _ codes: Column.Values,
        _ categories: Column,
        _ rowCount: Int,
        _ numbering: inout LabelNumbering
    ) throws(AnnDataError) {
        // Categories are a deliberate choice of labels, so numbers among them are printed.
        let labels = try LabelReader(categories, floats: .printed).read()
        // A label's number, or -2 while no row has had it.
        var numbers = [Int32](repeating: -2, count: labels.codes.count)
        guard codes.type.number != nil, codes.type.number?.isFloat == false else {
            throw unsupported("its codes have type \(codes.type), need integers")
        }
        try eachBatch(rowCount) { (range: Range<Int>) throws(AnnDataError) in
            let values = try integers(codes, range)
            for (offset, code) in values.enumerated() {
                if code == -1 {
                    numbering.addMissing()
                    continue
                }
                guard code >= 0, code < Int64(labels.codes.count) else {
                    throw .damaged(
                        path: column.path,
                        element: column.element,
                        problem: "row \(range.lowerBound + offset) has category \(code), "
                            + "there are \(labels.codes.count)"
                    )
                }
                let label = labels.codes[Int(code)]
                if label < 0 {
                    numbering.addMissing()
                    continue
                }
                if numbers[Int(code)] == -2 {
                    numbers[Int(code)] = numbering.code(of: labels.names[Int(label)])
                }
                numbering.add(code: numbers[Int(code)])
            }
        }
    }

    /// Labels of a range of rows as Python's `str` prints them.
    private func texts(
        _ values: Column.Values,
        _ range: Range<Int>
    ) throws(AnnDataError) -> [String] {
        switch values.type {
        case .variableText, .fixedText:
            return try values.texts(range).values
        case .boolean:
            return try values.numbers(Int8.self, range).map { $0 != 0 ? "True" : "False" }
        case .number(.float32, _), .number(.float16, _):
            try refuseFloats(values)
            return try values.numbers(Float.self, range).map(pythonText)
        case .number(.float64, _):
            try refuseFloats(values)
            return try values.numbers(Double.self, range).map(pythonText)
        case .number(.uint64, _):
            return try values.numbers(UInt64.self, range).map { String($0) }
        case .number:
            return try values.numbers(Int64.self, range).map { String($0) }
        default:
            throw unsupported("it has type \(values.type), need text, integers or booleans")
        }
    }

    private func refuseFloats(_ values: Column.Values) throws(AnnDataError) {
        guard floats == .refused else { return }
        throw unsupported(
            "it holds floating-point numbers (\(values.type)), need text, integers or booleans"
        )
    }

    private func unsupported(_ problem: String) -> AnnDataError {
        .unsupported(
            path: column.path,
            element: column.element,
            problem: problem,
            remedy: "convert the column to text and write the file again"
        )
    }

    private func integers(
        _ values: Column.Values,
        _ range: Range<Int>
    ) throws(AnnDataError) -> [Int64] {
        switch values.type {
        case .boolean, .enumeration(.int8):
            try values.numbers(Int8.self, range).map(Int64.init)
        default:
            try values.numbers(Int64.self, range)
        }
    }

    private func flags(
        _ values: Column.Values,
        _ range: Range<Int>
    ) throws(AnnDataError) -> [Bool] {
        guard let number = values.type.number, !number.isFloat else {
            throw unsupported("its mask has type \(values.type), need booleans")
        }
        return try integers(values, range).map { $0 != 0 }
    }
}

/// A number as Python prints it: like Swift, except for what is not finite.
private func pythonText<T: BinaryFloatingPoint & CustomStringConvertible>(_ value: T) -> String {
    if value.isNaN { return "nan" }
    if value.isInfinite { return value < 0 ? "-inf" : "inf" }
    // Swift changes to an exponent at 2^53, Python at 10^16.
    let exact = value.magnitude < 1e16 && value == value.rounded()
    return exact ? "\(Int64(value)).0" : value.description
}
