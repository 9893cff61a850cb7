import CLAPACK
import Testing

@Suite("LAPACK")
struct RankTests {
    /// The rank of a row-major design by QR with column pivoting.
    private func rank(_ design: [Double], rows: Int, columns: Int) -> Int {
        var matrix = design
        var pivots = [Int32](repeating: 0, count: columns)
        var reflectors = [Double](repeating: 0, count: min(rows, columns))
        let status = LAPACKE_dgeqp3(
            LAPACK_ROW_MAJOR,
            Int32(rows),
            Int32(columns),
            &matrix,
            Int32(columns),
            &pivots,
            &reflectors
        )
        #expect(status == 0)
        let diagonal = (0..<min(rows, columns)).map { abs(matrix[$0 * columns + $0]) }
        return diagonal.count { $0 > 1e-12 * diagonal[0] }
    }

    @Test("Pivoted QR finds the rank of a design with and without a redundant covariate")
    func findsRank() {
        let full: [Double] = [
            1, 0, 0.5,
            1, 0, -1.5,
            1, 1, 2.0,
            1, 1, 0.25,
        ]
        // The last column is the sum of the first two.
        let redundant: [Double] = [
            1, 0, 1,
            1, 0, 1,
            1, 1, 2,
            1, 1, 2,
        ]
        #expect(rank(full, rows: 4, columns: 3) == 3)
        #expect(rank(redundant, rows: 4, columns: 3) == 2)
    }
}
