import Foundation
import Scheduling
import Testing

/// Whole runs on a simulated clock, network and disk, each drawn from a seed.
///
/// `CRISPYX_SEED=n` replays one seed and prints its story; `CRISPYX_FIRST_SEED=n` and
/// `CRISPYX_SEED_COUNT=n` choose the seeds that are run.
@Suite("Simulated runs")
struct SimulationTests {
    private static let environment = ProcessInfo.processInfo.environment
    private static func number(_ name: String) -> UInt64? {
        environment[name].flatMap { UInt64($0) }
    }
    private static let replayed = number("CRISPYX_SEED")
    private static let firstSeed = number("CRISPYX_FIRST_SEED") ?? 1
    private static let seedCount = number("CRISPYX_SEED_COUNT") ?? 500
    private static let shareCount: UInt64 = 4

    @Test("Every unit gets exactly one row or one verdict, and the run ends", arguments: 0..<4)
    func seeds(share: Int) {
        guard Self.replayed == nil else { return }
        var tally = SimulationTally()
        var broken = 0
        for seed in Self.firstSeed..<(Self.firstSeed + Self.seedCount)
        where seed % Self.shareCount == UInt64(share) {
            let cluster = SimulatedCluster(plan: SimulationPlan(seed: seed))
            let problems = cluster.run()
            tally.add(cluster.tally)
            broken += problems.isEmpty ? 0 : 1
            #expect(problems == [], "replay with CRISPYX_SEED=\(seed)")
        }
        // The figures of docs/reliability.md.
        print(
            "simulated seeds \(Self.firstSeed) and \(Self.seedCount - 1) more, share \(share): "
                + "\(broken) broken, \(tally)"
        )
    }

    @Test("One seed replayed with its story", .enabled(if: replayed != nil))
    func replay() throws {
        let seed = try #require(Self.replayed)
        let plan = SimulationPlan(seed: seed)
        let cluster = SimulatedCluster(plan: plan, keepsTrace: true)
        let problems = cluster.run()
        #expect(problems == [], "\(cluster.trace.suffix(400).joined(separator: "\n"))")
    }

    @Test("Every planted bug is noticed", arguments: Mutant.allCases)
    func mutants(mutant: Mutant) {
        guard Self.replayed == nil else { return }
        let caught = (1...200).first { seed in
            !SimulatedCluster(plan: SimulationPlan(seed: seed), mutant: mutant).run().isEmpty
        }
        #expect(caught != nil, "200 seeds do not tell \(mutant) from the right code")
        print("planted \(mutant): noticed with seed \(caught.map(String.init) ?? "none")")
    }

    @Test("The same seed gives the same run")
    func deterministic() {
        for seed: UInt64 in [3, 14, 159] {
            let runs = (0..<2).map { _ in
                let cluster = SimulatedCluster(plan: SimulationPlan(seed: seed), keepsTrace: true)
                _ = cluster.run()
                return cluster.trace
            }
            #expect(runs[0] == runs[1])
            #expect(runs[0].count > 20)
        }
    }

    @Test("Without faults the run takes little longer than its work divided by the threads")
    func makespan() {
        var random = SeededGenerator(seed: 5)
        let list = (0..<600).map { index in
            UnitOfWork(
                perturbation: PerturbationIndex(UInt32(index)),
                cost: random.seconds(1...10),
                blockBytes: 500
            )
        }
        let machine = SimulatedMachine(threads: 4, memoryBytes: 1_000_000, speed: 1)
        let machines = Array(repeating: machine, count: 5)
        let cluster = SimulatedCluster(plan: SimulationPlan(units: list, machines: machines))
        #expect(cluster.run() == [])
        let ideal = list.reduce(0) { $0 + $1.cost } / 20
        // Up to 5 s until all machines are there, up to 2 s until the last row is committed.
        #expect(cluster.settledSeconds < 1.02 * ideal + 7)
        #expect(cluster.settledSeconds > ideal)
    }

    @Test("The seeds between them meet every kind of fault, remedy and verdict")
    func coverage() {
        var plans: [SimulationPlan] = []
        var tally = SimulationTally()
        var quarantined = 0
        var failed = 0
        for seed: UInt64 in 1...150 {
            let plan = SimulationPlan(seed: seed)
            let cluster = SimulatedCluster(plan: plan)
            _ = cluster.run()
            plans.append(plan)
            tally.add(cluster.tally)
            quarantined += cluster.judge.quarantined.count
            failed += cluster.judge.failed.count
        }
        #expect(quarantined > 10)
        #expect(failed > 5)
        #expect(plans.count(where: \.isCalm) > 10)
        for faults in [
            \SimulationPlan.processKills, \.linkBreaks, \.blackholes, \.hostLosses, \.slowdowns,
            \.diskErrors, \.terminations, \.coordinatorDeaths, \.drains,
        ] {
            #expect(plans.contains { !$0[keyPath: faults].isEmpty })
        }
        #expect(plans.contains { !$0.stalls.isEmpty })
        #expect(plans.contains { !$0.pauses.isEmpty })
        #expect(plans.contains { !$0.coordinatorPauses.isEmpty })
        #expect(tally.revokedUnits > 100)
        #expect(tally.returnedUnits > 50)
        #expect(tally.copies > 5)
        #expect(tally.cancels > 10)
        #expect(tally.rowsTakenAgain > 20)
        #expect(tally.endedProcesses > 2)
        #expect(tally.supersededSessions > 2)
        #expect(tally.diskErrors > 2)
        #expect(tally.stopsForFailure > 1)
    }
}
