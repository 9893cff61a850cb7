import ChildProcesses
import Foundation
import Glibc
import Monitoring
import Testing

@Suite("Seeing how a run is")
struct StatusTests {
    private let screen = Screen()

    private func status(_ run: Run, _ more: [String]) throws -> Program.Ended {
        try Program.run(Program.coordinator, ["status"] + more, in: run.folder)
    }

    /// What `status --json` says of the run directory.
    private func recorded(_ run: Run) throws -> RunStatus {
        let ended = try status(run, [run.folder.file(run.directory), "--json"])
        #expect(ended.status == .exited(code: 0), "\(ended.errors)")
        return try RunStatus(json: Array(ended.output.utf8))
    }

    /// The status port that a run wrote down once it served.
    private func port(of run: Run) throws -> Int {
        var address: String?
        let isServing = eventually(25) {
            address = run.events("started").first?["status"]
            return address != nil
        }
        #expect(isServing)
        let text = try #require(address)
        #expect(text.hasPrefix("127.0.0.1:"))
        return try #require(text.split(separator: ":").last.flatMap { Int($0) })
    }

    /// What a run says of itself at its status port; nil when nobody answers.
    private func asked(_ run: Run, _ port: Int) throws -> RunStatus? {
        let ended = try status(run, ["--connect", "127.0.0.1:\(port)", "--json"])
        guard ended.status == .exited(code: 0) else { return nil }
        return try RunStatus(json: Array(ended.output.utf8))
    }

    @Test("a run that waits for workers, then has one, then is over; its bytes are as ever")
    func life() throws {
        let calm = try Run(screen)
        #expect(try calm.run().status == .exited(code: 0))
        let run = try Run(screen)
        let coordinator = try run.start([
            "--listen", "127.0.0.1:0", "--local-workers", "0", "--status-port", "0",
        ])
        defer { coordinator.process.send(signal: SIGKILL) }
        let port = try port(of: run)
        var waiting: RunStatus?
        #expect(
            try eventually(20) {
                waiting = try asked(run, port)
                return waiting?.perturbations != nil
            }
        )
        let live = try #require(waiting)
        #expect(live.standing == .live && live.phase == .fitting)
        #expect(live.perturbations?.pending == 12 && live.perturbations?.total == 12)
        #expect(live.workers.isEmpty && live.progress?.total == 12)
        #expect(live.process == Int(coordinator.process.processID))
        #expect(live.input == run.folder.file(run.input))
        #expect((live.memory?.residentBytes ?? 0) > 1 << 20)
        // By run directory the run itself is asked.
        let byDirectory = try recorded(run)
        #expect(byDirectory.memory != nil && byDirectory.phase == .fitting)
        let byAddress = try status(run, ["--connect", "localhost:\(port)"])
        #expect(byAddress.status == .exited(code: 0), "\(byAddress.errors)")
        #expect(byAddress.output.contains("fitting, process \(coordinator.process.processID)"))
        #expect(byAddress.output.contains("0 of 12 perturbations"))

        let worker = try Program(
            Program.worker,
            ["--connect", "@" + run.folder.file(run.directory), "--quiet"],
            in: run.folder
        )
        let ended = try coordinator.wait()
        #expect(ended.status == .exited(code: 0), "\(ended.errors)")
        #expect(try worker.wait().status == .exited(code: 0))
        #expect(try #require(calm.result).firstDifference(from: run.result) == nil)

        let over = try recorded(run)
        #expect(over.standing == .finished && over.phase == nil)
        #expect(over.perturbations?.done == 12 && over.perturbations?.total == 12)
        #expect(over.output == run.folder.file(run.output))
        let gone = try status(run, ["--connect", "localhost:\(port)"])
        #expect(gone.status == .exited(code: 74))
        #expect(gone.errors.contains("localhost:\(port)"))
        let text = try status(run, [run.folder.file(run.output)])
        #expect(text.output.contains("finished") && text.output.contains("done 12"))
    }

    @Test("a worker that is fitting is listed with what it fits")
    func workers() throws {
        let slow = Screen(perturbations: 40, genes: 800, cellsPerPerturbation: 100)
        let run = try Run(slow)
        // Slow enough to be asked more than once.
        let coordinator = try run.start(
            Run.oneWorker + ["--status-port", "0"],
            variables: ["CRISPYX_SLOW_FIT": "500"]
        )
        defer { coordinator.process.send(signal: SIGKILL) }
        let port = try port(of: run)
        var seen: RunStatus?
        let isFitting = eventually(20) {
            guard let status = try? asked(run, port) else { return false }
            if status.workers.first?.running.isEmpty == false { seen = status }
            return seen != nil
        }
        #expect(isFitting)
        let status = try #require(seen)
        let worker = try #require(status.workers.first)
        #expect(worker.isLocal && worker.threads == 1 && worker.process > 0)
        #expect(worker.running.allSatisfy { $0.hasPrefix("GENE") })
        #expect(status.tallies.workersJoined == 1)
        #expect(status.leases.contains { $0.worker == worker.number && $0.started > 0 })
        #expect((status.traffic?.blockBytes ?? 0) > 0)
        // Without its status port the run directory tells as much as it knows.
        let told = try recorded(run)
        #expect(told.standing == .live)
    }

    @Test("a run that was killed says what is kept, and the command that finishes it does")
    func stopped() throws {
        let calm = try Run(screen)
        #expect(try calm.run().status == .exited(code: 0))
        var run = try Run(screen)
        run.extra = ["--force", "--status-port", "0"]
        let killed = try run.run(variables: ["CRISPYX_FAIL": "before-publication:1"])
        #expect(killed.status == .signalled(number: SIGKILL, coreDumped: false))
        let stopped = try recorded(run)
        #expect(stopped.standing == .stopped && stopped.phase == nil)
        #expect(stopped.perturbations?.done == 12 && stopped.method == "nb_glm")
        #expect(stopped.progress?.secondsLeft == nil)
        let remedy = try #require(stopped.remedy)
        #expect(remedy.contains("--resume") && !remedy.contains("--force"))
        let text = try status(run, [run.folder.file(run.directory)]).output
        #expect(text.contains("stopped, can be resumed") && text.contains("--resume"))
        let command = try #require(remedy.split(separator: ": ", maxSplits: 1).last)
        let resumed = try Program.run("/bin/sh", ["-c", String(command)], in: run.folder)
        #expect(resumed.status == .exited(code: 0), "\(resumed.errors)")
        #expect(try run.report().resumedRows == 12)
        #expect(try #require(calm.result).firstDifference(from: run.result) == nil)
        let finished = try recorded(run)
        #expect(finished.standing == .finished && finished.perturbations?.resumed == 12)
    }

    @Test("a perturbation that was given up is named with its reasons")
    func losses() throws {
        let run = try Run(screen)
        let ended = try run.run(
            Run.oneWorker + ["--status-port", "0"],
            variables: ["CRISPYX_FAIL_FIT": "7"]
        )
        #expect(ended.status == .exited(code: 3), "\(ended.errors)")
        let status = try recorded(run)
        #expect(status.standing == .finished && status.perturbations?.quarantined == 1)
        #expect(status.givenUp.map(\.perturbation) == [screen.perturbations[7]])
        #expect(status.givenUp.first?.reasons.isEmpty == false)
        let events = run.events("given_up")
        #expect(events.map { $0["label"] } == [screen.perturbations[7]])
    }

    @Test("where there is no run, and command lines that make no sense")
    func refusals() throws {
        let run = try Run(screen)
        for (arguments, code, text) in [
            (["absent.crispyx"], 66, "absent.crispyx"), ([], 64, "--connect"),
            (["a", "--connect", "localhost:1"], 64, "--connect"),
            (["--connect", "localhost"], 64, "localhost"),
            (["--connect", "127.0.0.1:1"], 74, "127.0.0.1:1"),
            (["a", "--interval", "0"], 64, "--interval"),
        ] as [([String], Int32, String)] {
            let ended = try status(run, arguments)
            #expect(ended.status == .exited(code: code), "\(arguments) \(ended.errors)")
            #expect(ended.errors.contains(text), "\(ended.errors)")
            #expect(ended.output == "")
        }
    }

    @Test("a port that is taken ends the run before it reads")
    func takenPort() throws {
        let run = try Run(screen)
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(listener) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                _ = bind(listener, $0, length)
                _ = listen(listener, 1)
                _ = getsockname(listener, $0, &length)
            }
        }
        let port = UInt16(bigEndian: address.sin_port)
        let ended = try run.run(Run.oneWorker + ["--status-port", "\(port)"])
        #expect(ended.status == .exited(code: 73), "\(ended.errors)")
        #expect(ended.errors.contains("127.0.0.1:\(port)"))
        #expect(ended.errors.contains("--status-port"))
        #expect(try run.folder.names() == ["screen.h5ad"])
    }
}
