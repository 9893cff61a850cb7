import ChildProcesses
import Foundation
import Glibc
import RunFiles
import Testing

@Suite("Array mode gives what a served run gives")
struct ArrayTests {
    private let screen = Screen()

    private func undisturbed(_ screen: Screen) throws -> Data {
        let run = try Run(screen)
        #expect(try run.run().status == .exited(code: 0))
        return try #require(run.result)
    }

    @Test("for every method and way of fitting", arguments: MethodCase.all)
    func methods(method: MethodCase) throws {
        let counts = CellTable(perturbations: 5, genes: 60, cellsPerPerturbation: 14)
        let served = try method.run(counts)
        expect(try served.run(), 0)
        let array = ArrayRun(try method.run(counts))
        try array.fitAll(3)
        // A part at a time, so that every perturbation is in one segment alone.
        #expect(try array.rows() == Dictionary(uniqueKeysWithValues: (0..<5).map { ($0, 1) }))
        let merged = try array.merge()
        expect(merged, 0)
        #expect(merged.output == array.run.folder.file(array.run.output) + "\n")
        #expect(served.result?.firstDifference(from: array.run.result) == nil)
    }

    @Test("whatever memory the parts have, however many they are")
    func limits() throws {
        let expected = try undisturbed(screen)
        for parts in [1, 12, 20] {
            let array = ArrayRun(try Run(screen))
            try array.fitAll(parts, ["--memory-limit", "64M"])
            expect(try array.merge(), 0)
            #expect(expected.firstDifference(from: array.run.result) == nil)
        }
    }

    @Test("leaving nothing but result, record, report and event log")
    func cleaned() throws {
        let array = ArrayRun(try Run(screen))
        try array.fitAll(2)
        let report = try array.merge(["--json"])
        expect(report, 0)
        #expect(report.output.contains(#""outcome" : "computed""#))
        let left = try FileManager.default.contentsOfDirectory(atPath: array.path)
        #expect(Set(left) == ["run.json", "report.json", "events.jsonl"])
        #expect(try array.run.folder.names() == ["array.run", "result.h5ad", "screen.h5ad"])
        // Whatever an engine starts once more changes nothing.
        let before = array.run.result
        let again = try array.merge()
        expect(again, 0)
        #expect(again.output == array.run.folder.file(array.run.output) + "\n")
        expect(try array.fit("0/2"), 0)
        expect(try array.prepare(), 0)
        #expect(array.run.result == before)
    }

    @Test("with statistics in scanpy's form, at another place")
    func elsewhere() throws {
        var served = try Run(screen)
        served.extra = ["--scanpy-format"]
        expect(try served.run(), 0)
        var run = try Run(screen)
        run.extra = ["--scanpy-format"]
        let array = ArrayRun(run)
        try array.fitAll(2)
        let other = run.folder.file("other.h5ad")
        expect(try array.merge(["--output", other]), 0)
        #expect(served.result?.firstDifference(from: run.folder.bytes("other.h5ad")) == nil)
        #expect(run.result == nil)
    }

    // MARK: - Faults

    @Test("when a part is killed in the middle and started again, keeping what it had")
    func killed() throws {
        let expected = try undisturbed(screen)
        let array = ArrayRun(try Run(screen))
        expect(try array.prepare(), 0)
        expect(try array.fit("0/2"), 0)
        let share = try PreparedRun.read(array.path)
        let plan = ShardPlan(costs: share.perturbations.map(\.cost), count: 2)
        let victim = try #require(plan[1].dropFirst(3).first)
        let token = array.run.folder.file("token")
        try Data().write(to: URL(filePath: token))
        let ended = try array.fit(
            "1/2",
            ["--threads", "1"],
            variables: ["CRISPYX_FAIL_FIT": "\(victim):\(token)"]
        )
        #expect(ended.status == .signalled(number: SIGKILL, coreDumped: false))
        #expect(!array.run.folder.exists("token"))
        let kept = try array.rows()
        #expect(kept.count >= 6 && kept.count < 12)
        expect(try array.fit("1/2"), 0)
        for (row, count) in try array.rows() { #expect(count == 1, "row \(row) was fitted twice") }
        expect(try array.merge(), 0)
        #expect(expected.firstDifference(from: array.run.result) == nil)
    }

    @Test("when a part is asked to stop and started again", arguments: [SIGTERM, SIGUSR1])
    func stopped(signal: Int32) throws {
        let large = Screen(perturbations: 60, genes: 400, cellsPerPerturbation: 40)
        let expected = try undisturbed(large)
        let array = ArrayRun(try Run(large))
        expect(try array.prepare(), 0)
        let part = try array.start("0/1", ["--threads", "1"])
        #expect(try eventually(20) { try array.rows().count >= 2 })
        part.process.send(signal: signal)
        let ended = try part.wait()
        #expect(ended.status == .signalled(number: signal, coreDumped: false), "\(ended.errors)")
        let kept = try array.rows().count
        #expect(kept >= 2 && kept < 60)
        expect(try array.merge(), 75)
        expect(try array.fit("0/1"), 0)
        #expect(try array.rows().values.allSatisfy { $0 == 1 })
        expect(try array.merge(), 0)
        #expect(expected.firstDifference(from: array.run.result) == nil)
    }

    @Test("when a part runs twice at the same time")
    func twice() throws {
        let expected = try undisturbed(screen)
        let array = ArrayRun(try Run(screen))
        expect(try array.prepare(), 0)
        let parts = try ["0/2", "1/2", "0/2", "1/2"].map { try array.start($0) }
        for part in parts { expect(try part.wait(), 0) }
        #expect(array.segments.count >= 2)
        expect(try array.merge(), 0)
        #expect(expected.firstDifference(from: array.run.result) == nil)
    }

    @Test("when segments are damaged: what they lost is fitted again", arguments: [0, 1, 2])
    func damagedSegment(place: Int) throws {
        let expected = try undisturbed(screen)
        let array = ArrayRun(try Run(screen))
        try array.fitAll(2)
        let path = try #require(array.segments.first)
        var bytes = try Data(contentsOf: URL(filePath: path))
        let position = [5, bytes.count / 2, bytes.count - 1][place]
        bytes[position] ^= 0x20
        try bytes.write(to: URL(filePath: path))
        let ended = try array.merge()
        if place == 0 {
            // The header says nothing that records do not say themselves.
            expect(ended, 0)
        } else {
            expect(ended, 75)
            #expect(ended.errors.contains("--shard 0/2"))
            let again = try array.fit("0/2")
            expect(again, 0)
            #expect(again.errors.contains("damaged"))
            expect(try array.merge(), 0)
        }
        #expect(expected.firstDifference(from: array.run.result) == nil)
    }

    @Test("not without all rows, unless told so")
    func missing() throws {
        let array = ArrayRun(try Run(screen))
        expect(try array.prepare(), 0)
        var ended = try array.merge()
        expect(ended, 75)
        #expect(ended.errors.contains("12 of 12 perturbations have no row"))
        #expect(ended.errors.contains("--shard I/N"))
        expect(try array.fit("0/3"), 0)
        expect(try array.fit("2/3"), 0)
        ended = try array.merge()
        expect(ended, 75)
        #expect(ended.errors.contains("--shard 1/3'"))
        #expect(array.run.result == nil && !array.run.folder.exists(array.run.unfinished))
        ended = try array.merge(["--allow-missing"])
        expect(ended, 3)
        #expect(array.run.result != nil)
        #expect(ended.errors.contains("no part of the run has fitted it"))
    }

    @Test("a perturbation that kills its processes is given up, the rest is published")
    func poison() throws {
        let array = ArrayRun(try Run(screen))
        expect(try array.prepare(), 0)
        for attempt in 1...3 {
            let ended = try array.fit(
                "0/1",
                ["--threads", "1"],
                variables: ["CRISPYX_FAIL_FIT": "7"]
            )
            #expect(ended.status == .signalled(number: SIGKILL, coreDumped: false))
            if attempt > 1 { #expect(try array.rows().count == 11, "everything else is safe") }
        }
        let ended = try array.fit("0/1", variables: ["CRISPYX_FAIL_FIT": "7"])
        expect(ended, 3)
        #expect(ended.errors.contains("GENE"))
        let merged = try array.merge()
        expect(merged, 3)
        #expect(merged.errors.contains("quarantined"))
        let served = try Run(screen)
        expect(try served.run(Run.oneWorker, variables: ["CRISPYX_FAIL_FIT": "7"]), 3)
        #expect(served.result?.firstDifference(from: array.run.result) == nil)
    }

    @Test("when preparing was killed", arguments: ["frozen", "before-prepared"])
    func preparingKilled(place: String) throws {
        let expected = try undisturbed(screen)
        let array = ArrayRun(try Run(screen))
        let ended = try array.prepare(variables: ["CRISPYX_FAIL": "\(place):1"])
        #expect(ended.status == .signalled(number: SIGKILL, coreDumped: false))
        expect(try array.fit("0/1"), 66)
        try array.fitAll(1)
        expect(try array.merge(), 0)
        #expect(expected.firstDifference(from: array.run.result) == nil)
    }

    @Test(
        "when merging was killed",
        arguments: ["before-publication", "before-rename", "after-rename"]
    )
    func mergingKilled(place: String) throws {
        let expected = try undisturbed(screen)
        let array = ArrayRun(try Run(screen))
        try array.fitAll(2)
        let ended = try Program.run(
            Program.coordinator,
            ["merge", "--run-dir", array.path],
            in: array.run.folder,
            variables: ["CRISPYX_FAIL": "\(place):1"]
        )
        #expect(ended.status == .signalled(number: SIGKILL, coreDumped: false))
        expect(try array.merge(), 0)
        #expect(expected.firstDifference(from: array.run.result) == nil)
        #expect(try array.run.folder.names() == ["array.run", "result.h5ad", "screen.h5ad"])
    }
}
