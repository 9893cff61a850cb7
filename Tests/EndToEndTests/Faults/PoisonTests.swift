import AnnData
import ChildProcesses
import Foundation
import Testing

@Suite("Perturbations that break what fits them")
struct PoisonTests {
    private let screen = Screen()

    /// Expects that the rows named are lost for these reasons, and all others as they should be.
    private func expectLost(
        _ run: Run,
        _ expected: ResultReader,
        _ lost: [Int: (kind: String, reason: String)]
    ) throws {
        let report = try run.report().lost
        #expect(Set(report.map(\.perturbation)) == Set(lost.keys.map { screen.perturbations[$0] }))
        for (row, loss) in lost {
            let entry = try #require(report.first { $0.perturbation == screen.perturbations[row] })
            #expect(entry.kind == loss.kind)
            #expect(entry.reasons.contains { $0.contains(loss.reason) }, "\(entry.reasons)")
        }
        let result = try ResultReader(path: run.folder.file(run.output))
        for row in result.perturbations.indices {
            #expect(result.statuses[row] == lost[row]?.kind ?? expected.statuses[row])
            for layer in result.layerNames where lost[row] == nil {
                let (found, right) = (
                    try result.row(row, of: layer), try expected.row(row, of: layer)
                )
                #expect(found.map(\.bitPattern) == right.map(\.bitPattern), "\(layer) \(row)")
            }
        }
    }

    private func calm() throws -> (run: Run, result: ResultReader) {
        var run = try Run(screen)
        run.output = "calm.h5ad"
        #expect(try run.run().status == .exited(code: 0))
        let result = try ResultReader(path: run.folder.file(run.output))
        run.output = "result.h5ad"
        return (run, result)
    }

    @Test("crash, abort, exit, kill and failure among four workers cost nobody else anything")
    func several() throws {
        let (run, expected) = try calm()
        let ended = try run.run(
            ["--local-workers", "4", "--threads", "1"],
            variables: ["CRISPYX_FAIL_FIT": "1=crash,4=abort,6=exit,7=kill,9=error"]
        )
        #expect(ended.status == .exited(code: 3), "\(ended.errors)")
        try expectLost(
            run,
            expected,
            [
                1: ("quarantined", "SIGSEGV"), 4: ("quarantined", "SIGABRT"),
                6: ("quarantined", "status 1"), 7: ("quarantined", "SIGKILL"),
                9: ("failed", "told to fail"),
            ]
        )
        #expect(run.fits.keys.count == 7 && run.fits.values.allSatisfy { $0 == 1 })
        #expect(run.folder.isDeserted())
    }

    @Test("with several threads, where a death has more than one suspect")
    func suspects() throws {
        let (run, expected) = try calm()
        let ended = try run.run(
            ["--local-workers", "2", "--threads", "3"],
            variables: ["CRISPYX_FAIL_FIT": "0=crash,5=abort,10", "CRISPYX_SLOW_FIT": "20"]
        )
        #expect(ended.status == .exited(code: 3), "\(ended.errors)")
        try expectLost(
            run,
            expected,
            [
                0: ("quarantined", "SIGSEGV"), 5: ("quarantined", "SIGABRT"),
                10: ("quarantined", "SIGKILL"),
            ]
        )
        #expect(run.events("given_up").count == 3, "no innocent was given up")
        #expect(run.folder.isDeserted())
    }

    @Test("a later run without the fault fits what was given up, when it is forced to")
    func again() throws {
        let (run, _) = try calm()
        let expected = try run.undisturbed()
        let ended = try run.run(variables: ["CRISPYX_FAIL_FIT": "3=abort"])
        #expect(ended.status == .exited(code: 3), "\(ended.errors)")
        #expect(try run.run().status == .exited(code: 3), "the gap is not forgotten")
        #expect(try run.run(Run.oneWorker + ["--force"]).status == .exited(code: 0))
        #expect(expected.firstDifference(from: run.result) == nil)
    }
}
