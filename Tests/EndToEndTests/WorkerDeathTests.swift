import AnnData
import ChildProcesses
import Foundation
import Testing

@Suite("Workers that die")
struct WorkerDeathTests {
    private let screen = Screen()

    private func undisturbed() throws -> (Data, Run) {
        let run = try Run(screen)
        #expect(try run.run().status == .exited(code: 0))
        return (try #require(run.result), run)
    }

    @Test("a death while a row is fitted costs nothing but time")
    func boundedDeath() throws {
        let (expected, _) = try undisturbed()
        let run = try Run(screen)
        let token = run.folder.file("death")
        try Data().write(to: URL(filePath: token))
        let ended = try run.run(variables: ["CRISPYX_FAIL_FIT": "5:\(token)"])
        #expect(ended.status == .exited(code: 0), "\(ended.errors)")
        #expect(!run.folder.exists("death"), "the fault fired")
        #expect(expected.firstDifference(from: run.result) == nil)
        #expect(run.events("worker_joined").count == 2)
    }

    @Test("a killed worker process costs nothing but time")
    func killedProcess() throws {
        let slow = Screen(perturbations: 40, genes: 800, cellsPerPerturbation: 100)
        let calm = try Run(slow)
        #expect(try calm.run().status == .exited(code: 0))
        let run = try Run(slow)
        let coordinator = try run.start(Run.oneWorker)
        defer { coordinator.process.send(signal: SIGKILL) }
        var victim: Int32?
        let hasBegun = eventually(20) {
            victim = run.events("worker_joined").first.flatMap { Int32($0["process"] ?? "") }
            return victim != nil && !run.events("row").isEmpty
        }
        #expect(hasBegun)
        kill(try #require(victim), SIGKILL)
        let ended = try coordinator.wait()
        #expect(ended.status == .exited(code: 0), "\(ended.errors)")
        #expect(run.events("worker_joined").count == 2, "another took its place")
        #expect(try #require(calm.result).firstDifference(from: run.result) == nil)
    }

    @Test(
        "a perturbation that always kills is given up, the others are as ever",
        arguments: [1, 2]
    )
    func poison(workers: Int) throws {
        let (_, calm) = try undisturbed()
        let run = try Run(screen)
        let ended = try run.run(
            ["--local-workers", "\(workers)", "--threads", "1"],
            variables: ["CRISPYX_FAIL_FIT": "7"]
        )
        #expect(ended.status == .exited(code: 3), "\(ended.errors)")
        let label = screen.perturbations[7]
        #expect(ended.errors.contains("'\(label)'"))
        let lost = try run.report().lost
        #expect(lost.map(\.perturbation) == [label])
        #expect(lost.map(\.kind) == ["quarantined"])
        #expect(lost.allSatisfy { !$0.reasons.isEmpty })
        let result = try ResultReader(path: run.folder.file(run.output))
        let expected = try ResultReader(path: calm.folder.file(calm.output))
        #expect(result.perturbations == expected.perturbations)
        for row in result.perturbations.indices where row != 7 {
            #expect(result.statuses[row] == expected.statuses[row])
        }
        #expect(result.statuses[7] != expected.statuses[7])
        #expect(result.statuses[7] == "quarantined")
        for layer in result.layerNames {
            for row in result.perturbations.indices {
                let values = try result.row(row, of: layer)
                if row == 7 {
                    #expect(values.allSatisfy { $0.isNaN || $0 == 0 }, "\(layer)")
                } else {
                    let same = try expected.row(row, of: layer)
                    #expect(values.map(\.bitPattern) == same.map(\.bitPattern), "\(layer) \(row)")
                }
            }
        }
        #expect(try result.row(7, of: "pvalue").allSatisfy(\.isNaN))
    }
}
