import NodeTopology
import Testing

@Suite("Lists of CPUs and nodes")
struct NumberListTests {
    @Test(
        "A kernel list is read in any order, each number once",
        arguments: [
            ("", []), ("\n", []), ("0", [0]), ("0-3\n", [0, 1, 2, 3]), ("8,0-1", [0, 1, 8]),
            ("1-2,2-3", [1, 2, 3]),
        ] as [(String, [Int])]
    )
    func parses(text: String, numbers: [Int]) throws {
        #expect(try NumberList.parse(text, source: "list") == numbers)
    }

    @Test(
        "A damaged list is refused with its source",
        arguments: ["a", "1-", "-1", "3-1", "1,,2", "1-2-3", "0-99999999999", "1048577", "0x1"]
    )
    func refuses(text: String) {
        #expect(throws: NodeTopologyError.malformedNumberList(text: text, source: "cpus")) {
            try NumberList.parse(text, source: "cpus")
        }
    }

    @Test(
        "A set is written with its runs as ranges",
        arguments: [
            ([], ""), ([5], "5"), ([0, 1, 2, 3], "0-3"), ([8, 0, 1, 0], "0-1,8"),
        ] as [([Int], String)]
    )
    func formats(numbers: [Int], text: String) {
        #expect(NumberList.format(numbers) == text)
    }
}
