import ChildProcesses
import Foundation
import Glibc
import Testing

/// Workers over TCP that lose their coordinator, or are asked to leave.
@Suite("Workers that come back")
struct RejoinTests {
    /// Long enough for a machine that does ten other things.
    private static let deadline = Duration.seconds(120)

    /// A run that waits for workers at a port of its own.
    private struct Served {
        let run: Run
        let port: UInt16

        init(_ screen: Screen) throws {
            var run = try Run(screen)
            run.deadline = RejoinTests.deadline
            port = try CuttingProxy.freePort()
            run.extra = [
                "--listen", "127.0.0.1:\(port)", "--token-file", run.folder.file("token"),
                "--threads", "1",
            ]
            self.run = run
            let token = String(repeating: "0123456789abcdef", count: 4)
            try Data(token.utf8).write(to: URL(filePath: run.folder.file("token")))
            chmod(run.folder.file("token"), 0o600)
        }

        func worker(_ variables: [String: String] = [:], port: UInt16? = nil) throws -> Program {
            try Program(
                Program.worker,
                [
                    "--connect", "127.0.0.1:\(port ?? self.port)", "--token-file",
                    run.folder.file("token"), "--threads", "1", "--processes", "1", "--quiet",
                ],
                in: run.folder,
                variables: variables,
                deadline: RejoinTests.deadline
            )
        }
    }

    private func undisturbed(_ screen: Screen) throws -> Data {
        let run = try Run(screen)
        #expect(try run.run().status == .exited(code: 0))
        return try #require(run.result)
    }

    /// Numbers in a list of perturbations in the event log.
    private func numbers(_ list: String?) -> Set<Int> {
        Set((list ?? "").split(separator: " ").compactMap { Int($0) })
    }

    @Test("rows of a coordinator that was killed are taken again, none is fitted again")
    func killedCoordinator() throws {
        let screen = Screen()
        let expected = try undisturbed(screen)
        let served = try Served(screen)
        let run = served.run
        let trap = run.folder.file("trap")
        // A worker that begins to fit row 5 once the trap is there removes it and dies.
        let worker = try served.worker(["CRISPYX_FAIL_FIT": "5:\(trap)"])
        defer { worker.process.send(signal: SIGKILL) }
        // It dies with rows in the file and none in the journal.
        let killed = try run.run([], variables: ["CRISPYX_FAIL": "rows-saved:1"])
        #expect(killed.status == .signalled(number: SIGKILL, coreDumped: false))
        #expect(run.journalledRows.isEmpty)
        // On a slow machine the first commit may come before the last row.
        let fitted = Set(run.fits.keys)
        #expect(!fitted.isEmpty)
        if fitted.contains(5) { try Data().write(to: URL(filePath: trap)) }
        let ended = try run.run(["--resume"])
        #expect(ended.status == .exited(code: 0), "\(ended.errors)")
        #expect(expected.firstDifference(from: run.result) == nil)
        #expect(try run.report().resumedRows == 0)
        #expect(run.folder.exists("trap") == fitted.contains(5), "row 5 was fitted again")
        let offers = run.events("rows_offered")
        #expect(offers.count == 1)
        #expect(fitted.isSubset(of: numbers(offers.first?["wanted"])))
        #expect(run.events("worker_joined").map { $0["incarnation"] } == ["0", "1"])
        #expect(Set(run.events("worker_joined").map { $0["process"] }).count == 1)
        #expect(try worker.wait().status == .exited(code: 0))
    }

    @Test("a coordinator killed in the middle goes on with the workers it had")
    func killedInTheMiddle() throws {
        let screen = Screen(perturbations: 40, genes: 800, cellsPerPerturbation: 100)
        let expected = try undisturbed(screen)
        let served = try Served(screen)
        let run = served.run
        let workers = try (0..<2).map { _ in try served.worker() }
        defer { for worker in workers { worker.process.send(signal: SIGKILL) } }
        let coordinator = try run.start([])
        #expect(eventually(60) { run.events("row").count > 5 })
        #expect(coordinator.process.send(signal: SIGKILL))
        _ = try coordinator.wait()
        let before = run.events("worker_joined").count
        let ended = try run.run(["--resume"])
        #expect(ended.status == .exited(code: 0), "\(ended.errors)")
        #expect(expected.firstDifference(from: run.result) == nil)
        let back = run.events("worker_joined").dropFirst(before)
        #expect(back.contains { $0["incarnation"] == "1" })
        for worker in workers { #expect(try worker.wait().status == .exited(code: 0)) }
    }

    @Test("a worker whose connection is cut comes back in a new session, and nobody is blamed")
    func cutConnection() throws {
        let screen = Screen(perturbations: 40, genes: 800, cellsPerPerturbation: 100)
        let expected = try undisturbed(screen)
        let served = try Served(screen)
        let run = served.run
        let proxy = try CuttingProxy(to: served.port)
        defer { proxy.stop() }
        let coordinator = try run.start([])
        let worker = try served.worker(port: proxy.port)
        defer {
            worker.process.send(signal: SIGKILL)
            coordinator.process.send(signal: SIGKILL)
        }
        for rows in [3, 9, 15] {
            #expect(eventually(60) { run.events("row").count >= rows })
            #expect(proxy.cut() > 0, "the fault fired")
        }
        let ended = try coordinator.wait()
        #expect(ended.status == .exited(code: 0), "\(ended.errors)")
        #expect(expected.firstDifference(from: run.result) == nil)
        let joined = run.events("worker_joined")
        #expect(joined.map { $0["incarnation"] } == ["0", "1", "2", "3"])
        #expect(Set(joined.map { $0["process"] }).count == 1)
        #expect(run.events("given_up").isEmpty)
        #expect(run.events("rows_offered").count == 3)
        #expect(try worker.wait().status == .exited(code: 0))
    }

    @Test("a worker that is asked to leave says goodbye, and others do the rest")
    func terminated() throws {
        let screen = Screen(perturbations: 40, genes: 800, cellsPerPerturbation: 100)
        let expected = try undisturbed(screen)
        let served = try Served(screen)
        let run = served.run
        let coordinator = try run.start([])
        let first = try served.worker()
        defer {
            first.process.send(signal: SIGKILL)
            coordinator.process.send(signal: SIGKILL)
        }
        #expect(eventually(60) { run.events("row").count > 3 })
        #expect(first.process.send(signal: SIGTERM))
        #expect(try first.wait().status == .exited(code: 0))
        #expect(run.result == nil, "it left in the middle")
        #expect(run.events("worker_left").map { $0["how"] } == ["goodbye"], "no loss")
        let second = try served.worker()
        defer { second.process.send(signal: SIGKILL) }
        let ended = try coordinator.wait()
        #expect(ended.status == .exited(code: 0), "\(ended.errors)")
        #expect(expected.firstDifference(from: run.result) == nil)
        #expect(run.fits.values.allSatisfy { $0 == 1 })
        #expect(run.events("given_up").isEmpty)
        #expect(try second.wait().status == .exited(code: 0))
    }
}
