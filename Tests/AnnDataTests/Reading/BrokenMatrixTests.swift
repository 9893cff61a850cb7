import AnnData
import Testing

/// A broken layer, and a part of the error's text that must name element and position.
struct BrokenLayer: Sendable, CustomTestStringConvertible {
    let layer: String
    let text: String
    var testDescription: String { layer }

    init(_ layer: String, _ text: String) {
        self.layer = layer
        self.text = text
    }
}

private let broken = [
    BrokenLayer("negative", "layers/negative/data in"),
    BrokenLayer(
        "negative",
        "is not counts: cell 5, gene 4 (both from 0) has -2.0, which is negative"
    ),
    BrokenLayer("negative", "--layer or --use-raw"),
    BrokenLayer("negative_integer", "has -2, which is negative"),
    BrokenLayer("negative_small", "has -2, which is negative"),
    BrokenLayer("nan", "has nan, which is not a finite number"),
    BrokenLayer("infinite", "has inf, which is not a finite number"),
    BrokenLayer("fraction", "has 1.5, which is not an integer"),
    BrokenLayer("large", "has 4294967296.0, which is above the largest count 4294967295"),
    BrokenLayer("large_integer", "has 4294967296, which is above the largest count"),
    BrokenLayer("large_sum", "duplicates that sum to"),
    BrokenLayer("log_dense", "layers/log_dense in"),
    BrokenLayer("log_dense", "cell 0, gene 2 (both from 0)"),
    BrokenLayer("index_high", "layers/index_high/indices"),
    BrokenLayer("index_high", "entry 10, of cell 5, is 7, need 0 to 6"),
    BrokenLayer("index_negative", "entry 10, of cell 5, is -1, need 0 to 6"),
    BrokenLayer("index_wide", "entry 10, of cell 5, is 4294967296, need 0 to 6"),
    BrokenLayer("pointers_fall", "layers/pointers_fall/indptr"),
    BrokenLayer("pointers_fall", "it decreases after row 6"),
    BrokenLayer("pointers_start", "it begins with 1, need 0"),
    BrokenLayer("pointers_end", "it ends with 50, but 51 entries are stored"),
    BrokenLayer("pointers_few", "it has 20 entries, need 21"),
    BrokenLayer("row_long", "cell 0 has"),
    BrokenLayer("short_data", "it has 51 entries, layers/short_data/data has 50"),
    BrokenLayer("short_indices", "it has 50 entries, layers/short_indices/data has 51"),
    BrokenLayer("wrong_shape", "its shape is 20 x 6, but there are 20 cells and 7 genes"),
    BrokenLayer("wrong_shape_dense", "its shape is 19 x 7, but there are 20 cells and 7 genes"),
    BrokenLayer("flat", "its shape is 140, but there are 20 cells and 7 genes"),
    BrokenLayer("complex", "layers/complex/data"),
    BrokenLayer("complex", "need a number"),
    BrokenLayer("text", "it has type text of 3 bytes, need a number"),
    BrokenLayer("float_indices", "it has type float32, need integers"),
    BrokenLayer("other_encoding", "it is stored as awkward-array"),
    BrokenLayer("coo", "it is stored as coo_matrix"),
    BrokenLayer("no_indptr", "it has no indptr"),
    BrokenLayer("damaged_gzip", "the chunk that starts at element 16 cannot be decoded"),
    BrokenLayer("damaged_gzip", "its gzip data are damaged"),
    BrokenLayer("damaged_fletcher", "its fletcher32 checksum is wrong"),
    BrokenLayer("damaged_lzf", "its lzf data are damaged"),
    BrokenLayer("damaged_short", "its gzip data are damaged"),
    BrokenLayer("damaged_index", "layers/damaged_index/indices"),
    BrokenLayer("filter_zstd", "is compressed with zstd (filter 32015), which is not installed"),
    BrokenLayer("filter_zstd", "HDF5_PLUGIN_PATH"),
    BrokenLayer("null", "the file has no layers/null; it has layers/"),
    BrokenLayer("absent", "choose with --layer NAME or --use-raw"),
]

@Suite("Broken matrices")
struct BrokenMatrixTests {
    private let file = "broken_matrices.h5py-3.16.0.h5ad"

    @Test("Each gives one clear error", arguments: broken)
    func error(expected: BrokenLayer) throws {
        let path = try fixture(file)
        let screen = try ScreenFile.open(path)
        let error = anndataError { _ = try read(screen, .layer(expected.layer)) }
        let text = try #require(error).description
        #expect(text.contains(expected.text), "\(text)")
        #expect(text.contains(path), "the file is named")
        #expect(error?.isMissing == false)
    }

    @Test("The first failure in file order is reported whatever the threads do")
    func firstFailure() throws {
        let screen = try ScreenFile.open(fixture(file))
        let errors = (1...8).map { threads in
            anndataError {
                _ = try read(screen, .layer("damaged_gzip"), threads: threads)
            }
        }
        #expect(Set(errors.map { $0?.description }).count == 1)
    }

    @Test("A square matrix without attributes is not guessed")
    func square() throws {
        let screen = try ScreenFile.open(fixture("square.h5py-3.16.0.h5ad"))
        let error = anndataError { _ = try read(screen, .x) }
        #expect(error?.description.contains("by cell or by gene") == true)
    }
}
