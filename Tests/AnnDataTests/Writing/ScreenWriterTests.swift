import AnnData
import HDF5
import Testing

@Suite("Writing screens")
struct ScreenWriterTests {
    private let folder = WritingFolder()

    private static let tables = ScreenTables(
        cells: (0..<5).map { "cell\($0)" },
        cellColumns: [
            ScreenColumn(
                "perturbation",
                .categorical(codes: [0, 1, -1, 1, 0], categories: ["control", "HLA-A/B"])
            ),
            ScreenColumn("size_factor", .doubles([1, 2, 3, 4, 5])),
        ],
        genes: ["a", "b", "c"],
        geneColumns: [ScreenColumn("mean", .doubles([0.5, 1.5, 2.5]))],
        geneMatrices: [(name: "effect", values: [1, 2, 3, 4, 5, 6], width: 2)],
        uns: [("truth", .dictionary([("seed", .integer(1))]))]
    )
    private static let counts: [Int32] = [2, 0, 3, 1, 0]
    private static let genes: [Int32] = [0, 2, 0, 1, 2, 1]
    private static let values: [Float] = [1, 7, 300, 1, 2, 9]

    /// Writes the example, cut before the given cells.
    private func write(
        _ name: String,
        cuts: [Int] = [],
        gzipLevel: Int = 0
    ) throws -> Int {
        let writer = try ScreenWriter(
            path: folder.file(name),
            tables: Self.tables,
            chunkElements: 4,
            gzipLevel: gzipLevel
        )
        var cell = 0
        var nonzero = 0
        for end in cuts + [Self.counts.count] {
            let part = Array(Self.counts[cell..<end])
            let last = nonzero + part.reduce(0) { $0 + Int($1) }
            try writer.append(
                nonzeroCounts: part,
                genes: Array(Self.genes[nonzero..<last]),
                values: Array(Self.values[nonzero..<last])
            )
            (cell, nonzero) = (end, last)
        }
        return try writer.finish()
    }

    @Test("counts are a CSR matrix that readers accept, with narrow positions")
    func matrix() throws {
        #expect(try write("s.h5ad") == 6)
        let root = try HDF5File(opening: folder.file("s.h5ad")).root
        let group = try root.group("X")
        #expect(try group.textAttribute("encoding-type") == "csr_matrix")
        #expect(try group.textAttribute("encoding-version") == "0.1.0")
        #expect(try group.integersAttribute("shape") == [5, 3])
        let data = try group.dataset("data")
        #expect(data.type == .number(.float32, isNative: true))
        #expect(try data.layout() == .chunked([4]))
        #expect(try data.readAll(Float.self) == Self.values)
        #expect(try group.dataset("indices").type == .number(.int32, isNative: true))
        #expect(try group.dataset("indices").readAll(Int32.self) == Self.genes)
        #expect(try group.dataset("indptr").type == .number(.int32, isNative: true))
        #expect(try group.dataset("indptr").readAll(Int32.self) == [0, 2, 2, 5, 6, 6])
    }

    @Test("tables hold names, columns, matrices and values with their encodings")
    func tables() throws {
        _ = try write("s.h5ad")
        let root = try HDF5File(opening: folder.file("s.h5ad")).root
        let table = try root.group("obs")
        #expect(try table.attribute("column-order") == .texts(["perturbation", "size_factor"]))
        #expect(try table.dataset("_index").readTexts().values == Self.tables.cells)
        #expect(try table.group("perturbation").textAttribute("encoding-type") == "categorical")
        #expect(try table.dataset("perturbation/codes").type == .number(.int8, isNative: true))
        #expect(try table.dataset("perturbation/codes").readAll(Int8.self) == [0, 1, -1, 1, 0])
        #expect(
            try table.dataset("perturbation/categories").readTexts().values
                == ["control", "HLA-A/B"]
        )
        #expect(try root.dataset("var/mean").readAll(Double.self) == [0.5, 1.5, 2.5])
        #expect(try root.dataset("varm/effect").shape() == [3, 2])
        #expect(try root.dataset("uns/truth/seed").readAll(Int64.self) == [1])
        for name in ["layers", "obsm", "obsp", "varm", "varp", "uns"] {
            #expect(try root.group(name).textAttribute("encoding-type") == "dict")
        }
    }

    @Test("the bytes do not depend on how the cells were cut")
    func anyCut() throws {
        for gzip in [0, 4] {
            _ = try write("a.h5ad", gzipLevel: gzip)
            let whole = folder.bytes("a.h5ad")
            for cuts in [[1], [0, 0, 2], [1, 2, 3, 4], [4]] {
                _ = try write("b.h5ad", cuts: cuts, gzipLevel: gzip)
                #expect(folder.bytes("b.h5ad") == whole, "cut before \(cuts)")
            }
        }
    }

    @Test("many categories get wider codes")
    func wideCodes() throws {
        for (count, number) in [(127, HDF5Number.int8), (128, .int16), (32_768, .int32)] {
            let categories = (0..<count).map { "p\($0)" }
            let values = ScreenColumn.Values.categorical(
                codes: [Int32(count - 1)],
                categories: categories
            )
            let writer = try ScreenWriter(
                path: folder.file("s.h5ad"),
                tables: ScreenTables(
                    cells: ["c"],
                    cellColumns: [ScreenColumn("p", values)],
                    genes: ["g"]
                )
            )
            try writer.append(nonzeroCounts: [1], genes: [0], values: [1])
            _ = try writer.finish()
            let codes = try HDF5File(opening: folder.file("s.h5ad")).root.dataset("obs/p/codes")
            #expect(codes.type == .number(number, isNative: true))
            #expect(try codes.readAll(Int32.self) == [Int32(count - 1)])
        }
    }

    @Test("tables that contradict themselves are refused before a file is made")
    func refusals() {
        var tables: [ScreenTables] = []
        func add(_ change: (inout ScreenTables) -> Void) {
            var changed = Self.tables
            change(&changed)
            tables.append(changed)
        }
        add { $0.cells = [] }
        add { $0.genes = [] }
        add { $0.cells.removeLast() }
        add { $0.genes.removeLast() }
        add { $0.cellColumns.append(ScreenColumn("_index", .doubles([1, 2, 3, 4, 5]))) }
        add { $0.cellColumns.append(ScreenColumn("a/b", .doubles([1, 2, 3, 4, 5]))) }
        add { $0.cellColumns.append($0.cellColumns[0]) }
        add { $0.geneMatrices[0].width = 3 }
        add { $0.uns.append(("a/b", .integer(1))) }
        let codes: [Int32] = [0, 1, 2, 1, 0]
        add {
            $0.cellColumns[0] = ScreenColumn(
                "perturbation",
                .categorical(codes: codes, categories: ["a", "b"])
            )
        }
        for (index, tables) in tables.enumerated() {
            #expect(throws: AnnDataWriteError.self, "tables \(index)") {
                try ScreenWriter(path: folder.file("s.h5ad"), tables: tables)
            }
        }
        #expect(folder.names.isEmpty)
    }

    @Test("a finished file gets its name, but never that of another without leave")
    func publishing() throws {
        folder.write([1], to: "a.partial")
        try PublishedFile.save(folder.file("a.partial"))
        try PublishedFile.publish(
            folder.file("a.partial"),
            as: folder.file("a"),
            replacing: false
        )
        #expect(folder.names == ["a"])
        folder.write([2], to: "a.partial")
        #expect(throws: AnnDataWriteError.alreadyExists(path: folder.file("a"))) {
            try PublishedFile.publish(
                folder.file("a.partial"),
                as: folder.file("a"),
                replacing: false
            )
        }
        #expect(folder.bytes("a") == [1])
        try PublishedFile.publish(
            folder.file("a.partial"),
            as: folder.file("a"),
            replacing: true
        )
        #expect(folder.bytes("a") == [2])
        #expect(folder.names == ["a"])
        let error = #expect(throws: AnnDataWriteError.self) {
            try PublishedFile.publish(folder.file("a"), as: folder.path, replacing: true)
        }
        #expect(error?.isCreation == true)
    }

    @Test("a cancelled file is gone, and another may take its place")
    func cancelling() throws {
        let writer = try ScreenWriter(path: folder.file("s.h5ad"), tables: Self.tables)
        try writer.append(nonzeroCounts: [2, 0], genes: [0, 2], values: [1, 7])
        writer.cancel()
        #expect(folder.names.isEmpty)
        #expect(try write("s.h5ad") == 6)
    }

    @Test("a place where no file can be made is a creation error")
    func missingDirectory() {
        let error = #expect(throws: AnnDataWriteError.self) {
            try ScreenWriter(path: folder.file("none/s.h5ad"), tables: Self.tables)
        }
        #expect(error?.isCreation == true)
    }
}
