import ChildProcesses
import Foundation
import Glibc
import Testing

/// Kills of everything that can be killed, at random moments, in rounds.
///
/// `CRISPYX_TEST_KILL_ROUNDS=200` runs as many rounds of each row (two without it), from seed
/// `CRISPYX_TEST_SEED` (1 without it); each row says at its end what it did.
@Suite("Kill rounds", .serialized)
struct KillRoundTests {
    private static let environment = ProcessInfo.processInfo.environment
    private static let rounds = environment["CRISPYX_TEST_KILL_ROUNDS"].flatMap { Int($0) } ?? 2
    private static let firstSeed = environment["CRISPYX_TEST_SEED"].flatMap { UInt64($0) } ?? 1
    private static let killed = ExitStatus.signalled(number: SIGKILL, coreDumped: false)

    /// Runs the rounds of a row; every one of them must be right, and some faults must have fired.
    private func row(
        _ name: String,
        rounds: Int = rounds,
        _ body: (inout KillRound, UInt64) throws -> Void
    ) throws {
        let ground = try KillGround.shared.get()
        var faults = 0
        var failed: [UInt64] = []
        let seeds = Self.firstSeed..<Self.firstSeed + UInt64(rounds)
        for seed in seeds {
            var round = KillRound(seed: seed, ground)
            try body(&round, seed)
            faults += round.faults
            if !round.problems.isEmpty { failed.append(seed) }
            #expect(
                round.problems == [],
                "\(name): replay with CRISPYX_TEST_SEED=\(seed) CRISPYX_TEST_KILL_ROUNDS=1"
            )
        }
        #expect(faults > 0, "\(name): no fault fired")
        print(
            "kill rounds: \(name): \(rounds) rounds, seeds \(seeds.lowerBound) to "
                + "\(seeds.upperBound - 1), \(faults) faults, \(failed.count) rounds failed \(failed)"
        )
    }

    @Test("workers, one after the other")
    func workers() throws {
        try row("worker") { round, _ in
            let coordinator = try round.start()
            let run = round.run
            for _ in 0...round.number(below: 2) {
                _ = eventually(20) {
                    coordinator.process.exitStatus != nil || !run.events("worker_joined").isEmpty
                }
                usleep(UInt32(round.random.uniform() * 250_000))
                let there = round.workers
                guard !there.isEmpty else { continue }
                if kill(there[round.number(below: there.count)], SIGKILL) == 0 { round.faults += 1 }
            }
            let ended = try coordinator.wait()
            // Two kills that hit the same perturbation, fitted alone, rightly give it up.
            guard ended.status == .exited(code: 3) else {
                round.attemptEnded(ended, mayBe: [.exited(code: 0)])
                return try round.judge()
            }
            let lost = try round.run.report().lost
            if lost.count != 1 || lost[0].reasons.count != 2 {
                round.problems.append("given up without reason: \(lost)")
            }
            unlink(round.run.folder.file(round.run.directory + "/events.jsonl"))
            let forced = try round.start(KillRound.fourWorkers + ["--force"]).wait()
            round.attemptEnded(forced, mayBe: [.exited(code: 0)])
            try round.judge()
        }
    }

    @Test("the coordinator, also while it resumes")
    func coordinator() throws {
        try row("coordinator") { round, _ in
            for _ in 0...round.number(below: 3) {
                let coordinator = try round.start()
                usleep(round.moment())
                if coordinator.process.send(signal: SIGKILL) { round.faults += 1 }
                round.attemptEnded(try coordinator.wait(), mayBe: [Self.killed, .exited(code: 0)])
            }
            try round.finish()
        }
    }

    @Test("the coordinator at every place that has a name, also while it resumes")
    func places() throws {
        let places = [
            "reading", "frozen", "laid-out", "recorded", "rows-saved", "rows-journalled",
            "before-publication", "completed", "before-rename", "after-rename", "reported",
        ]
        try row("places") { round, seed in
            for nested in 0...round.number(below: 3) {
                let index = nested == 0 ? Int(seed) : round.number(below: places.count)
                let pass = nested == 0 ? 1 : 1 + round.number(below: 3)
                let ended = try round.start(
                    KillRound.fourWorkers,
                    ["CRISPYX_FAIL": "\(places[index % places.count]):\(pass)"]
                ).wait()
                if ended.status == Self.killed { round.faults += 1 }
                // Later attempts may have fewer passes to make.
                let mayEnd = nested > 0 || pass > 1
                round.attemptEnded(ended, mayBe: [Self.killed] + (mayEnd ? [.exited(code: 0)] : []))
            }
            try round.finish()
        }
    }

    @Test("a worker when it begins a certain row")
    func fits() throws {
        try row("fit") { round, _ in
            let token = round.run.folder.file("token")
            try Data().write(to: URL(filePath: token))
            let rows = (0..<3).map { _ in round.number(below: KillGround.rows) }
            let how = ["kill", "crash", "abort", "exit", "error"][round.number(below: 5)]
            let rules = Set(rows).map { "\($0)=\(how)" }.joined(separator: ",")
            let ended = try round.start(
                KillRound.fourWorkers,
                ["CRISPYX_FAIL_FIT": "\(rules):\(token)"]
            ).wait()
            if !round.run.folder.exists("token") { round.faults += 1 }
            round.attemptEnded(ended, mayBe: [.exited(code: 0)])
            try round.judge()
        }
    }

    /// Two parents of two workers each, which join a coordinator that has none of its own.
    private func overTCP(
        _ round: inout KillRound,
        _ variables: [String: String] = [:]
    ) throws -> (coordinator: Program, parents: [Program]) {
        let run = round.run
        let coordinator = try round.start(
            ["--listen", "127.0.0.1:0", "--local-workers", "0"],
            variables
        )
        guard eventually(30, { run.folder.exists(run.directory + "/endpoint.json") }) else {
            coordinator.process.send(signal: SIGKILL)
            throw EndToEndFailure("it does not listen: \(try coordinator.wait().errors)")
        }
        let parents = try (0..<2).map { _ in
            try Program(
                Program.worker,
                [
                    "--connect", "@" + run.folder.file(run.directory), "--processes", "2",
                    "--threads", "1", "--reconnect-timeout", "5", "--quiet",
                ],
                in: run.folder,
                variables: KillRound.variables.merging(variables) { $1 },
                deadline: .seconds(120)
            )
        }
        return (coordinator, parents)
    }

    @Test("the parent of a machine's workers, which are not blamed for leaving with it")
    func parents() throws {
        try row("parent") { round, _ in
            let (coordinator, parents) = try overTCP(&round)
            let run = round.run
            _ = eventually(20) { !run.events("row").isEmpty }
            usleep(round.moment() / 2)
            if parents[0].process.send(signal: SIGKILL) { round.faults += 1 }
            let ended = try coordinator.wait()
            for parent in parents { _ = try parent.wait() }
            round.attemptEnded(ended, mayBe: [.exited(code: 0)])
            let blamed = run.events("worker_left").filter {
                $0["how"]?.contains("processDied") == true
            }
            if !blamed.isEmpty { round.problems.append("blamed: \(blamed)") }
            try round.judge()
        }
    }

    @Test("everything at once")
    func everything() throws {
        try row("everything") { round, _ in
            for _ in 0...round.number(below: 2) {
                let coordinator = try round.start()
                usleep(round.moment())
                let own = coordinator.process.processID
                let victims = round.run.folder.processes.filter { $0 != own }
                if coordinator.process.send(signal: SIGKILL) { round.faults += 1 }
                for victim in victims { kill(victim, SIGKILL) }
                round.attemptEnded(try coordinator.wait(), mayBe: [Self.killed, .exited(code: 0)])
            }
            try round.finish()
        }
    }

    @Test("workers that are stopped for longer than the silence limit, and go on")
    func stopped() throws {
        // The limit is 3 s with the time scale of the rounds.
        try row("stopped", rounds: max(2, Self.rounds / 4)) { round, seed in
            let slow = ["CRISPYX_SLOW_FIT": "100"]
            let isLocal = seed % 2 == 0
            var parents: [Program] = []
            let coordinator: Program
            if isLocal {
                coordinator = try round.start(KillRound.fourWorkers, slow)
            } else {
                (coordinator, parents) = try overTCP(&round, slow)
            }
            let run = round.run
            _ = eventually(20) { run.events("worker_joined").count == 4 }
            usleep(UInt32(round.random.uniform() * 300_000))
            let there = round.workers
            if !there.isEmpty {
                let victim = there[round.number(below: there.count)]
                if kill(victim, SIGSTOP) == 0 { round.faults += 1 }
                usleep(3_500_000 + UInt32(round.random.uniform() * 1_000_000))
                kill(victim, SIGCONT)
            }
            let ended = try coordinator.wait()
            for parent in parents { _ = try parent.wait() }
            round.attemptEnded(ended, mayBe: [.exited(code: 0)])
            let blamed = run.events("worker_left").filter {
                $0["how"]?.contains("processDied") == true
            }
            if !blamed.isEmpty { round.problems.append("blamed: \(blamed)") }
            try round.judge()
        }
    }
}
