import ChildProcesses
import Foundation
import Glibc
import Testing

/// Fits that do not end, failures in common, and work that moves to idle workers.
@Suite("Limits and idle workers")
struct LimitTests {
    private let screen = Screen()

    private func undisturbed(_ screen: Screen) throws -> Data {
        let run = try Run(screen)
        #expect(try run.run().status == .exited(code: 0))
        return try #require(run.result)
    }

    @Test("a fit that does not end is ended, tried again alone, and given up as such")
    func timeLimit() throws {
        var run = try Run(screen)
        run.deadline = .seconds(120)
        let ended = try run.run(
            Run.oneWorker + ["--fit-timeout", "1s"],
            variables: ["CRISPYX_FAIL_FIT": "7=hang"]
        )
        #expect(ended.status == .exited(code: 3), "\(ended.errors)")
        let lost = try run.report().lost
        #expect(lost.map(\.perturbation) == [screen.perturbations[7]])
        #expect(lost.map(\.kind) == ["quarantined"])
        let reasons = lost.flatMap(\.reasons)
        #expect(reasons.count == 2 && reasons.allSatisfy { $0.contains("time limit") })
        #expect(run.events("process_ended").map { $0["perturbation"] } == ["7", "7"])
        #expect(run.fits.count == 11)
    }

    @Test("a fit that hangs once costs its process and nothing else")
    func hangsOnce() throws {
        let expected = try undisturbed(screen)
        var run = try Run(screen)
        run.deadline = .seconds(120)
        let token = run.folder.file("hang")
        try Data().write(to: URL(filePath: token))
        let ended = try run.run(
            Run.oneWorker + ["--fit-timeout", "1s"],
            variables: ["CRISPYX_FAIL_FIT": "5=hang:\(token)"]
        )
        #expect(ended.status == .exited(code: 0), "\(ended.errors)")
        #expect(!run.folder.exists("hang"), "the fault fired")
        #expect(run.events("process_ended").count == 1)
        #expect(expected.firstDifference(from: run.result) == nil)
    }

    @Test("failures in common stop the run and are named")
    func commonFailure() throws {
        let many = Screen(perturbations: 40)
        let run = try Run(many)
        let failing = stride(from: 0, to: 40, by: 4).map { "\($0)=error" }
        let ended = try run.run(
            variables: ["CRISPYX_FAIL_FIT": failing.joined(separator: ",")]
        )
        #expect(ended.status == .exited(code: 70), "\(ended.errors)")
        #expect(ended.errors.contains("failed in the same way: the fit was told to fail"))
        #expect(run.result == nil)
    }

    @Test("what waits behind a busy worker goes to an idle one")
    func takenBack() throws {
        let two = Screen(perturbations: 2)
        let expected = try undisturbed(two)
        var run = try Run(two)
        run.deadline = .seconds(120)
        // Both perturbations go to the first worker; each takes two seconds.
        let ended = try run.run(
            ["--local-workers", "2", "--threads", "1"],
            variables: ["CRISPYX_SLOW_FIT": "2000"]
        )
        #expect(ended.status == .exited(code: 0), "\(ended.errors)")
        #expect(expected.firstDifference(from: run.result) == nil)
        #expect(Set(run.events("row").map { $0["connection"] }).count == 2, "both had one")
        #expect(run.events("revoke").count == 1)
        #expect(run.events("returned").count == 1)
    }

    @Test("a straggler is fitted a second time, and the first row wins")
    func straggler() throws {
        let expected = try undisturbed(screen)
        var run = try Run(screen)
        run.deadline = .seconds(120)
        let token = run.folder.file("hang")
        try Data().write(to: URL(filePath: token))
        let ended = try run.run(
            ["--local-workers", "2", "--threads", "1"],
            variables: [
                "CRISPYX_FAIL_FIT": "5=hang:\(token)", "CRISPYX_TIME_SCALE": "0.05",
            ]
        )
        #expect(ended.status == .exited(code: 0), "\(ended.errors)")
        #expect(!run.folder.exists("hang"), "the fault fired")
        #expect(run.events("copy").map { $0["perturbations"] } == ["5"])
        #expect(run.events("cancel").map { $0["perturbations"] } == ["5"])
        #expect(run.fits[5] == 1)
        #expect(expected.firstDifference(from: run.result) == nil)
    }
}
