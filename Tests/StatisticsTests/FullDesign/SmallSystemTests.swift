import Foundation
import Statistics
import Testing

@Suite("Small systems of equations")
struct SmallSystemTests {
    private func system(_ rows: [[Double]], _ right: [Double]) -> SmallSystem {
        let system = SmallSystem(size: right.count)
        for (row, values) in rows.enumerated() {
            for (column, value) in values.enumerated() {
                system.matrix[row * right.count + column] = value
            }
            system.right[row] = right[row]
        }
        return system
    }

    /// A random symmetric matrix, not positive definite, and what it makes of a known solution.
    private func random(
        _ size: Int,
        _ random: inout SeededGenerator
    ) -> (rows: [[Double]], right: [Double], solution: [Double]) {
        var rows = [[Double]](repeating: [Double](repeating: 0, count: size), count: size)
        for row in 0..<size {
            for column in 0...row {
                rows[row][column] = random.uniform(-2, 2)
                rows[column][row] = rows[row][column]
            }
        }
        let solution = (0..<size).map { _ in random.uniform(-3, 3) }
        let right = rows.map { row in zip(row, solution).reduce(0) { $0 + $1.0 * $1.1 } }
        return (rows, right, solution)
    }

    @Test("are solved", arguments: [1, 2, 3, 5, 12, 20])
    func solve(_ size: Int) {
        var generator = SeededGenerator(seed: UInt64(size))
        for _ in 0..<20 {
            let (rows, right, solution) = random(size, &generator)
            let system = system(rows, right)
            system.solve()
            for (found, wanted) in zip(system.solution, solution) {
                #expect(isNear(found, wanted, 1e-8, scale: 3))
            }
            // The inverse times a column of the matrix is a unit vector.
            #expect(system.factor())
            let diagonal = (0..<size).map { system.inverseDiagonal($0) }
            for index in 0..<size {
                let unit = self.system(rows, (0..<size).map { $0 == index ? 1 : 0 })
                unit.solve()
                #expect(isNear(diagonal[index], unit.solution[index], 1e-12, scale: 1))
            }
        }
    }

    @Test("have the determinant that cofactors give")
    func determinant() {
        var generator = SeededGenerator(seed: 9)
        var (positive, negative) = (0, 0)
        for _ in 0..<50 {
            let (m, right, _) = random(3, &generator)
            let cofactors =
                m[0][0] * (m[1][1] * m[2][2] - m[1][2] * m[2][1])
                - m[0][1] * (m[1][0] * m[2][2] - m[1][2] * m[2][0])
                + m[0][2] * (m[1][0] * m[2][1] - m[1][1] * m[2][0])
            let found = system(m, right).logDeterminant()
            if cofactors > 0 {
                positive += 1
                #expect(found.map { isNear($0, log(cofactors), 1e-11, scale: 1) } ?? false)
            } else {
                negative += 1
                #expect(found == nil)
            }
        }
        #expect(positive > 5 && negative > 5)
        #expect(system([[1, 0], [0, 0]], [1, 1]).logDeterminant() == nil)
    }

    @Test("that are singular get the smallest of their solutions")
    func singular() {
        let twice = system([[2, 2], [2, 2]], [4, 4])
        #expect(!twice.factor())
        twice.solve()
        #expect(twice.solution.allSatisfy { isNear($0, 1, 1e-14, scale: 1) })
        // x + y = 3, z = 2; nothing is asked of u.
        let more = system(
            [[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 4, 0], [0, 0, 0, 0]],
            [3, 3, 8, 0]
        )
        more.solve()
        for (found, wanted) in zip(more.solution, [1.5, 1.5, 2, 0]) {
            #expect(isNear(found, wanted, 1e-14, scale: 1))
        }
        // Contradictory: the least squares solution of x + y = 1 and x + y = 2.
        let contradictory = system([[1, 1], [1, 1]], [1, 2])
        contradictory.solve()
        #expect(contradictory.solution.allSatisfy { isNear($0, 0.75, 1e-14, scale: 1) })
    }
}
