import Coordinator
import Testing

@Suite("Lists on the command line")
struct ListArgumentTests {
    private let folder: TestDirectory

    init() throws { folder = try TestDirectory() }

    @Test("values stay as they are: neither commas nor spaces split")
    func values() throws {
        let values = ["GATA1,MYC", "a b", "", "GATA1,MYC", "a@b", " @c"]
        #expect(try ListArgument.expand(values) == values)
        #expect(try ListArgument.expand([]).isEmpty)
    }

    @Test("@FILE gives one value a line in its place; blank lines are skipped")
    func file() throws {
        let path = try folder.write("GATA1,MYC\n\nb c\r\n@d\n\n", as: "list")
        #expect(
            try ListArgument.expand(["first", "@\(path)", "last", "@\(path)"])
                == ["first", "GATA1,MYC", "b c", "@d", "last", "GATA1,MYC", "b c", "@d"]
        )
        let unended = try folder.write("KLF1", as: "unended")
        #expect(try ListArgument.expand(["@\(unended)"]) == ["KLF1"])
        let empty = try folder.write("", as: "empty")
        #expect(try ListArgument.expand(["@\(empty)"]).isEmpty)
    }

    @Test("a list that cannot be read is a missing input")
    func missing() throws {
        for path in [folder.file("none"), folder.path, ""] {
            let failure = try #require(caught { try ListArgument.expand(["GATA1", "@\(path)"]) })
            #expect(failure.status == .noInput && failure.status.rawValue == 66)
            #expect(failure.description.hasPrefix("\(path): "))
        }
    }
}
