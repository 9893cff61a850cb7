import AnnData
import Foundation
import HDF5
import Testing

/// Layers of values.h5py-3.16.0.h5ad, see make_values.py, by the type that they are delivered in.
private let singles = [
    "type_f2", "type_f4", "type_bigf2", "type_bigf4", "contiguous_f4", "gzip_f4", "all_f4",
    "lzf_f4", "by_gene_f4", "by_gene_f2", "untidy_f4", "dense_f2", "dense_f4", "dense_bigf4",
]
private let doubles = [
    "type_f8", "type_bigf8", "contiguous_f8", "gzip_f8", "all_f8", "lzf_f8", "by_gene_f8",
    "untidy_f8", "dense_f8",
]
private let integers = ["boolean", "integers"]

/// The values of make_values.py.
private func fixtureValues<Value: StreamedValue>(_: Value.Type) -> [[ValueEntry<Value>]] {
    FixtureCounts.rows.map { row in
        row.map { ValueEntry(gene: $0.gene, value: Value(2 * Int($0.count) - 3) / 8) }
    }
}

@Suite("Streaming values")
struct StreamValuesTests {
    private let file = "values.h5py-3.16.0.h5ad"

    private func check<Value: StreamedValue>(_: Value.Type, _ layer: String) throws {
        let screen = try ScreenFile.open(fixture(file))
        #expect(try screen.valueType(.layer(layer)) == Value.valueType)
        let pass = try readValues(screen, .layer(layer), of: Value.self)
        let expected = fixtureValues(Value.self)
        #expect(pass.rows == expected)
        let entries = expected.flatMap { $0 }
        #expect(pass.report.cells == FixtureCounts.cells)
        #expect(pass.report.nonzeros == entries.count)
        #expect(pass.report.negativeValues == entries.count { $0.value < 0 })
        #expect(pass.report.negativeValues > 0)
        let isUntidy = layer.hasPrefix("untidy")
        #expect(pass.report.duplicatesSummed == (isUntidy ? 2 : 0))
        #expect(pass.report.unsortedRows == (isUntidy ? 2 : 0))
        if !layer.hasPrefix("dense") {
            #expect(pass.report.explicitZerosDropped == (isUntidy ? 2 : 0))
        }
    }

    @Test("The same values in every storage give the same rows", arguments: singles)
    func single(layer: String) throws { try check(Float.self, layer) }

    @Test("The same values in double precision give the same rows", arguments: doubles)
    func double(layer: String) throws { try check(Double.self, layer) }

    @Test("Every layer of the fixture is tested")
    func allLayers() throws {
        let screen = try ScreenFile.open(fixture(file))
        let stored = screen.availableMatrices().filter { $0.hasPrefix("layers/") }
        #expect(Set(stored) == Set((singles + doubles + integers).map { "layers/" + $0 }))
    }

    @Test("Integers are refused with what to do", arguments: integers)
    func integer(layer: String) throws {
        let path = try fixture(file)
        let screen = try ScreenFile.open(path)
        let type = layer == "boolean" ? "bool" : "uint16"
        let expected = AnnDataError.integersNotExpression(
            path: path,
            element: "layers/\(layer)",
            type: type
        )
        #expect(throws: expected) { try screen.valueType(.layer(layer)) }
        #expect(throws: expected) {
            _ = try readValues(screen, .layer(layer), of: Float.self)
        }
        #expect(
            expected.description
                == "layers/\(layer) in \(path) holds integers (\(type)); this test needs "
                + "log-normalised expression: normalise and log-transform, or choose another "
                + "--layer; for counts use --method nb-glm"
        )
    }
}

/// A small seeded generator, so that every run tests the same screens.
private struct Numbers {
    var state: UInt64

    mutating func next(_ limit: Int) -> Int {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int((state >> 33) % UInt64(limit))
    }
}

@Suite("Random screens of values")
struct RandomValueScreenTests {
    /// Values of any size and sign; untidy ones are in any order, with zeros and duplicates.
    private func random<Value: StreamedValue & HDF5Scalar>(
        _: Value.Type,
        cells: Int,
        genes: Int,
        isUntidy: Bool,
        seed: UInt64
    ) -> ValueScreen<Value> {
        var numbers = Numbers(state: seed)
        let rows = (0..<cells).map { cell in
            let share = cell % 17 == 3 ? 0 : cell % 19 == 5 ? 100 : 20
            var row: [ValueEntry<Value>] = []
            for gene in 0..<UInt32(genes) where numbers.next(100) < share {
                let size: Value = [1, 1000, 1 / 1000][numbers.next(3)]
                let value = Value(numbers.next(1 << 24) - 1 << 20) / 7_919 * size
                row.append(ValueEntry(gene: gene, value: value == 0 ? 1 : value))
            }
            guard isUntidy, row.count < genes / 2, !row.isEmpty else { return row }
            for _ in 0..<numbers.next(9) {
                // Sums of three and more depend on their order.
                let gene = row[numbers.next(row.count)].gene
                let value = Value(numbers.next(1 << 20) - 1 << 19) / 7
                row.append(ValueEntry(gene: gene, value: value))
            }
            row.append(ValueEntry(gene: UInt32(numbers.next(genes)), value: -0.0))
            let place = numbers.next(row.count)
            return Array(row[place...] + row[..<place])
        }
        return ValueScreen(rows: rows, geneCount: genes)
    }

    private func check<Value: StreamedValue & HDF5Scalar>(
        _: Value.Type,
        isUntidy: Bool,
        seed: UInt64
    ) throws {
        let directory = try ScratchDirectory()
        let path = directory.path + "/values.h5ad"
        let random = random(Value.self, cells: 600, genes: 301, isUntidy: isUntidy, seed: seed)
        try random.write(path)
        let screen = try ScreenFile.open(path)
        let expected = random.delivered
        let entries = expected.flatMap { $0 }
        for choice in [MatrixChoice.x, .layer("by_gene"), .layer("dense"), .layer("dense_chunks")] {
            for (threads, megabytes) in [(1, 1), (2, 64), (5, 2)] {
                var pass = ValuePass<Value>()
                try readValues(
                    screen,
                    choice,
                    of: Value.self,
                    threads: threads,
                    memoryBytes: megabytes << 20,
                    scratch: directory.path,
                    into: &pass
                )
                #expect(pass.rows == expected, "\(choice), \(threads) threads")
                #expect(pass.report.nonzeros == entries.count)
                #expect(pass.report.negativeValues == entries.count { $0.value < 0 })
                // Little memory means many pieces.
                #expect(megabytes > 1 || pass.pieces > 3)
                let isSparse = !choice.description.hasPrefix("layers/dense")
                #expect((pass.report.duplicatesSummed > 0) == (isUntidy && isSparse))
                #expect((pass.report.unsortedRows > 0) == (isUntidy && choice == .x))
            }
        }
    }

    @Test("Every storage gives the values that were written, bit by bit", arguments: [false, true])
    func everyStorage(isUntidy: Bool) throws {
        try check(Float.self, isUntidy: isUntidy, seed: 11)
        try check(Double.self, isUntidy: isUntidy, seed: 12)
    }
}
