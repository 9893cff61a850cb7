import ChildProcesses
import Foundation
import Testing

@Suite("Runs from a configuration file")
struct ConfigurationTests {
    private let screen = Screen(perturbations: 5, genes: 40, cellsPerPerturbation: 12)

    private func run(_ run: Run, _ yaml: String, _ more: [String]) throws -> Program.Ended {
        try Data(yaml.utf8).write(to: URL(filePath: run.folder.file("run.yaml")))
        return try Program.run(
            Program.coordinator,
            ["--config", run.folder.file("run.yaml")] + more,
            in: run.folder
        )
    }

    @Test("gives the same bytes as the same options on the command line")
    func sameBytes() throws {
        let calm = try Run(screen)
        let typed = ["--min-pct-ctrl", "0.2", "--no-scale-size-factors"]
        #expect(try calm.run(Run.oneWorker + typed).status == .exited(code: 0))
        let other = try Run(screen)
        let yaml = """
            input: \(other.folder.file(other.input))
            output: \(other.folder.file(other.output))
            method: nb-glm
            groupby: perturbation
            min_pct_ctrl: 0.9
            scale-size-factors: false
            local-workers: 1
            threads: 1
            quiet: true
            """
        let ended = try run(other, yaml, ["--min-pct-ctrl", "0.2"])
        #expect(ended.status == .exited(code: 0), "\(ended.errors)")
        #expect(try #require(calm.result).firstDifference(from: other.result) == nil)
    }

    @Test(
        "mistakes end with 64 and the line",
        arguments: [
            ("method: nb-glm\nmax-iter: many", "run.yaml:2: max-iter: "),
            ("method: nb-glm\n\nmax-iter: 0", "run.yaml:3: max-iter: "),
            ("method: t-tst", "run.yaml:1: method: "),
            ("memory-limit: 1M", "run.yaml:1: memory-limit: "),
            ("method: t-test\nmin-mu: 0", "run.yaml:2: min-mu: "),
            ("methd: t-test", "did you mean 'method'"),
            ("status-port: '*:1'", "run.yaml:1: status-port: "),
        ]
    )
    func mistakes(yaml: String, text: String) throws {
        let other = try Run(screen)
        let given = yaml.contains("method") ? [] : ["--method", "nb-glm"]
        let ended = try run(
            other,
            yaml,
            given + [other.folder.file(other.input), "--perturbation-column", "perturbation"]
        )
        #expect(ended.status == .exited(code: 64), "\(ended.errors)")
        #expect(ended.errors.contains(text), "\(ended.errors)")
        #expect(try other.folder.names() == ["run.yaml", "screen.h5ad"])
    }

    @Test("a file that is not there")
    func absent() throws {
        let other = try Run(screen)
        let ended = try other.run(["--config", "absent.yaml"])
        #expect(ended.status == .exited(code: 66), "\(ended.errors)")
        #expect(ended.errors.contains("absent.yaml"))
    }
}
