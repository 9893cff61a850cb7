import Coordinator
import Testing

@Suite("Size factors from a file")
struct SizeFactorFileTests {
    private let folder: TestDirectory

    init() throws { folder = try TestDirectory() }

    private func read(_ text: String, cells: Int) throws -> [Double] {
        try SizeFactorFile.read(folder.write(text, as: "factors"), cellCount: cells)
    }

    @Test(
        "one number a line; blank lines and comments do not count",
        arguments: [
            "1\n0.5\n2e-3\n", "1\n0.5\n2e-3", "# by library size\n1\n\n 0.5\t\n  # half\n2e-3\n\n",
        ]
    )
    func numbers(text: String) throws {
        #expect(try read(text, cells: 3) == [1, 0.5, 0.002])
    }

    @Test("a number that is not finite, 0 or negative stays in its place")
    func unusable() throws {
        let factors = try read("nan\n2\nNaN\n0\n-1\ninf\n", cells: 6)
        #expect(factors[0].isNaN && factors[2].isNaN)
        #expect([factors[1], factors[3], factors[4], factors[5]] == [2, 0, -1, .infinity])
    }

    @Test(
        "a line that is no number is named",
        arguments: [
            ("1\n\n# c\ntwo\n", 4, "two"), ("1 2\n", 1, "1 2"), ("1,5\n", 1, "1,5"),
            ("cell\t1\n", 1, "cell\t1"),
        ]
    )
    func badLine(text: String, line: Int, quoted: String) throws {
        let failure = try #require(caught { try read(text, cells: 1) })
        #expect(failure.status == .badInput)
        #expect(failure.description.contains("factors, line \(line): '\(quoted)'"))
    }

    @Test("one number is needed for each cell", arguments: [0, 1, 3, 1000])
    func count(cells: Int) throws {
        let failure = try #require(caught { try read("1\n2\n", cells: cells) })
        #expect(failure.status == .badInput)
        #expect(failure.description.contains("2 size factors for \(cells) cells"))
    }

    @Test("one of them must be finite and positive", arguments: ["nan\n0\n", "-1\ninf\n"])
    func noneValid(text: String) throws {
        let failure = try #require(caught { try read(text, cells: 2) })
        #expect(failure.status == .badInput)
        #expect(failure.description.contains("no size factor is finite and positive"))
    }

    @Test("a file that is not there is a missing input")
    func missing() throws {
        let path = folder.file("none")
        let failure = try #require(caught { try SizeFactorFile.read(path, cellCount: 1) })
        #expect(failure.status == .noInput && failure.description.hasPrefix("\(path): "))
    }
}
