/// A small symmetric matrix whose rows are SIMD vectors.
struct SymmetricMatrix<Point: SIMD & Sendable>
where Point.Scalar == Double {
    private var rows: [Point]

    /// A multiple of the identity.
    init(diagonal: Double) {
        rows = []
        rows.reserveCapacity(Point.scalarCount)
        for index in 0..<Point.scalarCount {
            var row = Point(repeating: 0)
            row[index] = diagonal
            rows.append(row)
        }
    }

    /// One element.
    subscript(row: Int, column: Int) -> Double {
        get { rows[row][column] }
        set { rows[row][column] = newValue }
    }

    /// The product with a vector.
    func times(_ vector: Point) -> Point {
        var product = Point(repeating: 0)
        for (index, row) in rows.enumerated() { product[index] = row.dot(vector) }
        return product
    }

    /// The vector's product with the matrix and itself.
    func quadraticForm(_ vector: Point) -> Double {
        vector.dot(times(vector))
    }

    /// Adds v vᵀ / divisor.
    mutating func addSquare(of v: Point, dividedBy divisor: Double) {
        for index in rows.indices { rows[index] += v[index] * v / divisor }
    }

    /// Adds weight · v vᵀ.
    mutating func add(_ weight: Double, timesSquareOf v: Point) {
        for index in rows.indices where v[index] != 0 { rows[index] += (weight * v[index]) * v }
    }

    /// What is left of a variable's diagonal element when the other leading columns are eliminated:
    /// the inverse of that element of the inverse.
    ///
    /// - Parameters:
    ///   - variable: The variable, one of the leading columns.
    ///   - columns: Columns in use.
    /// - Returns: The remaining element; 0 where the matrix is singular.
    func remainder(of variable: Int, columns: Int) -> Double {
        var upper = rows
        for pivot in 0..<columns where pivot != variable {
            for row in 0..<columns where row > pivot || row == variable {
                let factor = upper[row][pivot] / upper[pivot][pivot]
                upper[row] -= factor * upper[pivot]
            }
        }
        return upper[variable][variable]
    }

    /// Solves for the free variables, the others being 0; nil unless positive definite in them.
    func solve(_ right: Point, over isFree: SIMDMask<Point.MaskStorage>) -> Point? {
        var upper = rows
        var solution = right.replacing(with: 0, where: .!isFree)
        let free = rows.indices.filter { isFree[$0] }
        for (place, pivot) in free.enumerated() {
            guard upper[pivot][pivot] > 0 else { return nil }
            for row in free[(place + 1)...] {
                let factor = upper[pivot][row] / upper[pivot][pivot]
                upper[row] -= factor * upper[pivot]
                solution[row] -= factor * solution[pivot]
            }
        }
        for (place, row) in free.enumerated().reversed() {
            var rest = solution[row]
            for column in free[(place + 1)...] { rest -= upper[row][column] * solution[column] }
            solution[row] = rest / upper[row][row]
        }
        return solution
    }
}

extension SIMD where Scalar == Double {
    /// The scalar product, summed from the first lane on.
    @inline(__always)
    func dot(_ other: Self) -> Double {
        var sum = self[0] * other[0]
        for index in 1..<Self.scalarCount { sum += self[index] * other[index] }
        return sum
    }

    /// The largest magnitude of any lane.
    @inline(__always)
    var largestMagnitude: Double {
        var largest = 0.0
        for index in 0..<Self.scalarCount { largest = Swift.max(largest, self[index].magnitude) }
        return largest
    }
}
