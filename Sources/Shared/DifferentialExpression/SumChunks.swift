/// Where the t-test's partial sums begin anew (docs/numbers.md, E20).
///
/// The published package adds up 4,096 cells of the file at a time in the storage type of the
/// values, and those partial sums in double precision. Cells without a label are not counted,
/// as if they were not in the file.
package struct SumChunks: Equatable, Sendable {
    /// Cells added up in the storage type.
    package static let cells = 4096

    /// File row of the first cell of each chunk, ascending; empty when every cell has a label, and
    /// a chunk is `cells` rows.
    package let starts: [UInt32]

    /// Chunks of a file whose cells all have a label.
    package init() { starts = [] }

    /// Chunks of a file.
    ///
    /// - Parameter groupOfCell: The group of each cell of the file, -1 for cells without a label.
    package init(groupOfCell: [Int32]) {
        guard groupOfCell.contains(where: { $0 < 0 }) else {
            starts = []
            return
        }
        var starts: [UInt32] = []
        var labelled = 0
        for row in groupOfCell.indices where groupOfCell[row] >= 0 {
            if labelled % Self.cells == 0 { starts.append(UInt32(row)) }
            labelled += 1
        }
        self.starts = starts
    }

    /// Chunks that begin at these rows; nil unless they ascend strictly.
    init?(starts: [UInt64]) {
        for (index, start) in starts.enumerated() {
            guard start <= UInt32.max, index == 0 || starts[index - 1] < start else { return nil }
        }
        self.starts = starts.map { UInt32($0) }
    }

    /// The file row at which the chunk of a row has ended.
    func end(ofChunkWith row: Int) -> Int {
        guard !starts.isEmpty else { return (row / Self.cells + 1) * Self.cells }
        var (low, high) = (0, starts.count)
        while low < high {
            let middle = (low + high) / 2
            if Int(starts[middle]) <= row { low = middle + 1 } else { high = middle }
        }
        return low < starts.count ? Int(starts[low]) : .max
    }
}
