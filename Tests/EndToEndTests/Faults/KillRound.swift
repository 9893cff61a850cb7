import ChildProcesses
import Foundation
import Glibc

/// The screen of all kill rounds, written once, and what an undisturbed run makes of it.
final class KillGround: Sendable {
    static let shared = Result { try KillGround() }

    static let rows = 40
    let run: Run
    let expected: Data
    /// How long an undisturbed run with the same waits takes, microseconds.
    let duration: Double

    private init() throws {
        run = try Run(Screen(perturbations: Self.rows, genes: 60, cellsPerPerturbation: 10))
        expected = try run.undisturbed()
        let start = ContinuousClock.now
        var timed = run
        timed.output = "timed.h5ad"
        let ended = try timed.run(KillRound.fourWorkers, variables: KillRound.variables)
        guard ended.status == .exited(code: 0) else { throw EndToEndFailure(ended.errors) }
        let parts = (ContinuousClock.now - start).components
        duration = Double(parts.seconds) * 1e6 + Double(parts.attoseconds) * 1e-12
        for name in [timed.output, timed.directory] {
            try FileManager.default.removeItem(atPath: run.folder.file(name))
        }
    }
}

/// One run that is disturbed, finished and judged.
struct KillRound {
    static let fourWorkers = ["--local-workers", "4", "--threads", "1"]
    /// Fits take a while without using a processor, and groups are committed every 100 ms.
    static let variables = ["CRISPYX_SLOW_FIT": "30", "CRISPYX_TIME_SCALE": "0.05"]

    let ground: KillGround
    var run: Run
    var random: Random
    /// What was not as it should be.
    var problems: [String] = []
    /// Faults that really happened.
    var faults = 0
    /// Rows that were durable when an attempt ended, and the rows that were fitted until then.
    private var deaths: [(durable: [Int], fitted: Int)] = []

    init(seed: UInt64, _ ground: KillGround) {
        self.ground = ground
        run = ground.run
        run.output = "round\(seed).h5ad"
        run.deadline = .seconds(120)
        random = Random(state: seed &* 7919)
    }

    /// A moment within a run, or a little after its usual end.
    mutating func moment() -> UInt32 { UInt32(random.uniform() * 1.1 * ground.duration) }

    mutating func number(below limit: Int) -> Int { Int(random.next() % UInt64(limit)) }

    /// Starts an attempt.
    func start(
        _ options: [String] = fourWorkers,
        _ more: [String: String] = [:]
    ) throws -> Program {
        try run.start(
            options + ["--resume"],
            variables: Self.variables.merging(more) { $1 }
        )
    }

    /// The processes of workers that have joined and still run.
    var workers: [Int32] {
        run.events("worker_joined").compactMap { Int32($0["process"] ?? "") }.filter(isRunning)
    }

    /// Notes how a disturbed attempt ended and what it had made durable.
    mutating func attemptEnded(_ ended: Program.Ended, mayBe statuses: [ExitStatus]) {
        if !statuses.contains(ended.status) {
            problems.append("ended with \(ended.status): \(ended.errors)")
        }
        if !run.folder.isDeserted(within: 15) {
            problems.append("processes left behind: \(run.folder.processes)")
        }
        let journalled = run.journalledRows
        if Set(journalled).count != journalled.count {
            problems.append("a row is journalled twice: \(journalled)")
        }
        deaths.append((journalled, run.events("row").count))
    }

    /// Finishes the run undisturbed and compares everything with what it should be.
    mutating func finish(_ options: [String] = fourWorkers) throws {
        attemptEnded(try start(options).wait(), mayBe: [.exited(code: 0)])
        try judge()
    }

    /// Judges a finished run, and clears it away when it was right.
    mutating func judge() throws {
        if let difference = ground.expected.firstDifference(from: run.result) {
            problems.append("other bytes: \(difference)")
        }
        let fitted = run.events("row").map { Int($0["perturbation"] ?? "") ?? -1 }
        if Set(fitted) != Set(0..<KillGround.rows) {
            problems.append("rows are missing: \(fitted)")
        }
        for death in deaths {
            let again = Set(fitted.dropFirst(death.fitted)).intersection(death.durable)
            if !again.isEmpty {
                problems.append("durable rows were fitted again: \(again.sorted())")
            }
        }
        if !run.events("given_up").isEmpty {
            problems.append("given up: \(run.events("given_up"))")
        }
        // What an earlier round left that failed is its own.
        let inside: Set<String> = ["journal.bin", "cache.bin", "owner.json", "endpoint.json"]
        let left = try run.leftovers().filter { $0.contains(run.output) || inside.contains($0) }
        if !left.isEmpty { problems.append("left behind: \(left)") }
        guard problems.isEmpty else { return }
        for name in [run.output, run.directory] {
            try FileManager.default.removeItem(atPath: run.folder.file(name))
        }
        for name in try FileManager.default.contentsOfDirectory(atPath: run.folder.path)
        where name.hasPrefix("stream-") {
            unlink(run.folder.file(name))
        }
    }
}
