/// A column of labels: the distinct ones and which one each row has.
package struct CellLabels: Equatable, Sendable {
    /// Distinct labels in order of first appearance; each has at least one row.
    package let names: [String]
    /// For each row the position of its label in ``names``, or -1 when the label is missing.
    package let codes: [Int32]
    /// Number of rows whose label is missing.
    package let missingCount: Int
    /// Number of distinct labels in whose bytes something was not UTF-8 and was replaced.
    package let repairedCount: Int

    /// The label of each row; `missing` where there is none.
    package func expanded(missing: String) -> [String] {
        codes.map { $0 < 0 ? missing : names[Int($0)] }
    }
}

/// Numbers labels in order of first appearance.
struct LabelNumbering {
    private(set) var names: [String] = []
    private(set) var codes: [Int32] = []
    private(set) var missingCount = 0
    private(set) var repairedCount = 0
    private var known: [String: Int32] = [:]

    init(rowCount: Int) { codes.reserveCapacity(rowCount) }

    mutating func add(_ label: String) { codes.append(code(of: label)) }

    mutating func add(code: Int32) { codes.append(code) }

    mutating func addMissing() {
        codes.append(-1)
        missingCount += 1
    }

    mutating func code(of label: String) -> Int32 {
        if let code = known[label] { return code }
        let code = Int32(names.count)
        known[label] = code
        names.append(label)
        // The replacement character is what the reader puts for bytes that are not UTF-8.
        if label.unicodeScalars.contains("\u{FFFD}") { repairedCount += 1 }
        return code
    }

    func labels() -> CellLabels {
        CellLabels(
            names: names,
            codes: codes,
            missingCount: missingCount,
            repairedCount: repairedCount
        )
    }
}
