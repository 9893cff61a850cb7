import AnnData
import Foundation
import Testing

@Suite("Opening a screen")
struct ScreenFileTests {
    private func error(_ path: String) -> AnnDataError? {
        anndataError { _ = try ScreenFile.open(path) }
    }

    private func error(_ bytes: [UInt8]) throws -> AnnDataError? {
        let directory = try ScratchDirectory()
        let path = directory.path + "/input.h5ad"
        try Data(bytes).write(to: URL(filePath: path))
        return error(path)
    }

    @Test("A missing file is told from a bad one")
    func missing() {
        let found = error("/nowhere/screen.h5ad")
        #expect(found == .missingFile(path: "/nowhere/screen.h5ad"))
        #expect(found?.isMissing == true)
    }

    @Test("Directories are named, zarr ones as such")
    func directories() throws {
        let directory = try ScratchDirectory()
        #expect(error(directory.path) == .directory(path: directory.path, isZarr: false))
        try Data().write(to: URL(filePath: directory.path + "/.zgroup"))
        #expect(error(directory.path) == .directory(path: directory.path, isZarr: true))
        #expect(error(directory.path)?.isMissing == false)
    }

    @Test("An empty file is called empty")
    func empty() throws {
        let found = try error([])
        guard case .emptyFile = found else {
            Issue.record("unexpected \(String(describing: found))")
            return
        }
    }

    @Test(
        "What is no HDF5 file is named by its first bytes",
        arguments: [
            ("\u{1F}\u{8B}\u{08}", "a gzip file"),
            ("PK\u{03}\u{04}", "a zip archive"),
            ("\n<!DOCTYPE html><html>", "a web page"),
            ("<?xml version='1.0'?>", "an XML document"),
            ("version https://git-lfs.github.com/spec/v1", "a Git LFS pointer"),
            ("%%MatrixMarket matrix coordinate", "a Matrix Market file"),
            ("{\"error\": 404}", "a JSON document"),
            ("gene,cell\n1,2\n", "a text file"),
            ("\u{01}\u{02}\u{03}\u{04}\u{05}", "01 02 03 04"),
            ("\u{00}\u{00}\u{00}\u{00}", "zeros"),
        ]
    )
    func notHDF5(start: String, kind: String) throws {
        let bytes = start.unicodeScalars.map { UInt8($0.value) }
        let text = try #require(try error(bytes)).description
        #expect(text.contains("not an HDF5 file"))
        #expect(text.contains(kind), "\(text)")
    }

    @Test("A file cut short tells how much of it is there")
    func truncated() throws {
        let whole = try Data(contentsOf: URL(filePath: fixture("matrices.h5py-3.16.0.h5ad")))
        let found = try error(Array(whole.prefix(30_000)))
        guard case .truncatedFile(_, 30_000, let expected) = found else {
            Issue.record("unexpected \(String(describing: found))")
            return
        }
        #expect(expected == UInt64(whole.count))
        // Cut inside the superblock there is nothing to tell.
        #expect(try error(Array(whole.prefix(20)))?.description.contains("damaged") == true)
    }

    @Test(
        "Other formats are named with the way to convert them",
        arguments: [
            ("tenx_v3", "10x Genomics"), ("tenx_v2", "10x Genomics"), ("mudata", "MuData"),
            ("loom", "loom"), ("h5seurat", "h5Seurat"), ("something", "experiment"),
        ]
    )
    func otherFormats(name: String, kind: String) throws {
        let found = try error(fixture("\(name).h5py-3.16.0.h5"))
        guard case .otherFormat = found else {
            Issue.record("unexpected \(String(describing: found))")
            return
        }
        #expect(found?.description.contains(kind) == true)
        #expect(found?.description.contains("write_h5ad") == true || name == "h5seurat")
    }

    @Test("A file whose writer died says so")
    func notClosed() throws {
        let path = try fixture("not_closed.h5py-3.16.0.h5ad")
        #expect(error(path) == .fileNotClosed(path: path))
    }

    @Test("A file that somebody writes says so")
    func inUse() throws {
        let directory = try ScratchDirectory()
        let path = directory.path + "/screen.h5ad"
        let source = try fixture("userblock.h5py-3.16.0.h5ad")
        try FileManager.default.copyItem(atPath: source, toPath: path)
        // The library takes the lock of the whole file, as this does.
        let descriptor = open(path, O_RDONLY)
        defer { close(descriptor) }
        #expect(flock(descriptor, LOCK_EX) == 0)
        #expect(error(path) == .fileInUse(path: path))
    }

    @Test("Screens without a matrix, cells or genes are refused")
    func emptyScreens() throws {
        let noMatrix = try fixture("no_matrix.h5py-3.16.0.h5ad")
        #expect(error(noMatrix) == .noMatrix(path: noMatrix, element: "X", available: []))
        let noCells = try fixture("no_cells.h5py-3.16.0.h5ad")
        #expect(error(noCells) == .noCells(path: noCells))
        let noGenes = try fixture("no_genes.h5py-3.16.0.h5ad")
        #expect(error(noGenes) == .noGenes(path: noGenes, element: "var"))
    }

    @Test("A file without X lists its layers and reads them")
    func onlyLayer() throws {
        let path = try fixture("only_layer.h5py-3.16.0.h5ad")
        let screen = try ScreenFile.open(path)
        #expect(
            anndataError { _ = try read(screen, .x) }
                == .noMatrix(path: path, element: "X", available: ["layers/counts"])
        )
        #expect(
            anndataError { _ = try read(screen, .raw) }
                == .noMatrix(path: path, element: "raw/X", available: ["layers/counts"])
        )
        #expect(try read(screen, .layer("counts")).rows == FixtureCounts.rows)
    }

    @Test("What only a newer library can open is reported with this library's reason")
    func newerFormat() throws {
        let screen = try ScreenFile.open(fixture("newer_format.h5py-3.16.0.h5ad"))
        // A library that can open it has nothing to report.
        if let error = anndataError({ _ = try read(screen, .x) }) {
            guard case .hdf5 = error else {
                Issue.record("unexpected \(error)")
                return
            }
            #expect(error.description.contains("X/data"))
            #expect(error.description.contains("libver='v110'"))
            #expect(screen.contents().matrices.first?.problem == error)
        }
        if let error = anndataError({ _ = try screen.labels(column: "flag") }) {
            #expect(error.description.contains("obs/flag"))
        }
    }

    @Test("A change of the input during or before a pass is an error")
    func inputChanged() throws {
        let directory = try ScratchDirectory()
        let path = directory.path + "/screen.h5ad"
        let source = try fixture("userblock.h5py-3.16.0.h5ad")
        try FileManager.default.copyItem(atPath: source, toPath: path)
        let screen = try ScreenFile.open(path)
        let resources = StreamResources(threads: 1, memoryBytes: 1 << 20, scratchDirectory: "/")
        let during = anndataError {
            _ = try screen.streamCounts(.x, resources: resources) {
                $0.cellCount
            } consume: { _ in
                let handle = try FileHandle(forWritingTo: URL(filePath: path))
                try handle.seekToEnd()
                try handle.write(contentsOf: Data([0]))
                try handle.close()
            }
        }
        #expect(during == .inputChanged(path: path))
        #expect(anndataError { _ = try read(screen, .x) } == .inputChanged(path: path))
        try FileManager.default.removeItem(atPath: path)
        #expect(anndataError { _ = try read(screen, .x) } == .inputChanged(path: path))
    }

    @Test("The contents are listed with encoding, type, chunks and filters")
    func contents() throws {
        let directory = try ScratchDirectory()
        let path = try fixture("screen.anndata-0.12.19.h5ad", in: directory)
        let contents = try ScreenFile.open(path).contents()
        #expect(contents.cellCount == 20 && contents.geneCount == 7)
        #expect(
            contents.matrices.map(\.element)
                == ["X", "layers/by_gene", "layers/dense", "layers/log", "raw/X"]
        )
        let x = try #require(contents.matrices.first)
        #expect(x.encoding == .sparseByCell && x.valueType == "float32" && x.problem == nil)
        #expect(x.storedCount == FixtureCounts.nonzeros && x.filters == ["gzip"])
        #expect(x.chunk == [FixtureCounts.nonzeros] && x.storedBytes > 0)
        #expect(contents.matrices[1].encoding == .sparseByGene)
        #expect(contents.matrices[2].encoding == .dense)
        #expect(contents.matrices[4].geneCount == 9)
        #expect(
            contents.cellColumns.prefix(4).map(\.name)
                == ["perturbation", "partly", "guides", "depth"]
        )
        #expect(
            contents.cellColumns.prefix(4).map(\.kind)
                == [.categorical, .categorical, .integer, .float]
        )
        #expect(contents.cellColumns[1].levelCount == 5)
        #expect(contents.geneColumns.map(\.name) == ["symbol"])
    }

    @Test("A matrix that cannot be read is listed with the reason")
    func contentsWithProblems() throws {
        let screen = try ScreenFile.open(fixture("broken_matrices.h5py-3.16.0.h5ad"))
        let matrices = screen.contents().matrices
        let coo = try #require(matrices.first { $0.element == "layers/coo" })
        #expect(coo.encoding == nil && coo.problem != nil)
        let zstd = try #require(matrices.first { $0.element == "layers/filter_zstd" })
        #expect(zstd.filters == ["zstd"])
    }
}
