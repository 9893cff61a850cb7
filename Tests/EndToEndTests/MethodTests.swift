import AnnData
import ChildProcesses
import Foundation
import Glibc
import Testing

@Suite("Every method gives the same bytes")
struct MethodTests {
    /// Control cells of half a million nonzeros: several tiles, which the smallest memory cannot hold.
    private static let large = CellTable(
        perturbations: 12,
        genes: 500,
        cellsPerPerturbation: 30,
        controlShare: 50
    )
    /// The same for rank sums, which take less memory for a value.
    private static let wide = CellTable(
        perturbations: 12,
        genes: 1000,
        cellsPerPerturbation: 30,
        controlShare: 50
    )
    private static let small = CellTable()

    private func succeed(
        _ run: Run,
        _ more: [String],
        variables: [String: String] = [:],
        location: SourceLocation = #_sourceLocation
    ) throws -> Data {
        let ended = try run.run(more, variables: variables)
        #expect(ended.status == .exited(code: 0), "\(ended.errors)", sourceLocation: location)
        return try #require(run.result, sourceLocation: location)
    }

    /// Control pieces that there are, and those that were sent.
    private func pieces(_ run: Run) -> (there: Int, sent: Int)? {
        guard let event = run.events("control_pieces").last, let there = event["pieces"],
            let sent = event["sent"]
        else { return nil }
        return (Int(there) ?? -1, Int(sent) ?? -1)
    }

    @Test("for any number of workers and threads", arguments: MethodCase.all)
    func workersAndThreads(method: MethodCase) throws {
        let calm = try method.run(Self.small)
        let expected = try succeed(calm, Run.oneWorker)
        for (workers, threads) in [("3", "1"), ("1", "2"), ("3", "2")] {
            let run = try method.run(Self.small)
            let result = try succeed(run, ["--local-workers", workers, "--threads", threads])
            #expect(expected.firstDifference(from: result) == nil, "\(workers) of \(threads)")
            #expect((pieces(run) != nil) == method.readsControl)
        }
    }

    @Test(
        "when the control cells do not fit the memory and their tiles are exchanged",
        arguments: MethodCase.all.filter(\.readsControl)
    )
    func exchangedTiles(method: MethodCase) throws {
        var run = try method.run(method.isExpression ? Self.wide : Self.large)
        let expected = try succeed(run, ["--local-workers", "1", "--threads", "2"])
        let roomy = try #require(pieces(run))
        #expect(roomy.there >= 3, "two tiles and a run of cells at least")
        #expect(roomy.sent <= roomy.there, "what is fetched stays")
        run.output = "tight.h5ad"
        let tight = try succeed(
            run,
            ["--local-workers", "1", "--threads", "1", "--memory-limit", "128M"]
        )
        #expect(expected.firstDifference(from: tight) == nil)
        let exchanged = try #require(pieces(run))
        // Rank sums never ask for the run of whole cells.
        let wanted = exchanged.there - (method.isExpression ? 1 : 0)
        #expect(exchanged.sent > wanted, "pieces were dropped and fetched again")
        run.output = "three.h5ad"
        let three = try succeed(
            run,
            ["--local-workers", "3", "--threads", "1", "--memory-limit", "128M"]
        )
        #expect(expected.firstDifference(from: three) == nil)
    }

    @Test("after a worker was killed in the middle of a fit", arguments: MethodCase.all)
    func killedWorker(method: MethodCase) throws {
        let calm = try method.run(Self.small)
        let expected = try succeed(calm, Run.oneWorker)
        let run = try method.run(Self.small)
        let token = run.folder.file("death")
        try Data().write(to: URL(filePath: token))
        let result = try succeed(
            run,
            ["--local-workers", "1", "--threads", "2"],
            variables: ["CRISPYX_FAIL_FIT": "3:\(token)"]
        )
        #expect(!run.folder.exists("death"), "the fault fired")
        #expect(run.events("worker_joined").count == 2)
        #expect(expected.firstDifference(from: result) == nil)
    }

    @Test(
        "after the coordinator was killed, and the result is found again or refused",
        arguments: MethodCase.all
    )
    func killedCoordinator(method: MethodCase) throws {
        let calm = try method.run(Self.small)
        let expected = try succeed(calm, Run.oneWorker)
        let run = try method.run(Self.small)
        let killed = try run.run(variables: ["CRISPYX_FAIL": "before-publication:1"])
        #expect(killed.status == .signalled(number: SIGKILL, coreDumped: false))
        // As if it had died in the middle: two rows are in the journal.
        let journal = run.folder.file(run.directory + "/journal.bin")
        #expect(truncate(journal, Run.journalHeader + 2 * Run.journalRecord) == 0)
        let kept = Set(run.journalledRows)
        #expect(kept.count == 2)
        let resumed = try succeed(run, ["--local-workers", "2", "--threads", "1", "--resume"])
        #expect(expected.firstDifference(from: resumed) == nil)
        #expect(try run.report().resumedRows == 2)
        for row in Self.small.perturbations.indices {
            #expect(run.fits[row] == (kept.contains(row) ? 1 : 2), "row \(row)")
        }
        let again = try run.run(Run.oneWorker + ["--json"])
        #expect(again.status == .exited(code: 0))
        #expect(again.output.contains("already_complete"))
        let other = try run.run(Run.oneWorker + ["--min-cells-expressed", "3"])
        #expect(other.status == .exited(code: 73), "\(other.errors)")
        #expect(run.result == expected)
    }
}

@Suite("A result is shrunk")
struct ShrinkTests {
    private static let counts = CellTable(
        perturbations: 12,
        genes: 500,
        cellsPerPerturbation: 30,
        controlShare: 50
    )

    private func fitted(_ table: CellTable, _ options: [String] = []) throws -> Run {
        let run = try Run(table, ["--method", "nb-glm"] + options)
        #expect(try run.run().status == .exited(code: 0))
        return run
    }

    private func shrink(
        _ run: Run,
        _ method: String,
        _ output: String,
        _ more: [String] = Run.oneWorker,
        variables: [String: String] = [:]
    ) throws -> Program.Ended {
        let input = method == "full" ? ["--input", run.folder.file(run.input)] : []
        return try Program.run(
            Program.coordinator,
            ["shrink", run.folder.file(run.output), "--method", method] + input
                + ["--output", run.folder.file(output), "--quiet"] + more,
            in: run.folder,
            variables: variables,
            deadline: .seconds(300)
        )
    }

    private func expectShrunk(_ run: Run, _ output: String) throws {
        let before = try ResultReader(path: run.folder.file(run.output))
        let after = try ResultReader(path: run.folder.file(output))
        #expect(before.perturbations == after.perturbations && before.genes == after.genes)
        for layer in before.layerNames {
            let (old, new) = (try before.layer(layer), try after.layer(layer))
            let isSame = old.map(\.bitPattern) == new.map(\.bitPattern)
            let isReplaced = ["X", "logfoldchanges", "standard_error"].contains(layer)
            #expect(isSame != isReplaced, "\(layer)")
        }
        let raw = try before.layer("logfoldchange_raw").filter { !$0.isNaN }
        let shrunk = try after.layer("logfoldchanges").filter { !$0.isNaN }
        func sum(_ values: [Double]) -> Double { values.reduce(0) { $0 + abs($1) } }
        #expect(sum(shrunk) < sum(raw), "effects are drawn towards 0")
        #expect(try after.text("lfc_shrinkage_type") == "apeglm")
    }

    @Test(
        "by estimates, the same for any number of threads",
        arguments: ["global", "per_comparison"]
    )
    func stats(scope: String) throws {
        let run = try fitted(CellTable(), ["--freeze-control", "off"])
        let mode = ["--prior-scale-mode", scope]
        let one = try shrink(run, "stats", "one.h5ad", ["--threads", "1"] + mode)
        #expect(one.status == .exited(code: 0), "\(one.errors)")
        let two = try shrink(run, "stats", "two.h5ad", ["--threads", "3"] + mode)
        #expect(two.status == .exited(code: 0), "\(two.errors)")
        let expected = try #require(run.folder.bytes("one.h5ad"))
        #expect(expected.firstDifference(from: run.folder.bytes("two.h5ad")) == nil)
        try expectShrunk(run, "one.h5ad")
        #expect(try shrink(run, "stats", "one.h5ad", mode).status == .exited(code: 0))
        let other = scope == "global" ? "per_comparison" : "global"
        let refused = try shrink(run, "stats", "one.h5ad", ["--prior-scale-mode", other])
        #expect(refused.status == .exited(code: 73), "\(refused.errors)")
        #expect(run.folder.bytes("one.h5ad") == expected)
    }

    @Test(
        "by counts, the same for any workers, threads and memory",
        arguments: ["global", "per_comparison"]
    )
    func full(scope: String) throws {
        let run = try fitted(Self.counts)
        let mode = ["--prior-scale-mode", scope]
        for (name, more) in [
            ("one.h5ad", Run.oneWorker),
            ("three.h5ad", ["--local-workers", "3", "--threads", "1"]),
            (
                "tight.h5ad",
                ["--local-workers", "1", "--threads", "2", "--memory-limit", "128M"]
            ),
        ] {
            let ended = try shrink(run, "full", name, more + mode)
            #expect(ended.status == .exited(code: 0), "\(ended.errors)")
        }
        let expected = try #require(run.folder.bytes("one.h5ad"))
        #expect(expected.firstDifference(from: run.folder.bytes("three.h5ad")) == nil)
        #expect(expected.firstDifference(from: run.folder.bytes("tight.h5ad")) == nil)
        try expectShrunk(run, "one.h5ad")
    }

    @Test("by counts, after the coordinator or a worker was killed")
    func killed() throws {
        let run = try fitted(CellTable())
        #expect(try shrink(run, "full", "calm.h5ad").status == .exited(code: 0))
        let expected = try #require(run.folder.bytes("calm.h5ad"))
        let token = run.folder.file("death")
        try Data().write(to: URL(filePath: token))
        let killed = try shrink(
            run,
            "full",
            "killed.h5ad",
            variables: ["CRISPYX_FAIL": "before-rename:1", "CRISPYX_FAIL_FIT": "2:\(token)"]
        )
        #expect(killed.status == .signalled(number: SIGKILL, coreDumped: false))
        #expect(!run.folder.exists("death"), "a worker died too")
        let journal = run.folder.file("killed.h5ad.crispyx/journal.bin")
        #expect(truncate(journal, Run.journalHeader + 3 * Run.journalRecord) == 0)
        let resumed = try shrink(run, "full", "killed.h5ad", Run.oneWorker + ["--resume"])
        #expect(resumed.status == .exited(code: 0), "\(resumed.errors)")
        #expect(expected.firstDifference(from: run.folder.bytes("killed.h5ad")) == nil)
        let again = try shrink(run, "full", "killed.h5ad", Run.oneWorker + ["--json"])
        #expect(again.output.contains("already_complete"))
        let other = try shrink(run, "full", "killed.h5ad", Run.oneWorker + ["--min-mu", "0.25"])
        #expect(other.status == .exited(code: 73), "\(other.errors)")
    }

    @Test("a row that cannot be shrunk keeps what was fitted before")
    func givenUp() throws {
        let run = try fitted(CellTable())
        let ended = try shrink(run, "full", "new.h5ad", variables: ["CRISPYX_FAIL_FIT": "2"])
        #expect(ended.status == .exited(code: 3), "\(ended.errors)")
        let before = try ResultReader(path: run.folder.file(run.output))
        let after = try ResultReader(path: run.folder.file("new.h5ad"))
        #expect(after.statuses[2] == "quarantined")
        for layer in before.layerNames {
            let (old, new) = (try before.row(2, of: layer), try after.row(2, of: layer))
            if ["X", "logfoldchanges", "standard_error"].contains(layer) {
                let isMissing = new.allSatisfy { $0.isNaN }
                #expect(isMissing, "\(layer)")
            } else {
                #expect(old.map(\.bitPattern) == new.map(\.bitPattern), "\(layer)")
            }
        }
    }

    @Test("scanpy's ranking of the earlier fold changes is left behind")
    func ranking() throws {
        let run = try fitted(CellTable(), ["--scanpy-format"])
        let before = try ResultReader(path: run.folder.file(run.output))
        #expect(try before.values().contains { $0.0 == ScanpyGroups.key })
        for method in ["stats", "full"] {
            let ended = try shrink(run, method, "\(method).h5ad")
            #expect(ended.status == .exited(code: 0), "\(ended.errors)")
            let after = try ResultReader(path: run.folder.file("\(method).h5ad"))
            #expect(try !after.values().contains { $0.0 == ScanpyGroups.key })
        }
    }

    @Test("a design too wide to shrink inline is refused before any count is read")
    func wideDesign() throws {
        var table = CellTable(controlShare: 12)
        for cell in table.batches.indices { table.batches[cell] = "batch\(cell % 70)" }
        let options = ["--method", "nb-glm", "--covariates", "batch"]
        let run = try Run(table, options + ["--lfc-shrinkage-type", "apeglm"])
        let ended = try run.run()
        #expect(ended.status == .exited(code: 64), "\(ended.errors)")
        #expect(ended.errors.contains("64 columns") && ended.errors.contains("--covariates"))
        #expect(!run.folder.exists(run.directory) && !run.folder.exists(run.output))
    }

    @Test("counts that are not those of the result are refused")
    func otherCounts() throws {
        let run = try fitted(CellTable())
        var other = CellTable()
        other.values[7][3] += 1
        try other.write(run.folder.file("other.h5ad"))
        let ended = try Program.run(
            Program.coordinator,
            [
                "shrink", run.folder.file(run.output), "--method", "full", "--input",
                run.folder.file("other.h5ad"), "--output", run.folder.file("new.h5ad"),
            ] + Run.oneWorker,
            in: run.folder
        )
        #expect(ended.status == .exited(code: 65), "\(ended.errors)")
        #expect(!run.folder.exists("new.h5ad"))
    }
}
