import AnnData
import Testing

/// The ways of storing the same counts that matrices.h5ad has; see make_fixtures.py.
private let layers = [
    "type_i1_i1_i4", "type_u1_u1_u4", "type_i2_i2_i8", "type_u2_u2_u8", "type_i4_u4_i4",
    "type_u4_i8_i4", "type_i8_u8_i8", "type_u8_i4_i4", "type_f2_i4_i4", "type_f8_i4_i4",
    "type_f4_i8_i8", "type_bigf4_bigi4_bigi4", "type_bigi2_bigi8_bigu8", "type_bigf2_i4_i4",
    "chunk_1", "chunk_1000", "chunks_differ", "filter_gzip", "filter_gzip_shuffle",
    "filter_gzip_shuffle_fletcher", "filter_fletcher", "filter_lzf", "filter_lzf_shuffle",
    "filter_scaleoffset", "contiguous", "by_gene", "by_gene_gzip", "dense_f4", "dense_u1",
    "dense_gzip", "dense_lzf", "dense_bigf8", "h5sparse", "no_attributes", "no_shape", "shape_i4",
    "masked", "soft",
]

@Suite("Streaming counts")
struct StreamCountsTests {
    private let file = "matrices.h5py-3.16.0.h5ad"

    @Test("The same counts in every storage give the same rows", arguments: layers)
    func sameCounts(layer: String) throws {
        let screen = try ScreenFile.open(fixture(file))
        let pass = try read(screen, .layer(layer))
        #expect(pass.rows == FixtureCounts.rows)
        #expect(pass.report.cells == FixtureCounts.cells)
        #expect(pass.report.nonzeros == FixtureCounts.nonzeros)
        #expect(pass.report.explicitZerosDropped == 0 || layer.hasPrefix("dense"))
        #expect(pass.report.duplicatesSummed == 0)
        #expect(pass.report.unsortedRows == 0)
    }

    @Test("Every layer of the fixture is tested")
    func allLayers() throws {
        let screen = try ScreenFile.open(fixture(file))
        let stored = screen.availableMatrices().filter { $0.hasPrefix("layers/") }
        #expect(Set(stored) == Set((layers + ["untidy"]).map { "layers/" + $0 }))
    }

    @Test("Rows are sorted, duplicates summed and zeros dropped, each counted")
    func untidy() throws {
        let screen = try ScreenFile.open(fixture(file))
        let pass = try read(screen, .layer("untidy"))
        #expect(pass.rows == FixtureCounts.rows)
        #expect(pass.report.explicitZerosDropped == 1)
        #expect(pass.report.duplicatesSummed == 1)
        #expect(pass.report.unsortedRows == 1)
        #expect(pass.report.nonzeros == FixtureCounts.nonzeros)
    }

    @Test("A chunk that was never written holds zeros")
    func missingChunk() throws {
        let screen = try ScreenFile.open(fixture("broken_matrices.h5py-3.16.0.h5ad"))
        let pass = try read(screen, .layer("missing_chunk"))
        #expect(pass.report.explicitZerosDropped == 16)
        let expected = FixtureCounts.rows.flatMap { $0 }
        #expect(pass.rows.flatMap { $0 } == Array(expected[..<16] + expected[32...]))
    }

    @Test("A value within rounding of an integer is that integer")
    func almostInteger() throws {
        let screen = try ScreenFile.open(fixture("broken_matrices.h5py-3.16.0.h5ad"))
        #expect(try read(screen, .layer("almost")).rows == FixtureCounts.rows)
    }

    @Test("The largest count is 4294967295")
    func largestCount() throws {
        let screen = try ScreenFile.open(fixture("broken_matrices.h5py-3.16.0.h5ad"))
        let counts = try read(screen, .layer("largest")).rows.flatMap { $0 }.map(\.count)
        #expect(counts[13] == .max)
    }

    @Test(
        "Files of each anndata release are read",
        arguments: ["0.6.22.post1", "0.7.8", "0.12.19", "0.13.2"]
    )
    func releases(version: String) throws {
        let directory = try ScratchDirectory()
        let path = try fixture("screen.anndata-\(version).h5ad", in: directory)
        let screen = try ScreenFile.open(path)
        for choice in [MatrixChoice.x, .layer("by_gene"), .layer("dense"), .raw] {
            #expect(try read(screen, choice).rows == FixtureCounts.rows, "\(choice)")
        }
        let error = anndataError { _ = try read(screen, .layer("log")) }
        guard case .notACount(_, "layers/log", 0, _, _, .notInteger) = error else {
            Issue.record("unexpected \(String(describing: error))")
            return
        }
    }

    @Test("Names with a dot of anndata 0.5 are found")
    func records() throws {
        let screen = try ScreenFile.open(fixture("records.h5py-3.16.0.h5ad"))
        #expect(try read(screen, .x).rows == FixtureCounts.rows)
        #expect(try read(screen, .raw).rows == FixtureCounts.rows)
        #expect(try screen.geneNames(column: nil, raw: true)[3] == "raw3")
    }

    @Test("A file behind a user block is read")
    func userBlock() throws {
        let screen = try ScreenFile.open(fixture("userblock.h5py-3.16.0.h5ad"))
        #expect(try read(screen, .x).rows == FixtureCounts.rows)
    }

    @Test("What transform and consume throw ends the pass")
    func closuresThrow() throws {
        struct Stop: Error, Equatable { let where_: String }
        let screen = try ScreenFile.open(fixture(file))
        let resources = StreamResources(threads: 2, memoryBytes: 1 << 20, scratchDirectory: "/")
        #expect(throws: Stop(where_: "transform")) {
            _ = try screen.streamCounts(.x, resources: resources) { _ -> Int in
                throw Stop(where_: "transform")
            } consume: { _ in
            }
        }
        #expect(throws: Stop(where_: "consume")) {
            _ = try screen.streamCounts(.x, resources: resources) {
                $0.cellCount
            } consume: { _ in
                throw Stop(where_: "consume")
            }
        }
    }
}

@Suite("Row pointers")
struct RowPointersTests {
    @Test("Pointers that overflowed 32 bits are mended when they add up")
    func unwraps() throws {
        let starts = [0, 1_500_000_000, 3_000_000_000, 4_500_000_000]
        let wrapped = starts.map { Int(Int32(truncatingIfNeeded: $0)) }
        let pointers = try RowPointers(
            checking: wrapped,
            is32Bit: true,
            entryCount: 4_500_000_000
        )
        #expect(pointers.starts == starts)
        #expect(pointers.unwrapped)
    }

    @Test("Pointers that overflowed and do not add up are refused")
    func refuses() {
        #expect(throws: RowPointers.Problem.overflowed(row: 1)) {
            try RowPointers(
                checking: [0, 2_000_000_000, -2_000_000_000],
                is32Bit: true,
                entryCount: 2_300_000_000
            )
        }
        #expect(throws: RowPointers.Problem.decreasing(row: 1)) {
            try RowPointers(checking: [0, 5, 3], is32Bit: true, entryCount: 3)
        }
        #expect(throws: RowPointers.Problem.firstNotZero(1)) {
            try RowPointers(checking: [1, 5], is32Bit: false, entryCount: 5)
        }
        #expect(throws: RowPointers.Problem.wrongEnd(found: 5, stored: 6)) {
            try RowPointers(checking: [0, 5], is32Bit: false, entryCount: 6)
        }
    }
}
