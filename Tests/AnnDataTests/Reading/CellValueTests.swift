import AnnData
import Testing

/// A column of columns.h5ad as numbers: values of the codes 0 to 4, nil where missing.
struct NumberCase: Sendable, CustomTestStringConvertible {
    let column: String
    let values: [Double?]
    var testDescription: String { column }

    init(_ column: String, _ values: [Double?]) {
        self.column = column
        self.values = values
    }
}

/// A column of columns.h5ad as levels: all levels in order, and the level of the codes 0 to 4.
struct LevelCase: Sendable, CustomTestStringConvertible {
    let column: String
    let names: [String]
    let codes: [Int32]
    let areListed: Bool
    var testDescription: String { column }
}

private let names = ["control", "HLA-A/B", "A,B", "Gène", "unused?"]
/// Upper case before lower case: the order of code points.
private let sorted = ["A,B", "Gène", "HLA-A/B", "control", "unused?"]
private let ranks: [Int32] = [3, 2, 0, 1, 4]

private let numberCases = [
    NumberCase("floats", [0, 0.5, 1, 1.5, 2]),
    NumberCase("integers", [0, 10, 20, 30, 40]),
    NumberCase("integers_big", [-2, -1, 0, 1, 2]),
    NumberCase("booleans", [1, 0, 1, 0, 1]),
    NumberCase("nullable_integer", [0, nil, 2, 3, 4]),
    NumberCase("nullable_boolean", [1, nil, 1, 0, 1]),
]

private let levelCases = [
    LevelCase(column: "cat", names: names, codes: [0, 1, 2, 3, 4], areListed: true),
    LevelCase(column: "cat_u1", names: names, codes: [0, 1, 2, 3, 4], areListed: true),
    LevelCase(
        column: "cat_unused",
        names: ["never", "nor this"] + names,
        codes: [2, 3, 4, 5, 6],
        areListed: true
    ),
    LevelCase(column: "cat_missing", names: names, codes: [0, -1, 2, 3, 4], areListed: true),
    LevelCase(
        column: "cat_integers",
        names: ["10", "20", "30", "40", "50"],
        codes: [0, 1, 2, 3, 4],
        areListed: true
    ),
    LevelCase(column: "old_reference", names: names, codes: [0, 1, 2, 3, 4], areListed: true),
    LevelCase(column: "old_name", names: names, codes: [0, 1, 2, 3, 4], areListed: true),
    LevelCase(column: "text", names: sorted, codes: ranks, areListed: false),
    LevelCase(column: "fixed", names: sorted, codes: ranks, areListed: false),
    LevelCase(
        column: "nullable_text",
        names: sorted.filter { $0 != "HLA-A/B" },
        codes: [2, -1, 0, 1, 3],
        areListed: false
    ),
]

@Suite("Columns of obs for a model")
struct CellValueTests {
    private func screen() throws -> ScreenFile {
        try ScreenFile.open(fixture("columns.h5py-3.16.0.h5ad"))
    }

    @Test("Numbers and flags are numbers, missing ones NaN", arguments: numberCases)
    func numbers(_ expected: NumberCase) throws {
        guard case .numbers(let found) = try screen().cellValues(column: expected.column) else {
            Issue.record("levels")
            return
        }
        #expect(found.count == FixtureCounts.cells)
        for (cell, value) in found.enumerated() {
            let wanted = expected.values[cell * 2 % 5]
            #expect(wanted.map { $0 == value } ?? value.isNaN, "cell \(cell): \(value)")
        }
    }

    @Test("Categories keep the file's order, texts are sorted by code point", arguments: levelCases)
    func levels(_ expected: LevelCase) throws {
        guard case .levels(let found) = try screen().cellValues(column: expected.column) else {
            Issue.record("numbers")
            return
        }
        #expect(found.names == expected.names)
        #expect(found.codes == (0..<FixtureCounts.cells).map { expected.codes[$0 * 2 % 5] })
        #expect(found.areListed == expected.areListed)
    }

    @Test(
        "What is neither is refused with the reason",
        arguments: [
            ("cat_high", "row 3 has category 5, there are 5"),
            ("short", "it has 19 entries, obs has 20 rows"), ("awkward", "awkward-array"),
            ("records", "record of 1 fields"), ("nowhere", "no column 'nowhere'"),
        ]
    )
    func refused(column: String, reason: String) throws {
        let screen = try screen()
        let error = anndataError { _ = try screen.cellValues(column: column) }
        let text = try #require(error).description
        #expect(text.contains(reason), "\(text)")
    }

    @Test("Size factors are a column of numbers, one of them positive")
    func sizeFactors() throws {
        let screen = try screen()
        let found = try screen.sizeFactors(column: "floats")
        #expect(found == (0..<FixtureCounts.cells).map { Double($0 * 2 % 5) / 2 })
        for (column, reason) in [("cat", "holds levels"), ("text", "holds levels")] {
            let error = anndataError { _ = try screen.sizeFactors(column: column) }
            #expect(error?.description.contains(reason) == true)
        }
        let release = try ScratchDirectory()
        let written = try ScreenFile.open(fixture("screen.anndata-0.12.19.h5ad", in: release))
        #expect(try written.sizeFactors(column: "guides").count == FixtureCounts.cells)
    }
}
