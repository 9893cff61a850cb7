import ChildProcesses
import Foundation
import Glibc
import HDF5
import Testing

@Suite("A run that was interrupted is finished")
struct ResumeTests {
    private let screen = Screen()

    private func undisturbed(_ screen: Screen) throws -> Data {
        let run = try Run(screen)
        #expect(try run.run().status == .exited(code: 0))
        return try #require(run.result)
    }

    private func expectCleaned(_ run: Run) throws {
        #expect(!run.folder.exists(run.unfinished))
        let left = try FileManager.default.contentsOfDirectory(
            atPath: run.folder.file(run.directory)
        )
        #expect(Set(left) == ["run.json", "report.json", "events.jsonl"])
        #expect(
            try run.folder.names().filter { !$0.hasSuffix(".crispyx") }
                == ["result.h5ad", "screen.h5ad"]
        )
    }

    /// Leaves a run whose rows are all journalled and nothing published.
    private func interrupted(_ place: String = "before-publication") throws -> Run {
        let run = try Run(screen)
        let ended = try run.run(variables: ["CRISPYX_FAIL": "\(place):1"])
        #expect(ended.status == .signalled(number: SIGKILL, coreDumped: false))
        return run
    }

    @Test(
        "wherever the coordinator was killed",
        arguments: [
            ("reading", 0), ("frozen", 0), ("laid-out", 0), ("recorded", 0), ("rows-saved", 0),
            ("rows-journalled", 12), ("before-publication", 12), ("completed", 12),
            ("before-rename", 12), ("after-rename", 12), ("reported", 12),
        ]
    )
    func failPoints(place: String, journalled: Int) throws {
        let expected = try undisturbed(screen)
        let run = try interrupted(place)
        let isPublished = ["after-rename", "reported"].contains(place)
        #expect(run.folder.exists(run.output) == isPublished)
        #expect(run.journalledRows.count == journalled)
        let before = run.fits
        let ended = try run.run(Run.oneWorker + ["--resume"])
        #expect(ended.status == .exited(code: 0), "\(ended.errors)")
        #expect(expected.firstDifference(from: run.result) == nil)
        if journalled == 12 { #expect(run.fits == before, "no row is fitted twice") }
        if isPublished {
            #expect(!run.folder.exists(run.directory + "/journal.bin"))
        } else {
            #expect(try run.report().resumedRows == journalled)
            try expectCleaned(run)
        }
    }

    @Test("with the rows that the journal names", arguments: [0, 1, 5, 11])
    func partOfTheJournal(records: Int) throws {
        let expected = try undisturbed(screen)
        let run = try interrupted()
        let path = run.folder.file(run.directory + "/journal.bin")
        // A record that a crash cut short ends the journal.
        let length = Run.journalHeader + records * Run.journalRecord + (records == 5 ? 13 : 0)
        #expect(truncate(path, length) == 0)
        let kept = Set(run.journalledRows.prefix(records))
        let ended = try run.run(Run.oneWorker + ["--resume"])
        #expect(ended.status == .exited(code: 0), "\(ended.errors)")
        #expect(expected.firstDifference(from: run.result) == nil)
        #expect(try run.report().resumedRows == records)
        for row in 0..<12 { #expect(run.fits[row] == (kept.contains(row) ? 1 : 2), "row \(row)") }
        try expectCleaned(run)
    }

    @Test(
        "when the journal is damaged, without the damaged record, or anew without its header",
        arguments: [(3, 0), (20, 0), (24, 11), (24 + 3 * 32 + 5, 11), (24 + 7 * 32 + 31, 11)]
    )
    func damagedJournal(place: Int, kept: Int) throws {
        let expected = try undisturbed(screen)
        let run = try interrupted()
        let path = run.folder.file(run.directory + "/journal.bin")
        var bytes = try Data(contentsOf: URL(filePath: path))
        bytes[place] ^= 0x10
        try bytes.write(to: URL(filePath: path))
        let ended = try run.run(Run.oneWorker + ["--resume"])
        #expect(ended.status == .exited(code: 0), "\(ended.errors)")
        #expect(expected.firstDifference(from: run.result) == nil)
        #expect(try run.report().resumedRows == kept)
        // A run that begins anew begins its event log anew.
        let refitted = run.fits.filter { $0.value > 1 }.count
        #expect(refitted == (kept == 0 ? 0 : 12 - kept))
        #expect(run.fits.count == 12)
    }

    @Test("when rows or the frozen state were damaged meanwhile", arguments: [true, false])
    func damaged(frozenState: Bool) throws {
        let expected = try undisturbed(screen)
        let run = try interrupted()
        let name = frozenState ? run.directory + "/cache.bin" : run.unfinished
        // Three rows of one layer, or a byte of the frozen state.
        let start = frozenState ? 100 : try offset(of: "z_score", in: run.folder.file(name))
        let rowBytes = UInt64(8 * screen.geneCount)
        let file = try FileHandle(forUpdating: URL(filePath: run.folder.file(name)))
        for place in frozenState ? [start] : [1, 4, 9].map({ start + $0 * rowBytes + 17 }) {
            try file.seek(toOffset: place)
            let byte = try #require(try file.read(upToCount: 1)?.first)
            try file.seek(toOffset: place)
            try file.write(contentsOf: Data([byte ^ 0x55]))
        }
        try file.close()
        let ended = try run.run(Run.oneWorker + ["--resume"])
        #expect(ended.status == .exited(code: 0), "\(ended.errors)")
        #expect(ended.errors.contains("damaged"))
        #expect(expected.firstDifference(from: run.result) == nil)
        let refitted = Set(run.fits.filter { $0.value > 1 }.keys)
        #expect(refitted == (frozenState ? [] : [1, 4, 9]))
    }

    @Test("when what surrounds the rows was damaged meanwhile, with all rows anew")
    func damagedFrame() throws {
        let expected = try undisturbed(screen)
        let run = try interrupted()
        let path = URL(filePath: run.folder.file(run.unfinished))
        var bytes = try Data(contentsOf: path)
        let place = try #require(bytes.range(of: Data("benjamini".utf8))?.lowerBound)
        bytes[place] ^= 0x01
        try bytes.write(to: path)
        let ended = try run.run(Run.oneWorker + ["--resume"])
        #expect(ended.status == .exited(code: 0), "\(ended.errors)")
        #expect(ended.errors.contains("damaged"))
        #expect(expected.firstDifference(from: run.result) == nil)
        #expect(try run.report().resumedRows == 0)
    }

    /// Where a layer begins in a file.
    private func offset(of layer: String, in path: String) throws -> UInt64 {
        let root = try HDF5File(opening: path).root
        return try #require(try root.group("layers").dataset(layer).fileOffset)
    }

    @Test("when it is interrupted again while it is resumed")
    func interruptedAgain() throws {
        let expected = try undisturbed(screen)
        let run = try interrupted("rows-saved")
        for place in ["rows-saved", "rows-journalled", "before-rename", "after-rename"] {
            let ended = try run.run(
                Run.oneWorker + ["--resume"],
                variables: ["CRISPYX_FAIL": "\(place):1"]
            )
            // Once all rows are journalled nothing more is saved, and later places are reached.
            #expect(
                ended.status == .signalled(number: SIGKILL, coreDumped: false),
                "\(place)"
            )
        }
        let ended = try run.run(Run.oneWorker + ["--resume"])
        #expect(ended.status == .exited(code: 0), "\(ended.errors)")
        #expect(expected.firstDifference(from: run.result) == nil)
    }

    @Test("after kills at random moments, and no worker is left behind")
    func randomMoments() throws {
        let slow = Screen(perturbations: 30, genes: 500, cellsPerPerturbation: 60)
        let expected = try undisturbed(slow)
        let run = try Run(slow)
        var random = Random(state: 3)
        var killed = 0
        for _ in 0..<10 where run.result == nil {
            let coordinator = try run.start(["--local-workers", "2", "--threads", "1", "--resume"])
            usleep(20_000 + UInt32(random.uniform() * 400_000))
            if coordinator.process.send(signal: SIGKILL) { killed += 1 }
            _ = try coordinator.wait()
            let workers = run.events("worker_joined").compactMap { Int32($0["process"] ?? "") }
            #expect(eventually(10) { !workers.contains(where: isRunning) })
        }
        #expect(killed > 0)
        let ended = try run.run(Run.oneWorker + ["--resume"])
        #expect(ended.status == .exited(code: 0), "\(ended.errors)")
        #expect(expected.firstDifference(from: run.result) == nil)
    }

    @Test("after a signal, which is also its exit status", arguments: [SIGTERM, SIGINT])
    func signalled(signal: Int32) throws {
        let slow = Screen(perturbations: 40, genes: 800, cellsPerPerturbation: 100)
        let expected = try undisturbed(slow)
        let run = try Run(slow)
        let coordinator = try run.start(Run.oneWorker)
        #expect(eventually(20) { !run.events("row").isEmpty })
        #expect(coordinator.process.send(signal: signal))
        let stopped = try coordinator.wait()
        #expect(stopped.status == .signalled(number: signal, coreDumped: false))
        #expect(run.result == nil)
        let kept = run.journalledRows
        #expect(!kept.isEmpty, "what was finished is kept")
        let ended = try run.run(Run.oneWorker + ["--resume"])
        #expect(ended.status == .exited(code: 0), "\(ended.errors)")
        #expect(expected.firstDifference(from: run.result) == nil)
        for row in kept { #expect(run.fits[row] == 1) }
    }
}
