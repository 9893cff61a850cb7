import Coordinator
import Testing

@Suite("Names that are planned and refused until then")
struct NotAvailableYetTests {
    @Test(
        "planned options, with their value apart, after =, or as a negated flag",
        arguments: [
            (["--tls-cert", "f"], "--tls-cert"),
            (["--tls-cert=f"], "--tls-cert"),
            (["--tls-ca="], "--tls-ca"),
            (["--no-tls-cert"], "--no-tls-cert"),
            (["--min-mu", "0", "--tls-key", "9", "--tls-ca", "f"], "--tls-key"),
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
            ["--output=--tls-ca"], ["-tls-ca"], ["--tls-cas"], ["--no-"], ["--"],
            ["--no-no-covariates"], ["--hosts", "f", "--numa=off"], ["status", "rundir"],
            ["--config", "f", "--status-port=0"], ["--data-plane", "shared"],
            ["prepare", "screen.h5ad"], ["merge", "--run-dir", "r"],
        ]
    )
    func others(arguments: [String]) {
        #expect(NotAvailableYet.refusal(of: arguments) == nil)
    }

    @Test("after -- everything is a value")
    func terminator() {
        #expect(NotAvailableYet.refusal(of: ["run", "--", "--tls-ca"]) == nil)
        #expect(NotAvailableYet.refusal(of: ["run", "--tls-ca", "--"]) != nil)
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
