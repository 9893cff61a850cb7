import ChildProcesses
import Foundation
import Testing

@Suite("What is refused")
struct RefusalTests {
    private let screen = Screen(perturbations: 5, genes: 40, cellsPerPerturbation: 12)

    @Test("an existing result of other options stays, the same one is reported")
    func existingResult() throws {
        let run = try Run(screen)
        expect(try run.run(), 0)
        let path = run.folder.file(run.output)
        func changed() throws -> Date? {
            try FileManager.default.attributesOfItem(atPath: path)[.modificationDate] as? Date
        }
        let (bytes, time) = (run.result, try changed())
        let again = try run.run()
        expect(again, 0)
        #expect(again.output == path + "\n")
        expect(try run.run(Run.oneWorker + ["--resume"]), 0)
        expect(try run.run(Run.oneWorker + ["--min-mu", "0.25"]), 73, path, "--force")
        #expect(run.result == bytes)
        #expect(try changed() == time)
        expect(try run.run(Run.oneWorker + ["--min-mu", "0.25", "--force"]), 0)
        #expect(run.result != bytes)
        expect(try run.run(Run.oneWorker + ["--force"]), 0)
        #expect(run.result == bytes)
    }

    @Test("a file that is no result is not overwritten")
    func foreignFile() throws {
        let run = try Run(screen)
        let path = run.folder.file(run.output)
        try Data("mine".utf8).write(to: URL(filePath: path))
        expect(try run.run(), 73, path, "--force")
        #expect(run.result == Data("mine".utf8))
        #expect(!run.folder.exists(run.directory))
    }

    @Test("an interrupted run without --resume, or with another option or input")
    func interrupted() throws {
        let run = try Run(screen)
        let killed = try run.run(variables: ["CRISPYX_FAIL": "before-publication:1"])
        #expect(killed.status == .signalled(number: SIGKILL, coreDumped: false))
        expect(try run.run(), 73, "--resume", "--force")
        let other = try run.run(Run.oneWorker + ["--resume", "--max-iter", "9"])
        expect(other, 65, "maximumIterations was 25, is 9")
        #expect(!other.errors.contains("minimum"), "options that agree are not named")
        let deeper = try run.run(Run.oneWorker + ["--resume", "--min-pct-ctrl", "0.5"])
        expect(deeper, 65, "minimumShareControl")
        #expect(!deeper.errors.contains("minimumMeanControl"))
        expect(
            try run.run(Run.oneWorker + ["--resume", "--perturbations", "GENE1"]),
            65,
            "list of perturbations"
        )
        let input = run.folder.file(run.input)
        try FileManager.default.removeItem(atPath: input)
        try Screen(perturbations: 5, genes: 40, cellsPerPerturbation: 12, seed: 2).write(input)
        expect(try run.run(Run.oneWorker + ["--resume"]), 65, "counts")
        try FileManager.default.removeItem(atPath: input)
        try screen.write(input)
        expect(try run.run(Run.oneWorker + ["--resume"]), 0)
    }

    @Test("an input that is not there or cannot be read leaves nothing behind")
    func badInputs() throws {
        let folder = try TestFolder()
        let good = folder.file("good.h5ad")
        try screen.write(good)
        let bytes = try #require(folder.bytes("good.h5ad"))
        for (name, data) in [
            ("empty", Data()), ("text", Data("cell,gene\n".utf8)), ("start", bytes.prefix(1000)),
            ("half", bytes.prefix(bytes.count / 2)),
        ] {
            try data.write(to: URL(filePath: folder.file(name)))
        }
        for (name, value) in [("fraction", 1.5), ("negative", -1), ("infinite", Float.infinity)] {
            try screen.write(folder.file(name), firstValue: value)
        }
        let before = try folder.names()
        for (name, code) in [
            ("absent", 66), ("empty", 65), ("text", 65), ("start", 65), ("half", 65),
            ("fraction", 65), ("negative", 65), ("infinite", 65),
        ] as [(String, Int32)] {
            let ended = try Program.run(
                Program.coordinator,
                [
                    folder.file(name), "--method", "nb-glm", "--perturbation-column",
                    "perturbation", "--output", folder.file("result.h5ad"), "--quiet",
                ],
                in: folder
            )
            expect(ended, code, folder.file(name))
        }
        #expect(try folder.names() == before)
    }

    @Test("unknown columns and labels are named with what there is")
    func unknownNames() throws {
        let run = try Run(screen)
        expect(try run.run(["--perturbation-column", "absent"]), 65, "'absent'", "'perturbation'")
        expect(try run.run(["--control-label", "absent"]), 65, "'absent'", "'control'")
        expect(try run.run(["--perturbations", "absent"]), 65, "'absent'", "'GENE1'")
        expect(try run.run(["--layer", "absent"]), 65, "absent")
        #expect(try run.folder.names() == ["screen.h5ad"])
    }

    @Test(
        "command lines that make no sense, have no effect or ask for what is not there yet",
        arguments: [
            (["--method", "wilcoxon", "--min-mu", "0"], "--min-mu"),
            (["--method", "t-test", "--corr-method", "bonferroni"], "benjamini-hochberg"),
            (["--tie-correct"], "wilcoxon"), (["--status-port", "0.0.0.0:0"], "--status-public"),
            (["--freeze-control", "on", "--no-shrink-dispersion"], "--no-shrink-dispersion"),
            (["--freeze-control", "on", "--lfc-shrinkage-type=apeglm"], "--lfc-shrinkage-type"),
            (["--poisson-init-iter", "3"], "--covariates"), (["--dispersion", "0.3"], "ignores"),
            (["--optimization-method", "lbfgsb"], "reweighted"),
            (["--corr-method", "holm"], "holm"), (["--size-factor-scope", "local"], "local"),
            (["--size-factors", "a", "--size-factor-column", "b"], "--size-factor-column"),
            (["--unheard-of"], "--unheard-of"), (["--max-iter", "0"], "--max-iter"),
            (["--local-workers", "0"], "--listen"), (["--memory-limit", "1M"], "128M"),
            (["--status-port", "localhost"], "--status-port"),
            (["--status-public"], "--status-port"),
            (["--data-name", "a"], "--output"),
            (["--compat", "crispyx-9"], "crispyx-9"),
        ]
    )
    func usage(arguments: [String], text: String) throws {
        let run = try Run(screen)
        expect(try run.run(arguments), 64, text)
        #expect(try run.folder.names() == ["screen.h5ad"])
    }

    @Test("outputs that cannot be created")
    func unwritable() throws {
        var run = try Run(screen)
        run.output = "absent/result.h5ad"
        expect(try run.run(), 73, "absent")
        run.output = "screen.h5ad/result.h5ad"
        expect(try run.run(), 73, "screen.h5ad")
        #expect(try run.folder.names() == ["screen.h5ad"])
    }

    @Test("a disk without room, and the run goes on when there is some", arguments: [8, 40])
    func diskFull(blocks: Int) throws {
        let calm = try Run(screen)
        expect(try calm.run(), 0)
        let run = try Run(screen)
        let program = try Program.path(Program.coordinator)
        let ended = try Program.run(
            "/bin/sh",
            ["-c", "ulimit -f \(blocks); exec \"$@\"", "sh", program] + run.arguments
                + Run.oneWorker,
            in: run.folder
        )
        expect(ended, 74, run.output, "File too large")
        #expect(run.result == nil)
        expect(try run.run(Run.oneWorker + ["--resume"]), 0)
        #expect(try #require(calm.result).firstDifference(from: run.result) == nil)
    }

    @Test("workers without the run's token")
    func wrongToken() throws {
        let run = try Run(screen)
        let coordinator = try run.start(["--listen", "127.0.0.1:0", "--local-workers", "0"])
        defer { coordinator.process.send(signal: SIGKILL) }
        let endpoint = run.folder.file(run.directory) + "/endpoint.json"
        #expect(eventually(20) { FileManager.default.fileExists(atPath: endpoint) })
        let token = run.folder.file("token")
        try Data(String(repeating: "fedcba9876543210", count: 4).utf8).write(
            to: URL(filePath: token)
        )
        let target = ["--connect", "@" + run.folder.file(run.directory)]
        chmod(token, 0o644)
        let open = try Program.run(
            Program.worker,
            target + ["--token-file", token, "--quiet"],
            in: run.folder
        )
        #expect(open.status != .exited(code: 0))
        #expect(open.errors.contains("0600") || open.errors.contains("600"), "\(open.errors)")
        chmod(token, 0o600)
        let wrong = try Program.run(
            Program.worker,
            target + ["--token-file", token, "--quiet", "--connect-timeout", "5"],
            in: run.folder
        )
        #expect(wrong.status == .exited(code: 77), "\(wrong.errors)")
        let right = try Program(Program.worker, target + ["--quiet"], in: run.folder)
        expect(try coordinator.wait(), 0)
        #expect(try right.wait().status == .exited(code: 0))
    }
}
