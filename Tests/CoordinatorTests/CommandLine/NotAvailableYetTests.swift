import Coordinator
import Testing

@Suite("Names that are planned and refused until then")
struct NotAvailableYetTests {
    @Test("planned subcommands", arguments: ["shrink", "status", "prepare", "merge"])
    func subcommands(name: String) {
        let arguments = [name, "input.h5ad"]
        #expect(NotAvailableYet.refusal(of: arguments) == "'\(name)' is not available yet")
    }

    @Test("a planned subcommand's name may be a value elsewhere")
    func names() {
        #expect(NotAvailableYet.refusal(of: ["run", "status", "--output", "merge"]) == nil)
        #expect(NotAvailableYet.refusal(of: []) == nil)
    }

    @Test(
        "planned options, with their value apart, after =, or as a negated flag",
        arguments: [
            (["--covariates", "batch"], "--covariates"),
            (["--covariates=batch"], "--covariates"),
            (["--n-jobs="], "--n-jobs"),
            (["--tie-correct"], "--tie-correct"),
            (["--no-tie-correct"], "--no-tie-correct"),
            (["--no-use-control-cache=x"], "--no-use-control-cache"),
            (["--min-mu", "0", "--chunk-size", "9", "--config", "f"], "--chunk-size"),
        ]
    )
    func options(more: [String], named: String) throws {
        let refusal = try #require(
            NotAvailableYet.refusal(of: ["run", "screen.h5ad", "--method", "nb-glm"] + more)
        )
        #expect(refusal.hasPrefix("option \(named) is not available yet"))
        #expect(NotAvailableYet.refusal(of: more) == refusal)
    }

    @Test(
        "options of this build, parts of names and values pass",
        arguments: [
            ["screen.h5ad", "--method", "nb-glm", "--threads=4", "-o", "config"],
            ["--no-scale-size-factors"], ["--size-factors", "f"], ["--size-factor"],
            ["--output=--config"], ["-config"], ["--configs"], ["--no-"], ["--"],
            ["--no-no-covariates"], ["--hosts", "f", "--numa=off"],
        ]
    )
    func others(arguments: [String]) {
        #expect(NotAvailableYet.refusal(of: arguments) == nil)
    }

    @Test("after -- everything is a value")
    func terminator() {
        #expect(NotAvailableYet.refusal(of: ["run", "--", "--covariates"]) == nil)
        #expect(NotAvailableYet.refusal(of: ["run", "--covariates", "--"]) != nil)
    }
}
