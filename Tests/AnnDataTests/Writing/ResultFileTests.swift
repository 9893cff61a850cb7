import AnnData
import Foundation
import Glibc
import HDF5
import Testing

@Suite("Laying out result files")
struct ResultFileTests {
    private let folder = WritingFolder()

    private func root(_ name: String) throws -> HDF5Group {
        try HDF5File(opening: folder.file(name)).root
    }

    private func encoding(_ root: HDF5Group, _ path: String) throws -> [String?] {
        let object: any HDF5Object =
            root.kind(of: path) == .group ? try root.group(path) : try root.dataset(path)
        return [
            try object.textAttribute("encoding-type"),
            try object.textAttribute("encoding-version"),
        ]
    }

    @Test("every element carries the encoding that readers ask for")
    func encodings() throws {
        _ = try ResultFile.create(path: folder.file("r.h5ad"), layout: .example())
        let root = try root("r.h5ad")
        #expect(try root.textAttribute("encoding-type") == "anndata")
        #expect(try root.textAttribute("encoding-version") == "0.1.0")
        let names = ["X", "layers", "obs", "obsm", "obsp", "uns", "var", "varm", "varp"]
        #expect(try root.names() == names)
        let expected: [(String, String, String)] = [
            ("X", "array", "0.2.0"), ("layers", "dict", "0.1.0"),
            ("layers/pvalue", "array", "0.2.0"), ("layers/pts", "array", "0.2.0"),
            ("obs", "dataframe", "0.2.0"), ("obs/perturbation", "string-array", "0.2.0"),
            ("obs/guide", "string-array", "0.2.0"), ("obs/status", "categorical", "0.2.0"),
            ("obs/status/codes", "array", "0.2.0"),
            ("obs/status/categories", "string-array", "0.2.0"),
            ("var", "dataframe", "0.2.0"), ("var/_index", "string-array", "0.2.0"),
            ("obsm", "dict", "0.1.0"), ("varm", "dict", "0.1.0"), ("obsp", "dict", "0.1.0"),
            ("varp", "dict", "0.1.0"), ("uns", "dict", "0.1.0"),
            ("uns/method", "string", "0.2.0"), ("uns/covariates", "array", "0.2.0"),
            ("uns/names", "string-array", "0.2.0"), ("uns/nothing", "string-array", "0.2.0"),
            ("uns/flag", "numeric-scalar", "0.2.0"), ("uns/number", "numeric-scalar", "0.2.0"),
            ("uns/ratio", "numeric-scalar", "0.2.0"), ("uns/size_factors", "array", "0.2.0"),
            ("uns/crispyx_cluster", "dict", "0.1.0"),
            ("uns/crispyx_cluster/fingerprint", "string", "0.2.0"),
        ]
        for (path, type, version) in expected {
            #expect(try encoding(root, path) == [type, version], "\(path)")
        }
        #expect(try root.group("obs/status").attribute("ordered") == .boolean(false))
        #expect(try root.dataset("uns/flag").type == .boolean)
        #expect(try root.dataset("uns/covariates").extent() == .array([0]))
    }

    @Test("labels and genes are stored as they are, slashes included")
    func texts() throws {
        let layout = ResultLayout.example()
        _ = try ResultFile.create(path: folder.file("r.h5ad"), layout: layout)
        let root = try root("r.h5ad")
        #expect(try root.dataset("obs/perturbation").readTexts().values == layout.perturbations)
        #expect(try root.dataset("obs/guide").readTexts().values == layout.perturbations)
        #expect(try root.dataset("var/_index").readTexts().values == layout.genes)
        #expect(try root.group("var").attribute("column-order") == .texts([]))
        #expect(try root.group("obs").attribute("column-order") == .texts(["guide", "status"]))
        #expect(try root.group("obs").textAttribute("_index") == "perturbation")
    }

    @Test(
        "the labels' column gives way to names that are taken or impossible",
        arguments: [
            ("perturbation", ["perturbation", "status"], ["perturbation", "status"]),
            ("status", ["status", "run_status"], ["perturbation", "run_status", "status"]),
            ("a/b", ["status"], ["perturbation", "status"]),
            ("_index", ["status"], ["perturbation", "status"]),
        ]
    )
    func columns(column: String, order: [String], stored: [String]) throws {
        _ = try ResultFile.create(path: folder.file("r.h5ad"), layout: .example(column: column))
        let table = try root("r.h5ad").group("obs")
        #expect(try table.attribute("column-order") == .texts(order))
        #expect(try table.names() == stored)
        #expect(try ResultReader(path: folder.file("r.h5ad")).perturbations.count == 3)
    }

    @Test("layers lie in one piece where the map says, hold 0, and all statuses are missing")
    func map() throws {
        let map = try ResultFile.create(path: folder.file("r.h5ad"), layout: .example())
        #expect(map.rowCount == 3)
        #expect(map.geneCount == 4)
        #expect(map.layers.map(\.name) == ["X", "pvalue", "pts"])
        #expect(map.layers.map(\.element) == [.float64, .float64, .float32])
        #expect(map.byteCount == folder.bytes("r.h5ad").count)
        let root = try root("r.h5ad")
        for (layer, path) in zip(map.layers, ["X", "layers/pvalue", "layers/pts"]) {
            let dataset = try root.dataset(path)
            #expect(try dataset.layout() == .contiguous)
            #expect(try dataset.filters().isEmpty)
            #expect(dataset.fileOffset == UInt64(layer.offset))
            #expect(try dataset.shape() == [3, 4])
            #expect(try dataset.readAll(Double.self).allSatisfy { $0 == 0 && $0.sign == .plus })
        }
        let codes = try root.dataset("obs/status/codes")
        #expect(codes.type == .number(.int8, isNative: true))
        #expect(codes.fileOffset == UInt64(map.statusOffset))
        #expect(try codes.readAll(Int8.self) == [-1, -1, -1])
        let copy = try JSONDecoder().decode(
            ResultFileMap.self,
            from: JSONEncoder().encode(map)
        )
        #expect(copy == map)
    }

    @Test("the same layout gives the same bytes, also over an older file")
    func sameBytes() throws {
        var big = ResultLayout.example()
        big.perturbations = (0..<400).map { "perturbation \($0)" }
        big.genes = (0..<300).map { "gene \($0)" }
        let first = try ResultFile.create(path: folder.file("a.h5ad"), layout: big)
        folder.write([UInt8](repeating: 0xA5, count: 3_000_000), to: "b.h5ad")
        let second = try ResultFile.create(path: folder.file("b.h5ad"), layout: big)
        #expect(first == second)
        let bytes = folder.bytes("a.h5ad")
        #expect(bytes.count > 400 * 300 * 20)
        #expect(bytes == folder.bytes("b.h5ad"))
    }

    @Test("layouts that readers would choke on are refused before a file is made")
    func refusals() throws {
        var layouts: [ResultLayout] = []
        func add(_ change: (inout ResultLayout) -> Void) {
            var layout = ResultLayout.example()
            change(&layout)
            layouts.append(layout)
        }
        add { $0.perturbations = [] }
        add { $0.genes = [] }
        add { $0.layers.removeFirst() }
        add { $0.layers.append(("pts", .float64)) }
        add { $0.layers.append(("a/b", .float64)) }
        add { $0.uns.append(("a/b", .integer(1))) }
        add { $0.uns.append(("deep", .dictionary([("a/b", .integer(1))]))) }
        add { $0.uns.append(("", .integer(1))) }
        add { $0.uns.append(("method", .integer(1))) }
        add { $0.uns.removeLast() }
        add { $0.statusCategories = [] }
        add { $0.statusCategories = ["a", "a"] }
        add { $0.statusCategories = (0..<128).map(String.init) }
        for (index, layout) in layouts.enumerated() {
            #expect(throws: AnnDataWriteError.self, "layout \(index)") {
                try ResultFile.create(path: folder.file("r.h5ad"), layout: layout)
            }
        }
        #expect(folder.names.isEmpty)
    }

    @Test("a full disk is reported with the bytes needed, and leaves no file")
    func fullDisk() throws {
        let error = #expect(throws: AnnDataWriteError.self) {
            try ResultFile.create(path: folder.file("r.h5ad"), layout: .example()) { _, _ in ENOSPC
            }
        }
        guard case .diskFull(_, let needed, let available, _) = error else {
            Issue.record("expected a full disk, got \(String(describing: error))")
            return
        }
        #expect((needed ?? 0) > 8192)
        #expect((available ?? 0) > 0)
        #expect(folder.names.isEmpty)
    }

    @Test("a disk that is full from the start is told from a place that is not there")
    func fullFromTheStart() throws {
        symlink("/dev/full", folder.file("r.h5ad"))
        let error = #expect(throws: AnnDataWriteError.self) {
            try ResultFile.create(path: folder.file("r.h5ad"), layout: .example())
        }
        guard case .diskFull = error else {
            Issue.record("expected a full disk, got \(String(describing: error))")
            return
        }
        #expect(folder.names.isEmpty)
    }

    @Test("a file system that cannot take room in advance is accepted")
    func noReservation() throws {
        let map = try ResultFile.create(path: folder.file("r.h5ad"), layout: .example()) { _, _ in
            EOPNOTSUPP
        }
        #expect(map.byteCount == folder.bytes("r.h5ad").count)
    }

    @Test("a directory that is not there is a creation error with the system's reason")
    func missingDirectory() throws {
        let error = #expect(throws: AnnDataWriteError.self) {
            try ResultFile.create(path: folder.file("none/r.h5ad"), layout: .example())
        }
        #expect(error?.isCreation == true)
        #expect(error?.description.contains("No such file or directory") == true)
    }
}
