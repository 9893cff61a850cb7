import ChildProcesses
import Foundation
import Glibc
import Testing

@Suite("Signals stop a run so that it can be finished")
struct SignalTests {
    /// Signals that reach programs started from here.
    private static let signals = [SIGINT, SIGTERM, SIGUSR1, SIGHUP].filter { !isIgnored($0) }

    private func expectEnded(_ ended: Program.Ended, by signal: Int32) {
        #expect(ended.status == .signalled(number: signal, coreDumped: false), "\(ended.errors)")
        #expect(ended.output == "")
    }

    private func expectFinished(_ run: Run, _ expected: Data) throws {
        let ended = try run.run(Run.oneWorker + ["--resume"])
        #expect(ended.status == .exited(code: 0), "\(ended.errors)")
        #expect(expected.firstDifference(from: run.result) == nil)
        #expect(try run.leftovers() == [])
        #expect(run.folder.isDeserted())
    }

    @Test(
        "in every phase that is not fitting, at once",
        arguments: [
            "reading", "frozen", "laid-out", "recorded", "before-publication", "completed",
            "before-rename", "after-rename",
        ]
    )
    func everyPhase(place: String) throws {
        let run = try Run(Screen())
        let expected = try run.undisturbed()
        // Each phase gets another one; the four are alike in what they do.
        let signal = Self.signals[place.utf8.count % Self.signals.count]
        let held = try run.startHeld(at: place)
        #expect(held.program.process.send(signal: signal))
        expectEnded(try held.program.wait(), by: signal)
        #expect((run.result != nil) == (place == "after-rename"))
        #expect(run.folder.isDeserted())
        held.release()
        let before = run.fits
        try expectFinished(run, expected)
        if !before.isEmpty { #expect(run.fits == before, "no row is fitted twice") }
    }

    /// A run in the middle of fitting, with rows in its journal and many that are missing.
    private func fitting() throws -> (run: Run, expected: Data, coordinator: Program) {
        let run = try Run(Screen(perturbations: 40, genes: 60, cellsPerPerturbation: 10))
        let expected = try run.undisturbed()
        let coordinator = try run.start(
            ["--local-workers", "2", "--threads", "1"],
            variables: ["CRISPYX_SLOW_FIT": "100", "CRISPYX_TIME_SCALE": "0.05"]
        )
        #expect(eventually(30) { run.journalledRows.count >= 2 }, "it has begun")
        return (run, expected, coordinator)
    }

    @Test("while rows are fitted, after those that have begun", arguments: signals)
    func whileFitting(signal: Int32) throws {
        let (run, expected, coordinator) = try fitting()
        #expect(coordinator.process.send(signal: signal))
        expectEnded(try coordinator.wait(), by: signal)
        #expect(run.result == nil)
        #expect(run.folder.isDeserted())
        let (kept, before) = (run.journalledRows, run.fits)
        #expect(Set(kept) == Set(before.keys), "what was finished is kept")
        #expect(kept.count < 40, "the fault fell into the fitting")
        try expectFinished(run, expected)
        for row in kept { #expect(run.fits[row] == 1) }
    }

    @Test("the same signal twice within a moment, and a continuation, are one request")
    func repeated() throws {
        let (run, expected, coordinator) = try fitting()
        for signal in [SIGTERM, SIGCONT, SIGTERM, SIGCONT] {
            #expect(coordinator.process.send(signal: signal))
            usleep(20_000)
        }
        expectEnded(try coordinator.wait(), by: SIGTERM)
        #expect(Set(run.journalledRows) == Set(run.fits.keys), "it stopped in order")
        try expectFinished(run, expected)
    }

    /// A run in which one fit has begun that never ends.
    private func withEndlessFit(
        _ variables: [String: String]
    ) throws -> (run: Run, expected: Data, coordinator: Program) {
        let run = try Run(Screen(perturbations: 40, genes: 60, cellsPerPerturbation: 10))
        let expected = try run.undisturbed()
        let token = run.folder.file("token")
        try Data().write(to: URL(filePath: token))
        let coordinator = try run.start(
            ["--local-workers", "2", "--threads", "1"],
            variables: ["CRISPYX_FAIL_FIT": "30=hang:\(token)", "CRISPYX_SLOW_FIT": "50"]
                .merging(variables) { $1 }
        )
        let hasBegun = eventually(30) {
            !run.folder.exists("token") && !run.events("row").isEmpty
        }
        #expect(hasBegun, "the fault fired")
        return (run, expected, coordinator)
    }

    @Test("a second request, or another signal, is not kept waiting by a fit that never ends")
    func second() throws {
        for (signal, pause) in [(SIGTERM, 1_200_000), (SIGUSR1, 50_000)] as [(Int32, UInt32)] {
            let (run, expected, coordinator) = try withEndlessFit([:])
            #expect(coordinator.process.send(signal: SIGTERM))
            usleep(pause)
            #expect(coordinator.process.exitStatus == nil, "it waits")
            #expect(coordinator.process.send(signal: signal))
            expectEnded(try coordinator.wait(), by: signal)
            #expect(run.folder.isDeserted())
            try expectFinished(run, expected)
        }
    }

    @Test("a stopping run does not wait for ever for what is being fitted")
    func endlessFit() throws {
        // Twenty seconds become one.
        let (run, expected, coordinator) = try withEndlessFit(["CRISPYX_TIME_SCALE": "0.05"])
        #expect(coordinator.process.send(signal: SIGTERM))
        let ended = try coordinator.wait()
        expectEnded(ended, by: SIGTERM)
        #expect(ended.errors.contains("given up"))
        #expect(run.folder.isDeserted())
        let (kept, before) = (run.journalledRows, run.fits)
        #expect(Set(kept) == Set(before.keys), "what was finished is kept")
        try expectFinished(run, expected)
    }
}
