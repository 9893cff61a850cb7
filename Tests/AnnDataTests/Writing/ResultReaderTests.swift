import AnnData
import Foundation
import HDF5
import Testing

@Suite("Reading results back")
struct ResultReaderTests {
    private let folder = WritingFolder()

    @Test("labels, genes, layers and every kind of value come back")
    func contents() throws {
        let layout = ResultLayout.example()
        let path = folder.file("r.h5ad")
        _ = try ResultFile.create(path: path, layout: layout)
        let reader = try ResultReader(path: path)
        #expect(reader.perturbations == layout.perturbations)
        #expect(reader.genes == layout.genes)
        #expect(reader.layerNames == ["X", "pts", "pvalue"])
        #expect(reader.statuses == [nil, nil, nil])
        #expect(try reader.text("crispyx_cluster/fingerprint") == "0123")
        #expect(try reader.value("crispyx_cluster/inner/a") == .integer(1))
        #expect(try reader.text("number") == nil)
        #expect(try reader.value("absent") == nil)
        #expect(try reader.value("absent/deeper") == nil)
        for (name, value) in layout.uns { #expect(try reader.value(name) == value, "\(name)") }
        #expect(try reader.layer("X").count == 12)
    }

    @Test("a layer that is not there is named together with those that are")
    func unknownLayer() throws {
        let path = folder.file("r.h5ad")
        _ = try ResultFile.create(path: path, layout: .example())
        let reader = try ResultReader(path: path)
        for name in ["z_score", "layers/pts", "obs/perturbation", ""] {
            #expect(
                throws: AnnDataWriteError.unknownLayer(
                    path: path,
                    name: name,
                    available: ["X", "pts", "pvalue"]
                )
            ) { try reader.layer(name) }
        }
    }

    @Test("files that are no results are refused with a reason")
    func otherFiles() throws {
        folder.write(Array("no HDF5".utf8), to: "text.h5ad")
        let bare = try HDF5File(creating: folder.file("bare.h5ad"))
        try bare.close()
        let writer = try ScreenWriter(
            path: folder.file("screen.h5ad"),
            tables: ScreenTables(cells: ["c"], cellColumns: [], genes: ["g"])
        )
        try writer.append(nonzeroCounts: [0], genes: [], values: [])
        _ = try writer.finish()
        let expected = [
            ("absent.h5ad", "No such file"), ("text.h5ad", "signature"),
            ("bare.h5ad", "AnnData"), ("screen.h5ad", "crispyx_cluster"),
        ]
        for (name, reason) in expected {
            let error = #expect(throws: AnnDataWriteError.self) {
                try ResultReader(path: folder.file(name))
            }
            #expect(
                error?.description.contains(reason) == true,
                "\(name): \(String(describing: error))"
            )
        }
    }

    @Test("a result whose layers or statuses do not fit its labels is refused")
    func damaged() throws {
        let path = folder.file("r.h5ad")
        _ = try ResultFile.create(path: path, layout: .example())
        do {
            let file = try HDF5File(opening: path, access: .write)
            try file.root.group("layers").writeNumbers("extra", [1.0, 2.0], shape: [1, 2])
            try file.close()
        }
        #expect(
            throws: AnnDataWriteError.notAResult(
                path: path,
                problem: "extra is not perturbations x genes"
            )
        ) { try ResultReader(path: path) }

        let map = try ResultFile.create(path: path, layout: .example())
        try ResultRows(path: path, map: map).setStatus(row: 0, code: 3)
        #expect(
            throws: AnnDataWriteError.notAResult(
                path: path,
                problem: "obs/status is damaged"
            )
        ) { try ResultReader(path: path) }
    }
}

@Suite("Reading results of other programs")
struct ForeignResultTests {
    private let directory: ScratchDirectory

    init() throws { directory = try ScratchDirectory() }

    /// Numbers as h5py reads them, by file and layer, row by row.
    private func values() throws -> [String: [String: [Double]]] {
        let text = try String(contentsOfFile: fixture("values.tsv", of: "results"), encoding: .utf8)
        var values: [String: [String: [Double]]] = [:]
        for line in text.split(separator: "\n").dropFirst() {
            let fields = line.split(separator: "\t").map(String.init)
            values[fields[0], default: [:]][fields[1], default: []].append(
                try #require(Double(fields[4]))
            )
        }
        return values
    }

    @Test(
        "results of the Python package, and one that anndata wrote again, are read",
        arguments: [
            ("t_test.h5ad", "t_test"), ("wilcoxon.h5ad", "wilcoxon"),
            ("nb_glm_shrunk.h5ad", "nb_glm"), ("t_test_rewritten.h5ad", "t_test"),
        ]
    )
    func read(name: String, method: String) throws {
        let path = try fixture(name, of: "results", in: directory)
        let reader = try ResultReader(path: path, from: .any)
        #expect(reader.perturbations == ["GATA1", "HLA-A"])
        #expect(reader.genes == (0..<6).map { "G\($0)" })
        #expect(try reader.method() == method)
        #expect(!reader.hasStatuses)
        #expect(reader.statuses == [nil, nil])
        let expected = try #require(try values()[name])
        #expect(Set(reader.layerNames) == Set(expected.keys))
        for (layer, values) in expected {
            let same = values.map(\.bitPattern)
            #expect(try reader.layer(layer).map(\.bitPattern) == same, "\(layer)")
            for row in 0..<2 {
                let part = values[row * 6..<row * 6 + 6].map(\.bitPattern)
                #expect(try reader.row(row, of: layer).map(\.bitPattern) == part)
            }
            for gene in 0..<6 {
                let part = [values[gene], values[6 + gene]].map(\.bitPattern)
                #expect(try reader.column(gene, of: layer).map(\.bitPattern) == part)
                let element = try reader.element(row: 1, gene: gene, of: layer)
                #expect(element.bitPattern == values[6 + gene].bitPattern)
            }
        }
        #expect(reader.isSinglePrecision("pts"))
        #expect(!reader.isSinglePrecision("pvalue"))
        #expect(throws: AnnDataWriteError.self) { try ResultReader(path: path) }
    }

    @Test("results of this program are read with their statuses, also with further columns")
    func ours() throws {
        let path = directory.path + "/r.h5ad"
        let map = try ResultFile.create(path: path, layout: .example(column: "status"))
        do {
            let rows = try ResultRows(path: path, map: map)
            try rows.setStatus(row: 0, code: 0)
            try rows.setStatus(row: 2, code: 2)
        }
        do {
            let file = try HDF5File(opening: path, access: .write)
            let table = try file.root.group("obs")
            try table.writeNumbers("cells", [1, 2, 3])
            try table.setAttribute("column-order", ["status", "run_status", "cells"])
        }
        let reader = try ResultReader(path: path, from: .any)
        #expect(reader.hasStatuses)
        #expect(reader.statuses == ["complete", nil, "quarantined"])
    }

    @Test("files that hold no matrices of perturbations x genes are refused with a reason")
    func refusals() throws {
        let path = directory.path + "/r.h5ad"
        func refusal(_ change: (HDF5Group) throws -> Void) throws -> String? {
            do { try change(HDF5File(creating: path, replacing: true).root) }
            let error = #expect(throws: AnnDataWriteError.self) {
                try ResultReader(path: path, from: .any)
            }
            return error?.description
        }
        func table(_ root: HDF5Group, _ name: String, _ labels: [String]) throws {
            let table = try root.createGroup(name)
            try table.setAttribute("_index", "_index")
            try table.setAttribute("column-order", [String]())
            try table.writeTexts("_index", labels)
        }
        #expect(try refusal { _ in }?.contains("X is missing") == true)
        #expect(
            try refusal { _ = try $0.createGroup("X") }?.contains("sparse matrix") == true
        )
        let withoutLayers = try refusal { root in
            try root.writeNumbers("X", [1.0, 2.0], shape: [2, 1])
        }
        #expect(withoutLayers?.contains("layers is missing") == true)
        let wrongShape = try refusal { root in
            try root.writeNumbers("X", [1.0, 2.0], shape: [2, 1])
            _ = try root.createGroup("layers")
            try table(root, "obs", ["a", "b", "c"])
            try table(root, "var", ["g"])
        }
        #expect(wrongShape?.contains("X is not perturbations x genes") == true)
        let sparseLayer = try refusal { root in
            try root.writeNumbers("X", [1.0, 2.0], shape: [2, 1])
            _ = try root.createGroup("layers").createGroup("z_score")
            try table(root, "obs", ["a", "b"])
            try table(root, "var", ["g"])
        }
        #expect(sparseLayer?.contains("z_score is not a dense matrix") == true)
    }
}

extension ScreenWriter {
    /// Adds cells from arrays.
    func append(nonzeroCounts: [Int32], genes: [Int32], values: [Float]) throws {
        try nonzeroCounts.withUnsafeBufferPointer { counts in
            try genes.withUnsafeBufferPointer { genes in
                try values.withUnsafeBufferPointer { values in
                    try append(nonzeroCounts: counts, genes: genes, values: values)
                }
            }
        }
    }
}
