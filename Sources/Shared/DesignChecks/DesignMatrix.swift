import CLAPACK

/// Rows of a design, whose rank is wanted.
struct DesignMatrix {
    let columns: Int
    private var values: [Double] = []

    /// A pivot below this share of the first is rounding.
    private static let tolerance = 1e-10

    /// A matrix without rows.
    init(columns: Int) {
        self.columns = columns
    }

    private var rows: Int { values.count / max(columns, 1) }

    /// Adds a row of `columns` values.
    mutating func append(_ row: [Double]) {
        precondition(row.count == columns)
        values += row
    }

    /// Some columns of every row.
    func selecting(_ chosen: [Int]) -> DesignMatrix {
        var matrix = DesignMatrix(columns: chosen.count)
        for row in 0..<rows { matrix.append(chosen.map { values[row * columns + $0] }) }
        return matrix
    }

    /// Every row with a 0 behind it.
    func widened() -> DesignMatrix {
        var matrix = DesignMatrix(columns: columns + 1)
        for row in 0..<rows { matrix.append(values[row * columns..<(row + 1) * columns] + [0]) }
        return matrix
    }

    /// A matrix of at most as many rows as columns with the same products of columns, by QR.
    func triangle() -> DesignMatrix {
        guard rows > columns else { return self }
        var factored = values
        var reflectors = [Double](repeating: 0, count: columns)
        let status = LAPACKE_dgeqrf(
            LAPACK_ROW_MAJOR,
            Int32(rows),
            Int32(columns),
            &factored,
            Int32(columns),
            &reflectors
        )
        precondition(status == 0, "LAPACK refuses no finite matrix")
        var matrix = DesignMatrix(columns: columns)
        for row in 0..<columns {
            matrix.append((0..<columns).map { $0 < row ? 0 : factored[row * columns + $0] })
        }
        return matrix
    }

    /// The number of independent columns, each scaled to length 1.
    func rank() -> Int {
        var lengths = [Double](repeating: 0, count: columns)
        for index in values.indices { lengths[index % columns] += values[index] * values[index] }
        var scaled = values
        for index in values.indices where lengths[index % columns] > 0 {
            scaled[index] /= lengths[index % columns].squareRoot()
        }
        var pivots = [Int32](repeating: 0, count: columns)
        var reflectors = [Double](repeating: 0, count: min(rows, columns))
        let status = LAPACKE_dgeqp3(
            LAPACK_ROW_MAJOR,
            Int32(rows),
            Int32(columns),
            &scaled,
            Int32(columns),
            &pivots,
            &reflectors
        )
        precondition(status == 0, "LAPACK refuses no finite matrix")
        let diagonal = (0..<min(rows, columns)).map { scaled[$0 * columns + $0].magnitude }
        return diagonal.count { $0 > Self.tolerance * (diagonal.first ?? 0) }
    }
}
