import ArgumentParser
import Coordinator
import Testing

@Suite("Where the result goes")
struct OutputArgumentsTests {
    private func path(_ arguments: [String], input: String = "/data/screen.h5ad") throws -> String {
        try OutputArguments.parse(arguments).path(input: input, suffix: "nb_glm")
    }

    @Test(
        "by default beside the input, under a name that does not depend on it",
        arguments: [
            ("/data/screen.h5ad", "/data/crispyx_nb_glm.h5ad"),
            ("/data/other.h5ad", "/data/crispyx_nb_glm.h5ad"),
            ("runs/a/screen", "runs/a/crispyx_nb_glm.h5ad"),
            ("screen.h5ad", "crispyx_nb_glm.h5ad"),
            ("./screen.h5ad", "./crispyx_nb_glm.h5ad"),
        ]
    )
    func defaultName(input: String, output: String) throws {
        #expect(try path([], input: input) == output)
    }

    @Test(
        "a data name gets prefix and suffix unless it has them",
        arguments: [
            ("replogle", "crispyx_replogle_nb_glm"),
            ("crispyx_replogle", "crispyx_replogle_nb_glm"),
            ("replogle_nb_glm", "crispyx_replogle_nb_glm"),
            ("crispyx_replogle_nb_glm", "crispyx_replogle_nb_glm"),
            ("crispyx", "crispyx_crispyx_nb_glm"),
            ("nb_glm", "crispyx_nb_glm"),
            ("crispyx_nb_glm", "crispyx_nb_glm"),
            ("replogle_wilcoxon", "crispyx_replogle_wilcoxon_nb_glm"),
            ("a.h5ad", "crispyx_a.h5ad_nb_glm"),
        ]
    )
    func dataName(name: String, file: String) throws {
        #expect(try path(["--data-name", name]) == "/data/\(file).h5ad")
    }

    @Test("the directory can be another one, with or without a data name")
    func outputDirectory() throws {
        #expect(try path(["--output-dir", "/out"]) == "/out/crispyx_nb_glm.h5ad")
        #expect(
            try path(["--output-dir", "out", "--data-name", "k562"])
                == "out/crispyx_k562_nb_glm.h5ad"
        )
    }

    @Test("a path given is taken as it is")
    func output() throws {
        #expect(try path(["-o", "de"]) == "de")
        #expect(try path(["--output", "x/de.h5ad"]) == "x/de.h5ad")
    }

    @Test(
        "options that exclude each other, and names that are paths, are refused",
        arguments: [
            ["--output", "a", "--output-dir", "b"], ["-o", "a", "--data-name", "b"],
            ["--data-name", "a/b"], ["--data-name", ""],
        ]
    )
    func refusals(arguments: [String]) {
        let error = #expect(throws: (any Error).self) { try OutputArguments.parse(arguments) }
        #expect(error.map { OutputArguments.exitCode(for: $0) } == .validationFailure)
    }
}
