import ChildProcesses
import Foundation
import Testing

@Suite("Workers that read from the run directory")
struct SharedDirectoryTests {
    /// Chunks that the coordinator sent over links.
    private func chunksSent(_ run: Run) throws -> Int {
        let event = try #require(run.events("resources_sent").last)
        return try #require(event["chunks"].flatMap { Int($0) })
    }

    private static let cases = MethodCase.all.filter {
        ["frozen control", "shared control", "rank sums of float32"].contains($0.name)
    }

    @Test("get everything from there, with the same bytes", arguments: cases)
    func shared(method: MethodCase) throws {
        let counts = CellTable(perturbations: 5, genes: 60, cellsPerPerturbation: 14)
        let expected = try method.run(counts)
        var ended = try expected.run()
        #expect(ended.status == .exited(code: 0), "\(ended.errors)")
        #expect(try chunksSent(expected) > 0, "over the link by default")
        let run = try method.run(counts)
        ended = try run.run(["--local-workers", "2", "--threads", "1", "--data-plane", "shared"])
        #expect(ended.status == .exited(code: 0), "\(ended.errors)")
        #expect(expected.result?.firstDifference(from: run.result) == nil)
        #expect(try chunksSent(run) == 0)
        let left = try FileManager.default.contentsOfDirectory(
            atPath: run.folder.file(run.directory)
        )
        #expect(Set(left) == ["run.json", "report.json", "events.jsonl"])
    }

    @Test(
        "fall back on the link where the directory is absent, another run's or damaged",
        arguments: ["absent", "other", "damaged"]
    )
    func fallback(what: String) throws {
        let screen = Screen()
        let undisturbed = try Run(screen)
        #expect(try undisturbed.run().status == .exited(code: 0))
        let run = try Run(screen)
        let other = ArrayRun(try Run(screen))
        let coordinator = try run.start([
            "--listen", "127.0.0.1:0", "--local-workers", "0", "--data-plane", "shared",
        ])
        defer { coordinator.process.send(signal: SIGKILL) }
        let directory = run.folder.file(run.directory)
        let endpoint = run.directory + "/endpoint.json"
        let data = run.directory + "/resources.bin"
        let index = run.directory + "/resources.json"
        #expect(eventually(20) { run.folder.exists(endpoint) && run.folder.exists(index) })
        var place = directory
        switch what {
        case "absent": place = run.folder.file("nowhere")
        case "other":
            #expect(try other.prepare().status == .exited(code: 0))
            place = other.path
        default:
            var bytes = try #require(run.folder.bytes(data))
            for position in stride(from: 0, to: bytes.count, by: 100) { bytes[position] ^= 1 }
            try bytes.write(to: URL(filePath: run.folder.file(data)))
        }
        let worker = try Program(
            Program.worker,
            ["--connect", "@" + directory, "--run-dir", place, "--threads", "1"],
            in: run.folder
        )
        defer { worker.process.send(signal: SIGTERM) }
        let ended = try coordinator.wait()
        #expect(ended.status == .exited(code: 0), "\(ended.errors)")
        let left = try worker.wait()
        #expect(left.status == .exited(code: 0), "\(left.errors)")
        if what != "absent" { #expect(left.errors.contains("over the connection")) }
        #expect(undisturbed.result?.firstDifference(from: run.result) == nil)
        #expect(try chunksSent(run) > 0)
    }
}
