import ChildProcesses
import Foundation
import Testing

@Suite("The result is the same, byte for byte")
struct SameBytesTests {
    /// The result of one worker with one thread.
    private func undisturbed(_ screen: Screen) throws -> Data {
        let run = try Run(screen)
        let ended = try run.run()
        #expect(ended.status == .exited(code: 0), "\(ended.errors)")
        return try #require(run.result)
    }

    @Test(
        "for any number of workers and threads",
        arguments: [("4", "1"), ("1", "3"), ("4", "3"), ("2", "2")]
    )
    func workersAndThreads(workers: String, threads: String) throws {
        let expected = try undisturbed(Screen())
        let run = try Run(Screen())
        let ended = try run.run(["--local-workers", workers, "--threads", threads])
        #expect(ended.status == .exited(code: 0), "\(ended.errors)")
        #expect(expected.firstDifference(from: run.result) == nil)
        #expect(run.fits == Dictionary(uniqueKeysWithValues: (0..<12).map { ($0, 1) }))
        #expect(Set(run.events("worker_joined").compactMap { $0["threads"] }) == [threads])
    }

    @Test("for every way to store the same counts", arguments: Screen.Storage.allCases)
    func storages(storage: Screen.Storage) throws {
        let expected = try undisturbed(Screen())
        let run = try Run(Screen(), as: storage)
        let choice = storage == .layer ? ["--layer", "counts"] : []
        let ended = try run.run(Run.oneWorker + choice)
        #expect(ended.status == .exited(code: 0), "\(ended.errors)")
        #expect(expected.firstDifference(from: run.result) == nil)
    }

    @Test("when counts are spilled to scratch space")
    func spilled() throws {
        // 128M leave 24 MiB for counts: five bytes each for these, so seven million are too many.
        let screen = Screen(
            perturbations: 4,
            genes: 500,
            cellsPerPerturbation: 2100,
            largest: 4_000_000_000,
            density: 0.95
        )
        var run = try Run(screen, as: .dense)
        var ended = try run.run(["--local-workers", "1", "--threads", "2"])
        #expect(ended.status == .exited(code: 0), "\(ended.errors)")
        #expect(try run.report().bytesSpilled == 0)
        let expected = try #require(run.result)
        run.output = "spilled.h5ad"
        ended = try run.run(["--local-workers", "1", "--threads", "2", "--memory-limit", "128M"])
        #expect(ended.status == .exited(code: 0), "\(ended.errors)")
        #expect(try run.report().bytesSpilled > 0)
        #expect(expected.firstDifference(from: run.result) == nil)
    }

    @Test("for workers that join over TCP", arguments: [false, true])
    func overTCP(withTokenFile: Bool) throws {
        let expected = try undisturbed(Screen())
        let run = try Run(Screen())
        let listening = ["--listen", "127.0.0.1:0", "--local-workers", "0"]
        let token = run.folder.file("secret")
        if withTokenFile {
            try Data(String(repeating: "0123456789abcdef", count: 4).utf8).write(
                to: URL(filePath: token)
            )
            chmod(token, 0o600)
        }
        let coordinator = try run.start(
            listening + (withTokenFile ? ["--token-file", token] : [])
        )
        defer { coordinator.process.send(signal: SIGKILL) }
        let endpoint = run.directory + "/endpoint.json"
        #expect(eventually(20) { run.folder.exists(endpoint) })
        var target = ["--connect", "@" + run.folder.file(run.directory)]
        if withTokenFile {
            let place = try JSONDecoder().decode(
                Endpoint.self,
                from: try #require(run.folder.bytes(endpoint))
            )
            target = ["--connect", "127.0.0.1:\(place.port)", "--token-file", token]
        }
        let worker = try Program(
            Program.worker,
            target + ["--threads", "1", "--quiet"],
            in: run.folder
        )
        defer { worker.process.send(signal: SIGTERM) }
        let ended = try coordinator.wait()
        #expect(ended.status == .exited(code: 0), "\(ended.errors)")
        let left = try worker.wait()
        #expect(left.status == .exited(code: 0), "\(left.errors)")
        #expect(expected.firstDifference(from: run.result) == nil)
        #expect(run.events("worker_joined").count >= 1)
        #expect(!run.folder.exists(endpoint))
        #expect(!run.folder.exists(run.directory + "/token"))
    }

    private struct Endpoint: Decodable {
        var port: Int
    }
}
