import ChildProcesses
import Foundation
import Glibc
import HDF5
import Testing

@Suite("Disks that are full, cannot be written or go away")
struct DiskTests {
    /// A run whose result goes to another directory than its input.
    private struct Elsewhere {
        let run: Run
        let expected: Data
        let output: String

        init(_ screen: Screen, directory: String) throws {
            run = try Run(screen)
            expected = try run.undisturbed()
            output = directory + "/result.h5ad"
        }

        var runDirectory: String { output + ".crispyx" }
        var unfinished: String { output.replacing("result.h5ad", with: ".result.h5ad.unfinished") }
        // The last value of an option counts.
        var options: [String] { Run.oneWorker + ["--output", output] }

        func expectFinished() throws {
            let ended = try run.run(options + ["--resume"])
            #expect(ended.status == .exited(code: 0), "\(ended.errors)")
            #expect(
                expected.firstDifference(from: FileManager.default.contents(atPath: output)) == nil
            )
            #expect(run.folder.isDeserted())
        }

        /// The last attempt's rows, by the event log.
        var fits: Int {
            let log = FileManager.default.contents(atPath: runDirectory + "/events.jsonl") ?? Data()
            return String(decoding: log, as: UTF8.self).split(separator: "\n")
                .count { $0.contains("\"event\":\"row\"") }
        }
    }

    @Test(
        "full when the result is laid out",
        .enabled(if: SmallDisk.isPossible, "\(SmallDisk.reason)")
    )
    func layout() throws {
        let disk = try SmallDisk(kilobytes: 2048)
        let test = try Elsewhere(Screen(), directory: disk.path)
        let held = try test.run.startHeld(at: "frozen", test.options)
        try disk.fill()
        expect(try held.finish(), 74, disk.path, "free space")
        disk.free()
        #expect(!FileManager.default.fileExists(atPath: test.unfinished))
        try test.expectFinished()
    }

    @Test(
        "full when rows are written",
        .enabled(if: SmallDisk.isPossible, "\(SmallDisk.reason)")
    )
    func rows() throws {
        let disk = try SmallDisk(kilobytes: 2048)
        let test = try Elsewhere(Screen(), directory: disk.path)
        let held = try test.run.startHeld(at: "recorded", test.options)
        // The room was taken when the file was laid out; some file systems give none in advance.
        let start = try offset(of: "z_score", in: test.unfinished)
        try punchHole(test.unfinished, at: start, bytes: 3 * 4096, in: test.run.folder)
        try disk.fill()
        expect(try held.finish(), 74, "unfinished", "free space")
        #expect(!FileManager.default.fileExists(atPath: test.output))
        disk.free()
        try test.expectFinished()
    }

    @Test(
        "full when the journal grows",
        .enabled(if: SmallDisk.isPossible, "\(SmallDisk.reason)")
    )
    func journal() throws {
        let disk = try SmallDisk(kilobytes: 4096)
        // More records than the first block of a journal holds.
        let screen = Screen(perturbations: 300, genes: 20, cellsPerPerturbation: 3)
        let test = try Elsewhere(screen, directory: disk.path)
        let held = try test.run.startHeld(at: "rows-saved", test.options)
        try disk.fill()
        expect(try held.finish(), 74, "journal.bin", "free space", "--resume")
        disk.free()
        #expect(FileManager.default.fileExists(atPath: test.unfinished))
        try test.expectFinished()
    }

    @Test(
        "full when the result is completed, and no row is fitted again",
        .enabled(if: SmallDisk.isPossible, "\(SmallDisk.reason)")
    )
    func publication() throws {
        let disk = try SmallDisk(kilobytes: 2048)
        let test = try Elsewhere(Screen(), directory: disk.path)
        let held = try test.run.startHeld(at: "before-publication", test.options)
        // A layer that holds one value for each gene is filled in last.
        let start = try offset(of: "dispersion_trend", in: test.unfinished)
        let page = (start + 4095) / 4096 * 4096
        try punchHole(test.unfinished, at: page, bytes: 4096, in: test.run.folder)
        try disk.fill()
        let fits = test.fits
        expect(try held.finish(), 74, "unfinished", "free space")
        #expect(!FileManager.default.fileExists(atPath: test.output))
        disk.free()
        try test.expectFinished()
        #expect(fits == 12 && test.fits == 12)
    }

    @Test(
        "too small for the result, before any counts are read",
        .enabled(if: SmallDisk.isPossible, "\(SmallDisk.reason)")
    )
    func preflight() throws {
        let disk = try SmallDisk(kilobytes: 64)
        let test = try Elsewhere(Screen(), directory: disk.path)
        // Nobody gets as far as reading; held there the run would end by its deadline.
        let ended = try test.run.run(
            test.options,
            variables: ["CRISPYX_FAIL": "reading:1"]
        )
        expect(ended, 74, disk.path, "at least", "MB are free", "--output")
        #expect(try FileManager.default.contentsOfDirectory(atPath: disk.path) == [])
    }

    @Test(
        "full scratch directory, for counts by gene and for count blocks",
        .enabled(if: SmallDisk.isPossible, "\(SmallDisk.reason)"),
        arguments: [true, false]
    )
    func scratch(byGene: Bool) throws {
        let disk = try SmallDisk(kilobytes: 1024)
        // 128M leave 6 MB for turning a matrix round and 24 MB for blocks.
        let screen =
            byGene
            ? Screen(perturbations: 4, genes: 500, cellsPerPerturbation: 500)
            : Screen(
                perturbations: 4,
                genes: 500,
                cellsPerPerturbation: 2100,
                largest: 4_000_000_000,
                density: 0.95
            )
        let run = try Run(screen, as: byGene ? .csc : .dense)
        let small = Run.oneWorker + ["--memory-limit", "128M"]
        expect(try run.run(small + ["--scratch-dir", disk.path]), 74, disk.path, "--scratch-dir")
        #expect(try run.folder.names() == ["screen.h5ad"])
        #expect(try FileManager.default.contentsOfDirectory(atPath: disk.path) == [])
        let absent = ["--scratch-dir", disk.path + "/none"]
        expect(try run.run(small + absent), 74, "/none", "--scratch-dir")
        let ended = try run.run(small + ["--resume"])
        #expect(ended.status == .exited(code: 0), "\(ended.errors)")
        #expect(try run.undisturbed().firstDifference(from: run.result) == nil)
    }

    @Test(
        "a place that cannot be written to",
        .enabled(if: SmallDisk.isPossible, "\(SmallDisk.reason)")
    )
    func readOnly() throws {
        let disk = try SmallDisk(kilobytes: 2048)
        let test = try Elsewhere(Screen(), directory: disk.path)
        try disk.mount(readOnly: true)
        let ended = try test.run.run(test.options, variables: ["CRISPYX_FAIL": "reading:1"])
        expect(ended, 73, disk.path, "Read-only", "--output")
        try disk.mount(readOnly: false)
        let held = try test.run.startHeld(at: "frozen", test.options)
        try disk.mount(readOnly: true)
        expect(try held.finish(), 73, disk.path, "Read-only")
        try disk.mount(readOnly: false)
        try test.expectFinished()
    }

    @Test("a scratch directory that vanishes after it was opened does no harm")
    func vanishedScratch() throws {
        let run = try Run(Screen(perturbations: 4, genes: 500, cellsPerPerturbation: 500), as: .csc)
        let expected = try run.undisturbed()
        let scratch = run.folder.file("scratch")
        try FileManager.default.createDirectory(atPath: scratch, withIntermediateDirectories: true)
        let held = try run.startHeld(
            at: "reading",
            Run.oneWorker + ["--memory-limit", "128M", "--scratch-dir", scratch]
        )
        try FileManager.default.removeItem(atPath: scratch)
        expect(try held.finish(), 0)
        #expect(expected.firstDifference(from: run.result) == nil)
        #expect(try run.leftovers() == [])
    }

    @Test(
        "a run directory, or the whole place of the result, that is taken away",
        arguments: [0, 1, 2]
    )
    func vanished(what: Int) throws {
        let run = try Run(Screen())
        let place = run.folder.file("place")
        let aside = run.folder.file("aside")
        let files = FileManager.default
        try files.createDirectory(atPath: place, withIntermediateDirectories: true)
        let output = place + "/result.h5ad"
        let options = Run.oneWorker + ["--output", output]
        let expected = try run.undisturbed()
        let held = try run.startHeld(at: what == 2 ? "before-rename" : "rows-saved", options)
        // Its record, everything with another directory in its place, or the result alone.
        let taken =
            [output + ".crispyx", place, place + "/.result.h5ad.unfinished"][what]
        try files.moveItem(atPath: taken, toPath: aside)
        if what == 1 {
            try files.createDirectory(atPath: place, withIntermediateDirectories: true)
        }
        let ended = try held.finish()
        expect(ended, 74, what == 2 ? "unfinished" : ".crispyx", "removed or replaced", "--resume")
        #expect(!files.fileExists(atPath: output))
        if what == 1 { try files.removeItem(atPath: place) }
        try? files.removeItem(atPath: taken)
        try files.moveItem(atPath: aside, toPath: taken)
        expect(try run.run(options + ["--resume"]), 0)
        #expect(expected.firstDifference(from: files.contents(atPath: output)) == nil)
    }

    /// Where a layer begins in a file.
    private func offset(of layer: String, in path: String) throws -> Int {
        let root = try HDF5File(opening: path).root
        return Int(try #require(try root.group("layers").dataset(layer).fileOffset))
    }
}
