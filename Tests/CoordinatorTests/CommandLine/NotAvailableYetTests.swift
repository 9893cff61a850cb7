import Coordinator
import Testing

@Suite("Names that are planned and refused until then")
struct NotAvailableYetTests {
    @Test("planned subcommands", arguments: ["prepare", "merge"])
    func subcommands(name: String) {
        let arguments = [name, "input.h5ad"]
        #expect(NotAvailableYet.refusal(of: arguments) == "'\(name)' is not available yet")
    }

    @Test("a planned subcommand's name may be a value elsewhere")
    func names() {
        #expect(NotAvailableYet.refusal(of: ["run", "prepare", "--output", "merge"]) == nil)
        #expect(NotAvailableYet.refusal(of: []) == nil)
    }

    @Test(
        "planned options, with their value apart, after =, or as a negated flag",
        arguments: [
            (["--data-plane", "f"], "--data-plane"),
            (["--data-plane=f"], "--data-plane"),
            (["--data-plane"], "--data-plane"),
            (["--no-data-plane"], "--no-data-plane"),
            (["--no-data-plane=x"], "--no-data-plane"),
            (["--min-mu", "0", "--data-plane", "9", "--tls-ca", "f"], "--data-plane"),
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
            ["screen.h5ad", "--method", "nb-glm", "--threads=4", "-o", "tls-ca"],
            ["--no-scale-size-factors"], ["--size-factors", "f"], ["--size-factor"],
            ["--output=--data-plane"], ["-data-plane"], ["--data-planes"], ["--no-"], ["--"],
            ["--no-no-covariates"], ["--hosts", "f", "--numa=off"], ["status", "rundir"],
            ["--config", "f", "--status-port=0"],
            ["--tls-cert", "c", "--tls-key=k", "--tls-ca", "a"],
        ]
    )
    func others(arguments: [String]) {
        #expect(NotAvailableYet.refusal(of: arguments) == nil)
    }

    @Test("after -- everything is a value")
    func terminator() {
        #expect(NotAvailableYet.refusal(of: ["run", "--", "--data-plane"]) == nil)
        #expect(NotAvailableYet.refusal(of: ["run", "--data-plane", "--"]) != nil)
    }

    @Test(
        "options that the package ignores or that steer its memory are refused with what to do",
        arguments: [
            ("--dispersion", "always estimated"),
            ("--share-dispersion", "--dispersion-scope global"),
            ("--cook-filter", "Cook's distance"), ("--n-jobs", "--threads"),
            ("--chunk-size", "--memory-limit"), ("--batch-size", "--memory-limit"),
            ("--irls-batch-size", "--memory-limit"), ("--max-dense-fraction", "--memory-limit"),
            ("--cell-chunk-size", "4096"), ("--checkpoint-interval", "saved within seconds"),
        ]
    )
    func optionsOfTheReference(name: String, remedy: String) throws {
        let refusal = try #require(NotAvailableYet.refusal(of: ["screen.h5ad", name, "3"]))
        #expect(refusal.hasPrefix("\(name): ") && refusal.contains(remedy))
    }
}
