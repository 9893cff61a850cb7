import ChildProcesses
import Foundation
import Testing

@Suite("What the programs say")
struct OutputTests {
    private let screen = Screen(perturbations: 5, genes: 40, cellsPerPerturbation: 12)

    @Test("standard output is the result's path, and nothing else is said when quiet")
    func path() throws {
        let run = try Run(screen)
        let ended = try run.run()
        #expect(ended.output == run.folder.file(run.output) + "\n")
        #expect(ended.errors == "")
    }

    @Test("with --json standard output is the report")
    func json() throws {
        let run = try Run(screen)
        let ended = try run.run(Run.oneWorker + ["--json"])
        let object = try JSONSerialization.jsonObject(with: Data(ended.output.utf8))
        let report = try #require(object as? [String: Any])
        #expect(report["output"] as? String == run.folder.file(run.output))
        #expect(report["perturbations"] as? Int == 5)
        #expect(report["genes"] as? Int == 40)
        #expect(report["outcome"] as? String == "computed")
        let again = try run.run(Run.oneWorker + ["--json"])
        #expect(again.output.contains("already_complete"))
    }

    @Test("without --output the result lies beside the input under the package's name")
    func defaultName() throws {
        let run = try Run(screen)
        let ended = try Program.run(
            Program.coordinator,
            [
                "run", run.folder.file(run.input), "--method", "nb-glm", "--groupby",
                "perturbation", "--quiet",
            ],
            in: run.folder
        )
        #expect(ended.output == run.folder.file("crispyx_nb_glm.h5ad") + "\n")
        #expect(run.folder.exists("crispyx_nb_glm.h5ad"))
    }

    @Test("a simulated screen is inspected, run and shown")
    func simulateInspectShow() throws {
        let folder = try TestFolder()
        let input = folder.file("simulated.h5ad")
        let result = folder.file("result.h5ad")
        func run(_ arguments: String...) throws -> Program.Ended {
            let ended = try Program.run(Program.coordinator, arguments, in: folder)
            #expect(ended.status == .exited(code: 0), "\(ended.errors)")
            return ended
        }
        let simulated = try run(
            "simulate",
            input,
            "--perturbations",
            "6",
            "--genes",
            "60",
            "--cells-per-perturbation",
            "15"
        )
        #expect(simulated.output == input + "\n")
        let inspected = try run("inspect", input, "--perturbation-column", "perturbation")
        #expect(inspected.output.contains("control 'control', 6 perturbations"))
        let inspectedJSON = try run(
            "inspect",
            input,
            "--perturbation-column",
            "perturbation",
            "--json"
        )
        let object = try JSONSerialization.jsonObject(with: Data(inspectedJSON.output.utf8))
        #expect((object as? [String: Any])?["genes"] as? Int == 60)
        _ = try run(
            input,
            "--method",
            "nb-glm",
            "--perturbation-column",
            "perturbation",
            "--output",
            result,
            "--quiet"
        )
        let shown = try run("show", result, "--top", "3", "--tsv").output.split(separator: "\n")
        #expect(shown.count == 1 + 6 * 3)
        #expect(shown.allSatisfy { $0.split(separator: "\t").count == 6 })
        let ofGene = try run("show", result, "--gene", "GENE00", "--top", "4", "--json").output
        let effects = try JSONSerialization.jsonObject(with: Data(ofGene.utf8)) as? [[String: Any]]
        #expect(effects?.count == 4)
        #expect(effects?.allSatisfy { $0["gene"] as? String == "GENE00" } == true)
        let missing = try Program.run(
            Program.coordinator,
            ["show", result, "--gene", "absent"],
            in: folder
        )
        #expect(missing.status == .exited(code: 65))
        #expect(missing.errors.contains("'absent'"))
    }

    @Test("an inspected file whose cells all have one label is described")
    func inspectOneLabel() throws {
        let run = try Run(Screen(perturbations: 0, genes: 20, cellsPerPerturbation: 9))
        let ended = try Program.run(
            Program.coordinator,
            ["inspect", run.folder.file(run.input), "--perturbation-column", "perturbation"],
            in: run.folder
        )
        #expect(ended.status == .exited(code: 0), "\(ended.errors)")
        #expect(ended.output.contains("control: 36 cells"))
    }

    @Test("help tells of every option")
    func help() throws {
        let folder = try TestFolder()
        let ended = try Program.run(Program.coordinator, ["run", "--help"], in: folder)
        #expect(ended.status == .exited(code: 0))
        for option in [
            "method", "perturbation-column", "groupby", "control-label", "reference",
            "perturbations", "layer", "use-raw", "gene-name-column", "compat", "freeze-control",
            "min-mu", "max-iter", "tol", "size-factors", "no-scale-size-factors", "corr-method",
            "lfc-base", "min-cells-expressed", "min-pct-ctrl", "min-pct-pert", "min-mean-ctrl",
            "min-mean-pert", "min-pct-both", "threads", "local-workers", "numa", "hosts", "listen",
            "token-file",
            "memory-limit", "memory-limit-gb", "scratch-dir", "output", "output-dir", "data-name",
            "run-dir", "force", "resume", "json", "quiet", "verbose", "log-format",
        ] {
            #expect(ended.output.contains("--\(option)"), "\(option)")
        }
        let worker = try Program.run(Program.worker, ["--help"], in: folder)
        for option in [
            "connect", "token-file", "threads", "processes", "numa", "show-topology",
            "end-with-input", "memory-limit", "connect-timeout", "log-format",
            "quiet", "verbose",
        ] {
            #expect(worker.output.contains("--\(option)"), "\(option)")
        }
    }
}
