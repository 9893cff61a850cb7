import Coordinator
import Testing

@Suite("Options of the Python package that mean nothing here")
struct OptionsOfTheReferenceTests {
    @Test(
        "they are refused with what to do",
        arguments: [
            ("--dispersion", "always estimated"),
            ("--share-dispersion", "--dispersion-scope global"),
            ("--cook-filter", "Cook's distance"), ("--n-jobs", "--threads"),
            ("--chunk-size", "--memory-limit"), ("--batch-size", "--memory-limit"),
            ("--irls-batch-size", "--memory-limit"), ("--max-dense-fraction", "--memory-limit"),
            ("--cell-chunk-size", "4096"), ("--checkpoint-interval", "saved within seconds"),
        ]
    )
    func refused(name: String, remedy: String) throws {
        for words in [[name, "3"], ["\(name)=3"], ["run", name]] {
            let refusal = try #require(OptionsOfTheReference.refusal(of: ["screen.h5ad"] + words))
            #expect(refusal.hasPrefix("\(name): ") && refusal.contains(remedy))
        }
        let negated = "--no-" + name.dropFirst(2)
        let refusal = try #require(OptionsOfTheReference.refusal(of: [negated]))
        #expect(refusal.hasPrefix("\(negated): ") && refusal.contains(remedy))
    }

    @Test(
        "options of this program, parts of names and values pass",
        arguments: [
            [], ["screen.h5ad", "--method", "nb-glm", "--threads=4", "-o", "n-jobs"],
            ["--output=--n-jobs"], ["-n-jobs"], ["--n-jobss"], ["--no-"], ["--"],
            ["--size-factors", "f"], ["run", "--", "--n-jobs"],
        ]
    )
    func others(arguments: [String]) {
        #expect(OptionsOfTheReference.refusal(of: arguments) == nil)
    }
}
