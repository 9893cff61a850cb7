import ChildProcesses
import Foundation
import Glibc
import Testing

@Suite("Two runs never share an output")
struct OwnershipTests {
    private let screen = Screen(perturbations: 5, genes: 40, cellsPerPerturbation: 12)

    @Test("whatever a second run is told while the first one goes on", arguments: [false, true])
    func second(isStopped: Bool) throws {
        let run = try Run(screen)
        let expected = try run.undisturbed()
        let held = try run.startHeld(at: "rows-saved")
        defer { held.kill() }
        if isStopped { held.program.process.send(signal: SIGSTOP) }
        let other = run.folder.file("other")
        expect(try run.run(), 73, "--resume", "--force")
        for options in [
            ["--resume"], ["--force"], ["--run-dir", other], ["--run-dir", other, "--force"],
            // The same run directory for another result.
            [
                "--output", run.folder.file("elsewhere.h5ad"), "--run-dir",
                run.folder.file(run.directory), "--force",
            ],
        ] {
            expect(try run.run(Run.oneWorker + options), 73, "going on")
        }
        if isStopped { held.program.process.send(signal: SIGCONT) }
        expect(try held.finish(), 0)
        #expect(expected.firstDifference(from: run.result) == nil)
        try? FileManager.default.removeItem(atPath: other)
        #expect(try run.leftovers() == [])
        #expect(run.folder.isDeserted())
    }

    @Test("started at the same moment, exactly one goes on", arguments: [1, 2])
    func race(seed: UInt64) throws {
        let run = try Run(screen)
        let expected = try run.undisturbed()
        var random = Random(state: seed)
        let slow = ["CRISPYX_SLOW_FIT": "300"]
        for round in 0..<2 {
            // Even rounds share the run directory, odd ones the result alone.
            let shared = round % 2 == 0
            let directories = ["a", shared ? "a" : "b"].map { run.folder.file($0) }
            let programs = try directories.map { directory in
                let program = try run.start(
                    Run.oneWorker + ["--force", "--run-dir", directory],
                    variables: slow
                )
                usleep(UInt32(random.uniform() * 15_000))
                return program
            }
            let ended = try programs.map { try $0.wait() }
            let codes = ended.map(\.status).sorted { "\($0)" < "\($1)" }
            #expect(codes == [.exited(code: 0), .exited(code: 73)], "\(ended.map(\.errors))")
            #expect(expected.firstDifference(from: run.result) == nil)
            for directory in Set(directories) {
                try? FileManager.default.removeItem(atPath: directory)
            }
            #expect(try run.leftovers() == [])
        }
        #expect(run.folder.isDeserted())
    }

    @Test("a run that lost its directory to another one stops before it records anything")
    func takenOver() throws {
        let run = try Run(screen)
        let held = try run.startHeld(at: "rows-saved")
        defer { held.kill() }
        let owner = run.folder.file(run.directory + "/owner.json")
        // As a run on another machine leaves it, where the file system cannot lock.
        let other = #"{"bootID":"b","host":"node7","processID":4711,"processStart":"1"}"#
        try Data(other.utf8).write(to: URL(filePath: owner))
        let ended = try held.finish()
        expect(ended, 75, "taken over", "4711", "node7")
        #expect(run.journalledRows == [] && run.result == nil)
        #expect(try Data(contentsOf: URL(filePath: owner)) == Data(other.utf8))
    }

    @Test("an owner on another machine keeps its directory while it gives signs of life")
    func elsewhere() throws {
        let run = try Run(screen)
        let expected = try run.undisturbed()
        let killed = try run.run(variables: ["CRISPYX_FAIL": "before-publication:1"])
        #expect(killed.status == .signalled(number: SIGKILL, coreDumped: false))
        let owner = run.folder.file(run.directory + "/owner.json")
        let other = #"{"bootID":"b","host":"node7","processID":4711,"processStart":"1"}"#
        try Data(other.utf8).write(to: URL(filePath: owner))
        // Half a minute becomes one and a half seconds.
        let fast = ["CRISPYX_TIME_SCALE": "0.05"]
        let refused = try run.start(Run.oneWorker + ["--resume"], variables: fast)
        while refused.process.exitStatus == nil {
            utimensat(AT_FDCWD, owner, nil, 0)
            usleep(20_000)
        }
        expect(try refused.wait(), 73, "node7", "4711", "going on")
        #expect(try Data(contentsOf: URL(filePath: owner)) == Data(other.utf8))
        let taken = try run.run(Run.oneWorker + ["--resume"], variables: fast)
        expect(taken, 0, "node7", "signs of life")
        #expect(expected.firstDifference(from: run.result) == nil)
    }
}
