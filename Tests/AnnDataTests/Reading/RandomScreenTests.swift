import AnnData
import Foundation
import HDF5
import Testing

/// A screen with random counts, written to a temporary file in several storages.
private struct RandomScreen {
    var rows: [[Entry]] = []
    let geneCount: Int
    private var generator: SplitMix

    init(cells: Int, genes: Int, density: Double, seed: UInt64) {
        geneCount = genes
        generator = SplitMix(state: seed)
        for cell in 0..<cells {
            var row: [Entry] = []
            // Some cells are empty and some have every gene.
            let share = cell % 17 == 3 ? 0 : cell % 19 == 5 ? 1 : density
            for gene in 0..<genes where generator.uniform() < share {
                let large = generator.uniform() < 0.02
                let count = large ? UInt32(generator.next() % 4_000_000_000) : 0
                row.append(
                    Entry(gene: UInt32(gene), count: max(count, 1 + UInt32(generator.next() % 5)))
                )
            }
            rows.append(row)
        }
    }

    /// The same counts with one entry per cell split in two, at any place of the row.
    var withDuplicates: [[Entry]] {
        rows.enumerated().map { cell, row in
            let splittable = row.indices.filter { row[$0].count > 1 }
            guard !splittable.isEmpty, row.count < geneCount else { return row }
            let place = splittable[cell * 7 % splittable.count]
            let gene = row[place].gene
            let parts = [
                Entry(gene: gene, count: 1), Entry(gene: gene, count: row[place].count - 1),
            ]
            return row[..<place] + parts + row[(place + 1)...]
        }
    }

    /// The same counts with zeros for absent genes, each row turned around at some place.
    var untidy: [[Entry]] {
        rows.enumerated().map { cell, row in
            let present = Set(row.map(\.gene))
            var entries = row
            for gene in 0..<UInt32(geneCount) where !present.contains(gene) && gene % 5 == 0 {
                entries.append(Entry(gene: gene, count: 0))
            }
            let place = entries.isEmpty ? 0 : cell * 31 % entries.count
            return Array(entries[place...] + entries[..<place])
        }
    }

    func write(_ path: String) throws {
        let root = try HDF5File(creating: path).root
        for (name, count) in [("obs", rows.count), ("var", geneCount)] {
            let table = try root.createGroup(name)
            try table.setAttribute("_index", "_index")
            try table.setAttribute("column-order", [String]())
            try table.writeTexts("_index", (0..<count).map { "n\($0)" })
        }
        let layers = try root.createGroup("layers")
        try writeByCell(rows, root, "X", .none, chunk: 1000)
        try writeByCell(rows, layers, "shuffled", .shuffledDeflate(level: 1), chunk: 777)
        try writeByCell(rows, layers, "deflated", .deflate(level: 1), chunk: 50_000)
        try writeByCell(withDuplicates, layers, "duplicates", .none, chunk: 1000)
        try writeByCell(untidy, layers, "untidy", .none, chunk: 1000)
        try writeByGene(rows, layers, "by_gene")
        try writeByGene(withDuplicates, layers, "by_gene_duplicates")
        try writeByGene(untidy, layers, "by_gene_untidy")
        var dense = [Double](repeating: 0, count: rows.count * geneCount)
        for (cell, row) in rows.enumerated() {
            for entry in row { dense[cell * geneCount + Int(entry.gene)] = Double(entry.count) }
        }
        let shape = [rows.count, geneCount]
        try layers.writeNumbers("dense", dense, shape: shape)
        let chunked = try layers.createChunked(
            "dense_chunks",
            .uint32,
            shape: shape,
            chunk: [13, 50],
            compression: .shuffledDeflate(level: 1)
        )
        try chunked.write(dense.map { UInt32($0) }, start: [0, 0], count: shape)
    }

    private func writeByCell(
        _ rows: [[Entry]],
        _ parent: HDF5Group,
        _ name: String,
        _ compression: HDF5Compression,
        chunk: Int
    ) throws {
        let group = try parent.createGroup(name)
        try group.setAttribute("encoding-type", "csr_matrix")
        try group.setAttribute("shape", [rows.count, geneCount])
        let entries = rows.flatMap { $0 }
        try write(entries.map { Double($0.count) }, group, "data", compression, chunk)
        try write(entries.map { Int32($0.gene) }, group, "indices", compression, chunk + 5)
        var starts = [0]
        for row in rows { starts.append(starts[starts.count - 1] + row.count) }
        try group.writeNumbers("indptr", starts)
    }

    private func writeByGene(
        _ rows: [[Entry]],
        _ parent: HDF5Group,
        _ name: String
    ) throws {
        var columns = [[Entry]](repeating: [], count: geneCount)
        for (cell, row) in rows.enumerated() {
            for entry in row {
                columns[Int(entry.gene)].append(Entry(gene: UInt32(cell), count: entry.count))
            }
        }
        let group = try parent.createGroup(name)
        try group.setAttribute("encoding-type", "csc_matrix")
        try group.setAttribute("shape", [rows.count, geneCount])
        let entries = columns.flatMap { $0 }
        try write(entries.map(\.count), group, "data", .none, 4096)
        try write(entries.map { Int64($0.gene) }, group, "indices", .none, 4096)
        var starts = [0]
        for column in columns { starts.append(starts[starts.count - 1] + column.count) }
        try group.writeNumbers("indptr", starts)
    }

    private func write<T: HDF5Scalar>(
        _ values: [T],
        _ group: HDF5Group,
        _ name: String,
        _ compression: HDF5Compression,
        _ chunk: Int
    ) throws {
        let dataset = try group.createChunked(
            name,
            T.hdf5Number,
            shape: [values.count],
            chunk: [chunk],
            compression: compression
        )
        try dataset.write(values, start: [0], count: [values.count])
    }
}

/// A small seeded generator, so that every run tests the same screens.
private struct SplitMix {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    mutating func uniform() -> Double { Double(next() >> 11) * 0x1p-53 }
}

@Suite("Random screens")
struct RandomScreenTests {
    @Test("Every storage, thread count and memory gives the rows that were written")
    func everyStorage() throws {
        let directory = try ScratchDirectory()
        let path = directory.path + "/random.h5ad"
        let random = RandomScreen(cells: 700, genes: 311, density: 0.2, seed: 7)
        try random.write(path)
        let screen = try ScreenFile.open(path)
        let choices: [MatrixChoice] = [
            .x, .layer("shuffled"), .layer("deflated"), .layer("by_gene"), .layer("dense"),
            .layer("dense_chunks"), .layer("duplicates"), .layer("untidy"),
            .layer("by_gene_duplicates"), .layer("by_gene_untidy"),
        ]
        for choice in choices {
            for (threads, megabytes) in [(1, 1), (2, 64), (5, 4)] {
                let pass = try read(
                    screen,
                    choice,
                    threads: threads,
                    memoryBytes: megabytes << 20,
                    scratch: directory.path
                )
                #expect(pass.rows == random.rows, "\(choice), \(threads) threads")
                #expect(pass.report.cells == 700)
                #expect(pass.report.nonzeros == random.rows.reduce(0) { $0 + $1.count })
                let name = choice.description
                #expect((pass.report.unsortedRows > 0) == (name == "layers/untidy"))
                #expect((pass.report.duplicatesSummed > 0) == name.hasSuffix("duplicates"))
                #expect((pass.report.explicitZerosDropped > 0) == name.hasSuffix("untidy"))
                // Little memory means many pieces.
                #expect(megabytes > 1 || pass.pieces > 3)
            }
        }
    }

    @Test("A matrix by gene that does not fit goes through the scratch directory")
    func scratchDirectory() throws {
        let directory = try ScratchDirectory()
        let path = directory.path + "/random.h5ad"
        let random = RandomScreen(cells: 500, genes: 400, density: 0.3, seed: 8)
        try random.write(path)
        let screen = try ScreenFile.open(path)
        let missing = directory.path + "/absent"
        let error = anndataError {
            _ = try read(screen, .layer("by_gene"), memoryBytes: 1 << 20, scratch: missing)
        }
        guard case .scratchFailed(missing, _) = error else {
            Issue.record("unexpected \(String(describing: error))")
            return
        }
        #expect(error?.isOwnStorage == true && error?.description.contains("--scratch-dir") == true)
        let fitting = try read(screen, .layer("by_gene"), memoryBytes: 64 << 20, scratch: missing)
        #expect(fitting.rows == random.rows)
        let spilled = try read(
            screen,
            .layer("by_gene"),
            memoryBytes: 1 << 20,
            scratch: directory.path
        )
        #expect(spilled.rows == random.rows)
        let left = try FileManager.default.contentsOfDirectory(atPath: directory.path)
        #expect(left == ["random.h5ad"], "nothing is left behind")
    }
}

@Suite("Counts of floating-point values")
struct FloatCountTests {
    /// Reads one dense row of values, one gene each.
    private func counts<T: HDF5Scalar>(_ values: [T]) throws -> [UInt32] {
        let directory = try ScratchDirectory()
        let path = directory.path + "/floats.h5ad"
        do {
            let root = try HDF5File(creating: path).root
            for (name, count) in [("obs", 1), ("var", values.count)] {
                let table = try root.createGroup(name)
                try table.writeTexts("_index", (0..<count).map { "n\($0)" })
            }
            try root.writeNumbers("X", values, shape: [1, values.count])
        }
        var counts = [UInt32](repeating: 0, count: values.count)
        for entry in try read(ScreenFile.open(path), .x).rows[0] {
            counts[Int(entry.gene)] = entry.count
        }
        return counts
    }

    /// The values that only the exact path must read, among enough others for the fast one.
    private func around<T>(_ value: T, _ filler: T) -> [[T]] {
        let block = [T](repeating: filler, count: 32)
        return [0, 7, 15, 16, 31, 32].map { position in
            block.prefix(position) + [value] + block.suffix(32 - position)
        }
    }

    @Test("Integers up to the largest count are exact in both precisions")
    func exact() throws {
        for value: Float in [0, -0.0, 1, 8_388_607, 8_388_608, 16_777_216, 4_294_967_040] {
            for values in around(value, 3) {
                #expect(try counts(values) == values.map { UInt32($0) })
            }
        }
        for value: Double in [0, 1, 8_388_609, 4_294_967_294, 4_294_967_295] {
            for values in around(value, 3) {
                #expect(try counts(values) == values.map { UInt32($0) })
            }
        }
    }

    @Test("Rounding of 1e-6 of the value, at most 0.01, is forgiven")
    func rounding() throws {
        #expect(try counts([2.000001, 99.99995, 99_999.99]) == [2, 100, 100_000])
        for value in [2.00001, 1e-9, 0.5, 8_388_607.5, 2_000_000.5, 4_294_967_295.6] {
            for values in around(value, 3) {
                #expect(throws: AnnDataError.self, "\(value)") { _ = try counts(values) }
            }
        }
    }

    @Test("What is no count is refused wherever it stands")
    func refused() throws {
        for value: Float in [-1, -0.5, .nan, .infinity, -.infinity, 4_294_967_296, 1.5] {
            for values in around(value, 3) {
                #expect(throws: AnnDataError.self, "\(value)") { _ = try counts(values) }
            }
        }
    }
}
