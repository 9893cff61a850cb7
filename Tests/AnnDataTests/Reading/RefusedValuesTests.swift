import AnnData
import HDF5
import Testing

@Suite("Refused values")
struct RefusedValuesTests {
    private static let choices: [MatrixChoice] = [
        .x, .layer("by_gene"), .layer("dense"), .layer("dense_chunks"),
    ]

    /// 300 cells, 60 genes, of which cell c has genes c % 7, c % 7 + 7, ...
    private func screen<Value: StreamedValue & HDF5Scalar>(
        _ value: (_ cell: Int, _ gene: Int) -> Value
    ) -> ValueScreen<Value> {
        let rows = (0..<300).map { cell in
            stride(from: cell % 7, to: 60, by: 7).map { gene in
                ValueEntry(gene: UInt32(gene), value: value(cell, gene))
            }
        }
        return ValueScreen(rows: rows, geneCount: 60)
    }

    /// The error of each storage, and how many cells were consumed before it.
    private func errors<Value: StreamedValue & HDF5Scalar>(
        _ screen: ValueScreen<Value>,
        memoryBytes: Int = 1 << 20
    ) throws -> [(choice: MatrixChoice, error: AnnDataError?, consumed: Int)] {
        let directory = try ScratchDirectory()
        let path = directory.path + "/refused.h5ad"
        try screen.write(path)
        let file = try ScreenFile.open(path)
        return Self.choices.map { choice in
            var pass = ValuePass<Value>()
            let error = anndataError {
                try readValues(
                    file,
                    choice,
                    of: Value.self,
                    memoryBytes: memoryBytes,
                    scratch: directory.path,
                    into: &pass
                )
            }
            #expect(error?.description.contains(path) ?? true, "the file is named")
            return (choice, error, pass.rows.count)
        }
    }

    private func element(_ choice: MatrixChoice) -> String {
        choice.description.contains("dense") ? choice.description : choice.description + "/data"
    }

    @Test("NaN and infinite values are refused with their place", arguments: [0, 120, 299])
    func notFinite(cell: Int) throws {
        let gene = cell % 7 + 14
        for bad in [Float.nan, .infinity, -.infinity] {
            let screen = screen { $0 == cell && $1 == gene ? bad : Float($0 + $1) / 8 + 0.1 }
            for (choice, error, _) in try errors(screen) {
                guard case .notFinite(_, element(choice), cell, gene, "\(bad)") = error else {
                    Issue.record("\(choice): \(String(describing: error))")
                    continue
                }
                #expect(
                    error?.description.contains(
                        "cell \(cell), gene \(gene) (both from 0) has \(bad), which is not a "
                            + "finite number"
                    ) == true
                )
                #expect(error?.description.contains("--layer") == true)
            }
        }
        let screen = screen { $0 == cell && $1 == gene ? Double.nan : 0.3 }
        for (choice, error, _) in try errors(screen) {
            guard case .notFinite(_, element(choice), cell, gene, "nan") = error else {
                Issue.record("\(choice): \(String(describing: error))")
                continue
            }
        }
    }

    @Test("Duplicates whose sum is infinite are refused")
    func infiniteSum() throws {
        var screen = screen { _, _ in Float(0.3) }
        let largest = ValueEntry(gene: 3, value: Float.greatestFiniteMagnitude)
        screen.rows[40] = [largest, largest, ValueEntry(gene: 5, value: 1)]
        for (choice, error, _) in try errors(screen).prefix(2) {
            guard
                case .notFinite(_, element(choice), 40, 3, "duplicates that sum to inf") = error
            else {
                Issue.record("\(choice): \(String(describing: error))")
                continue
            }
        }
    }

    @Test("Floating-point counts are refused before anything beyond the first 100 cells")
    func looksLikeCounts() throws {
        // Nothing positive in the first two cells; rounding is forgiven; later cells do not count.
        let screen = screen { cell, gene in
            cell < 2 ? -0.5 : cell >= 100 ? 0.25 : Float(gene + 1) * (1 + 5e-6)
        }
        for (choice, error, consumed) in try errors(screen) {
            guard
                case .countsNotExpression(_, choice.description, 2, 2, _, let positive, 100) = error
            else {
                Issue.record("\(choice): \(String(describing: error))")
                continue
            }
            #expect(positive == screen.rows[2..<100].reduce(0) { $0 + $1.count })
            #expect(consumed < 100)
            let text = error?.description ?? ""
            #expect(
                text.contains("looks like counts: all \(positive) positive values of the first")
            )
            #expect(text.contains("cell 2, gene 2 (both from 0)"))
            #expect(text.contains("choose another --layer; for counts use --method nb-glm"))
        }
    }

    /// Whether a screen with `value` in its first 100 cells and 0.25 beyond is read.
    private func isRead(_ value: (_ cell: Int, _ gene: Int) -> Double) throws -> Bool {
        let screen = screen { $0 < 100 ? value($0, $1) : 3 }
        let refused = try errors(screen).map { $0.error != nil }
        #expect(Set(refused).count == 1)
        return !refused[0]
    }

    @Test("One value between integers, or no positive one, is enough to be read")
    func acceptance() throws {
        #expect(try !isRead { _, _ in 3 })
        #expect(try isRead { cell, gene in cell == 99 && gene == 57 ? 0.5 : 3 })
        #expect(try isRead { _, _ in -3 })
        // Negative values say nothing.
        #expect(try !isRead { cell, _ in cell % 2 == 0 ? -0.5 : 3 })
        // |x - round(x)| <= 1e-8 + 1e-5 |round(x)|
        for nearest in [0.0, 1, 7, 1000] {
            let bound = 1e-8 + 1e-5 * nearest
            #expect(try !isRead { _, _ in nearest + bound * 0.999 })
            #expect(try isRead { _, _ in nearest + bound * 1.001 })
            if nearest > 0 {
                #expect(try !isRead { _, _ in nearest - bound * 0.999 })
                #expect(try isRead { _, _ in nearest - bound * 1.001 })
            }
        }
    }

    @Test("A screen of fewer than 100 cells is looked at as a whole")
    func fewCells() throws {
        var screen = screen { _, _ in Float(2) }
        screen.rows = Array(screen.rows[..<30])
        for (choice, error, _) in try errors(screen) {
            guard case .countsNotExpression(_, choice.description, 0, 0, "2.0", _, 30) = error
            else {
                Issue.record("\(choice): \(String(describing: error))")
                continue
            }
        }
        screen.rows[29] = [ValueEntry(gene: 1, value: 2.5)]
        #expect(try errors(screen).allSatisfy { $0.error == nil && $0.consumed == 30 })
        screen.rows = screen.rows.map { _ in [] }
        screen.rows[7] = [ValueEntry(gene: 1, value: -1)]
        #expect(try errors(screen).allSatisfy { $0.error == nil && $0.consumed == 30 })
    }
}
