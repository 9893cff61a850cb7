/// A symmetric system of a few linear equations in memory that serves gene after gene.
///
/// Solved by elimination with partial pivoting; where that meets a zero pivot, by least squares of
/// smallest norm.
package final class SmallSystem {
    /// Number of unknowns.
    package let size: Int
    /// The matrix by rows; shape `[size * size]`.
    package let matrix: UnsafeMutableBufferPointer<Double>
    /// The right-hand side; shape `[size]`.
    package let right: UnsafeMutableBufferPointer<Double>
    /// The solution; shape `[size]`.
    package let solution: UnsafeMutableBufferPointer<Double>
    private let factors: UnsafeMutableBufferPointer<Double>
    private let order: UnsafeMutableBufferPointer<Int>
    private var swaps = 0

    /// A system of zeros.
    package init(size: Int) {
        self.size = size
        matrix = .allocate(capacity: size * size)
        matrix.initialize(repeating: 0)
        right = .allocate(capacity: size)
        right.initialize(repeating: 0)
        solution = .allocate(capacity: size)
        solution.initialize(repeating: 0)
        factors = .allocate(capacity: size * size)
        factors.initialize(repeating: 0)
        order = .allocate(capacity: size)
        order.initialize(repeating: 0)
    }

    deinit {
        matrix.deallocate()
        right.deallocate()
        solution.deallocate()
        factors.deallocate()
        order.deallocate()
    }

    /// Makes matrix and right-hand side zero.
    package func clear() {
        matrix.update(repeating: 0)
        right.update(repeating: 0)
    }

    /// Adds to every element of the diagonal.
    package func addToDiagonal(_ ridge: Double) {
        for index in 0..<size { matrix[index * size + index] += ridge }
    }

    /// Factors a copy of the matrix; false when a pivot is exactly zero.
    package func factor() -> Bool {
        _ = factors.update(fromContentsOf: matrix)
        for index in 0..<size { order[index] = index }
        swaps = 0
        for column in 0..<size {
            let pivot = pivotRow(column)
            if factors[pivot * size + column] == 0 { return false }
            if pivot != column {
                swapRows(pivot, column)
                swaps += 1
            }
            let diagonal = factors[column * size + column]
            for row in (column + 1)..<size {
                let multiple = factors[row * size + column] / diagonal
                factors[row * size + column] = multiple
                for later in (column + 1)..<size {
                    factors[row * size + later] -= multiple * factors[column * size + later]
                }
            }
        }
        return true
    }

    /// The row at or below `column` whose element in it is largest; the first of equals.
    private func pivotRow(_ column: Int) -> Int {
        var best = column
        for row in column..<size
        where factors[row * size + column].magnitude > factors[best * size + column].magnitude {
            best = row
        }
        return best
    }

    private func swapRows(_ first: Int, _ second: Int) {
        order.swapAt(first, second)
        for column in 0..<size { factors.swapAt(first * size + column, second * size + column) }
    }

    /// Solves for the right-hand side, after a ``factor()`` that returned true.
    private func substitute(_ element: (Int) -> Double) {
        for row in 0..<size {
            var sum = element(order[row])
            for column in 0..<row { sum -= factors[row * size + column] * solution[column] }
            solution[row] = sum
        }
        for row in (0..<size).reversed() {
            var sum = solution[row]
            for column in (row + 1)..<size {
                sum -= factors[row * size + column] * solution[column]
            }
            solution[row] = sum / factors[row * size + row]
        }
    }

    /// Solves the equations into ``solution``.
    package func solve() {
        if factor() {
            substitute { right[$0] }
        } else {
            solveByLeastSquares()
        }
    }

    /// An element of the inverse's diagonal, after a ``factor()`` that returned true.
    package func inverseDiagonal(_ index: Int) -> Double {
        substitute { $0 == index ? 1 : 0 }
        return solution[index]
    }

    /// ln of the determinant; nil when it is not positive.
    package func logDeterminant() -> Double? {
        guard factor() else { return nil }
        var isNegative = swaps % 2 == 1
        var sum = 0.0
        for index in 0..<size {
            let pivot = factors[index * size + index]
            if pivot < 0 { isNegative.toggle() }
            sum += RealFunctions.log(pivot.magnitude)
        }
        return isNegative || sum.isNaN ? nil : sum
    }

    /// The solution of smallest norm: eigenvalues below rounding are taken as zero.
    private func solveByLeastSquares() {
        var vectors = [Double](repeating: 0, count: size * size)
        var values = Array(matrix)
        for index in 0..<size { vectors[index * size + index] = 1 }
        diagonalise(&values, &vectors)
        let eigenvalues = (0..<size).map { values[$0 * size + $0] }
        let largest = eigenvalues.reduce(0) { max($0, $1.magnitude) }
        solution.update(repeating: 0)
        for (index, eigenvalue) in eigenvalues.enumerated()
        where eigenvalue.magnitude > largest * Double(size) * Double.ulpOfOne {
            var projection = 0.0
            for row in 0..<size { projection += vectors[row * size + index] * right[row] }
            let weight = projection / eigenvalue
            for row in 0..<size { solution[row] += weight * vectors[row * size + index] }
        }
    }

    /// Rotates a symmetric matrix to its eigenvalues (Jacobi 1846; Golub & Van Loan 1996, §8.4).
    private func diagonalise(_ values: inout [Double], _ vectors: inout [Double]) {
        for _ in 0..<30 {
            var isDone = true
            for row in 0..<size {
                for column in (row + 1)..<size {
                    let element = values[row * size + column]
                    let scale =
                        values[row * size + row].magnitude
                        + values[column * size + column].magnitude
                    guard element.magnitude > 1e-18 * scale else { continue }
                    isDone = false
                    rotate(row, column, &values, &vectors)
                }
            }
            if isDone { return }
        }
    }

    private func rotate(
        _ p: Int,
        _ q: Int,
        _ values: inout [Double],
        _ vectors: inout [Double]
    ) {
        let theta =
            (values[q * size + q] - values[p * size + p]) / (2 * values[p * size + q])
        let root = theta.magnitude + (theta * theta + 1).squareRoot()
        let tangent = (theta < 0 ? -1 : 1) / root
        let cosine = 1 / (tangent * tangent + 1).squareRoot()
        let sine = tangent * cosine
        for index in 0..<size {
            let (first, second) = (values[index * size + p], values[index * size + q])
            values[index * size + p] = cosine * first - sine * second
            values[index * size + q] = sine * first + cosine * second
        }
        for index in 0..<size {
            let (first, second) = (values[p * size + index], values[q * size + index])
            values[p * size + index] = cosine * first - sine * second
            values[q * size + index] = sine * first + cosine * second
            let (left, right) = (vectors[index * size + p], vectors[index * size + q])
            vectors[index * size + p] = cosine * left - sine * right
            vectors[index * size + q] = sine * left + cosine * right
        }
    }
}
