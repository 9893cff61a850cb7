import AnnData
import Testing

/// A column of columns.h5ad and the labels of the codes 0 to 4; nil is a missing label.
struct LabelCase: Sendable, CustomTestStringConvertible {
    let column: String
    let labels: [String?]
    var testDescription: String { column }

    init(_ column: String, _ labels: [String?]) {
        self.column = column
        self.labels = labels
    }
}

private let names: [String?] = ["control", "HLA-A/B", "A,B", "Gène", "unused?"]
private let partly: [String?] = ["control", nil, "A,B", "Gène", "unused?"]

private let cases = [
    LabelCase("cat", names), LabelCase("cat_u1", names), LabelCase("cat_i4", names),
    LabelCase("cat_unused", names), LabelCase("cat_missing", partly),
    LabelCase("cat_nullable", names),
    LabelCase("cat_integers", ["10", "20", "30", "40", "50"]),
    LabelCase("cat_floats", ["0.5", "1.0", "1e+16", "40.0", "1e-05"]),
    LabelCase("cat_booleans", ["False", "True", "False", "True", "False"]),
    LabelCase("cat_repeated", ["a", "b", "a", "b", "c"]),
    LabelCase("old_reference", names), LabelCase("old_name", names),
    LabelCase("text", names), LabelCase("fixed", names), LabelCase("fixed_spaces", names),
    LabelCase("latin", ["control", "HLA-A/B", "A,B", "G\u{FFFD}ne", "unused?"]),
    LabelCase("integers", ["0", "10", "20", "30", "40"]),
    LabelCase("integers_big", ["-2", "-1", "0", "1", "2"]),
    LabelCase(
        "integers_u8",
        (0..<5).map { String(UInt64.max - 9 + UInt64($0)) }
    ),
    LabelCase("booleans", ["True", "False", "True", "False", "True"]),
    LabelCase("nullable_integer", ["0", nil, "2", "3", "4"]),
    LabelCase("nullable_boolean", ["True", nil, "True", "False", "True"]),
    LabelCase("nullable_text", partly),
]

@Suite("Labels")
struct LabelTests {
    private let file = "columns.h5py-3.16.0.h5ad"

    @Test("Every encoding gives the labels that Python prints", arguments: cases)
    func encodings(expected: LabelCase) throws {
        let labels = try ScreenFile.open(fixture(file)).labels(column: expected.column)
        let perCell = (0..<FixtureCounts.cells).map { expected.labels[$0 * 2 % 5] }
        #expect(labels.codes.map { $0 < 0 ? nil : labels.names[Int($0)] } == perCell)
        var order: [String] = []
        for case let label? in perCell where !order.contains(label) { order.append(label) }
        #expect(labels.names == order, "order of first appearance, only labels with cells")
        #expect(labels.missingCount == perCell.count { $0 == nil })
        #expect(labels.repairedCount == (expected.column == "latin" ? 1 : 0))
    }

    @Test(
        "Columns that are no labels are refused with the reason",
        arguments: [
            ("floats", "floating-point"), ("cat_high", "row 3 has category 5, there are 5"),
            ("short", "it has 19 entries, obs has 20 rows"), ("awkward", "awkward-array"),
            ("records", "record of 1 fields"),
        ]
    )
    func refused(column: String, reason: String) throws {
        let screen = try ScreenFile.open(fixture(file))
        let error = anndataError { _ = try screen.labels(column: column) }
        let text = try #require(error).description
        #expect(text.contains(reason), "\(text)")
        #expect(text.contains("obs/\(column)"), "\(text)")
    }

    @Test("An unknown column lists the nearest names and the first ten")
    func unknownColumn() throws {
        let path = try fixture(file)
        let screen = try ScreenFile.open(path)
        let error = anndataError { _ = try screen.labels(column: "nulable_txt") }
        guard case .unknownColumn(path, "obs", "nulable_txt", let nearest, let first) = error else {
            Issue.record("unexpected \(String(describing: error))")
            return
        }
        #expect(nearest == ["nullable_text"])
        #expect(first == Array(screen.cellColumnNames.prefix(10)))
        #expect(error?.description.contains("did you mean 'nullable_text'?") == true)
    }

    @Test(
        "Columns of each anndata release are read",
        arguments: ["0.6.22.post1", "0.7.8", "0.12.19", "0.13.2"]
    )
    func releases(version: String) throws {
        let directory = try ScratchDirectory()
        let path = try fixture("screen.anndata-\(version).h5ad", in: directory)
        let screen = try ScreenFile.open(path)
        let cells = FixtureCounts.cells
        let labels = try screen.labels(column: "perturbation")
        #expect(labels.names == ["control", "HLA-A/B", "A,B", "Gène"])
        #expect(labels.expanded(missing: "") == (0..<cells).map { FixtureCounts.labels[$0 % 5] })
        let partly = try screen.labels(column: "partly")
        #expect(partly.missingCount == 4)
        #expect(partly.names == ["control", "HLA-A/B", "Gène"])
        #expect(try screen.labels(column: "guides").names == ["0", "1", "2"])
        #expect(try screen.labels(column: "text").names == ["t0", "t1", "t2"])
        #expect(try screen.geneNames(column: nil) == (0..<7).map { "gene\($0)" })
        #expect(try screen.geneNames(column: "symbol") == (0..<7).map { "S\($0 / 2)" })
        #expect(try screen.geneNames(column: "gene_symbols")[6] == "gene6")
        #expect(try screen.geneNames(column: nil, raw: true).last == "raw8")
        guard version != "0.6.22.post1" else { return }
        #expect(try screen.labels(column: "is_control").names == ["True", "False"])
        let numbers = try screen.labels(column: "number_category")
        #expect(numbers.names == ["0", "10", "20", "30"])
        guard version.hasPrefix("0.1") else { return }
        #expect(try screen.labels(column: "nullable_integer").missingCount == 1)
        #expect(try screen.labels(column: "nullable_boolean").names == ["False", "True"])
    }

    @Test("Records of anndata 0.5 have their labels in uns")
    func records() throws {
        let screen = try ScreenFile.open(fixture("records.h5py-3.16.0.h5ad"))
        let labels = try screen.labels(column: "perturbation")
        #expect(labels.names == ["control", "HLA-A/B", "A,B", "Gène"])
        #expect(labels.codes[6] == -1 && labels.missingCount == 1)
        #expect(try screen.labels(column: "batch").names == ["0", "1"])
        #expect(try screen.labels(column: "name").names == ["n0", "n1"])
        #expect(try screen.labels(column: "index").names[19] == "cell19")
        #expect(screen.cellColumnNames == ["perturbation", "batch", "name"])
    }

    @Test("Genes may share a name and the index may have any name")
    func geneNames() throws {
        let screen = try ScreenFile.open(fixture(file))
        #expect(try screen.geneNames(column: nil) == (0..<7).map { "gene\($0)" })
        #expect(try screen.geneNames(column: "twice") == (0..<7).map { "gene\($0 / 2)" })
        let error = anndataError { _ = try screen.geneNames(column: "twic") }
        guard case .unknownColumn(_, "var", "twic", ["twice"], _) = error else {
            Issue.record("unexpected \(String(describing: error))")
            return
        }
    }
}
