import AnnData
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
