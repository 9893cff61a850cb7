import Scheduling
import Testing

@Suite("Every event in every phase of a unit")
struct UnitTableTests {
    /// Perturbation 0 is the unit watched; worker 1 had it on lease 1, if anyone had it.
    private static let events: [(name: String, event: SchedulerEvent)] = [
        ("workerJoined", .workerJoined(9, threads: 1, memoryBytes: 1000)),
        ("processDied", .workerLeft(1, .processDied("killed"))),
        ("networkLost", .workerLeft(1, .networkLost)),
        ("goodbye", .workerLeft(1, .goodbye)),
        ("heard", .heard(1)),
        ("started", .started(1, 1, 0)),
        ("rowArrived", .rowArrived(1, 1, 0, digest: someDigest)),
        ("rowsDurable", .rowsDurable([0])),
        ("fitFailed", .fitFailed(1, 1, 0, reason: "no")),
        ("tick", .tick),
        ("drain", .drain),
    ]

    /// The phase after each event, in the order of `events`.
    ///
    /// A failed fit with one worker is granted again at once, which leaves the unit leased.
    private static let phaseAfter: [UnitPhase: String] = [
        .pending:
            "leased pending pending pending pending pending written pending pending pending pending",
        .leased:
            "leased pending pending pending leased started written leased leased leased leased",
        .started:
            "started pending pending pending started started written started leased started started",
        .written:
            "written written written written written written written durable written written written",
        .durable:
            "durable durable durable durable durable durable durable durable durable durable durable",
        .failed: "failed failed failed failed failed failed failed failed failed failed failed",
        .quarantined:
            "quarantined quarantined quarantined quarantined quarantined quarantined quarantined "
            + "quarantined quarantined quarantined quarantined",
    ]

    private func bench(in phase: UnitPhase) -> SchedulerBench {
        let bench = SchedulerBench(units([3, 2, 1]))
        bench.join(1)
        switch phase {
        case .pending:
            bench.send(.workerLeft(1, .goodbye))
        case .leased:
            break
        case .started:
            bench.send(.started(1, 1, 0))
        case .written:
            bench.row(1, 1, 0)
        case .durable:
            bench.row(1, 1, 0)
            bench.send(.rowsDurable([0]))
        case .failed:
            bench.send(.fitFailed(1, 1, 0, reason: "no"))
            bench.send(.fitFailed(1, 2, 0, reason: "no"))
        case .quarantined:
            bench.send(.started(1, 1, 0))
            bench.die(1)
            bench.join(2)
            bench.send(.started(2, 2, 0))
            bench.die(2)
        }
        return bench
    }

    @Test("The table holds", arguments: UnitPhase.allCases)
    func table(phase: UnitPhase) throws {
        let row = try #require(Self.phaseAfter[phase]).split(separator: " ").map(String.init)
        #expect(row.count == Self.events.count)
        for (position, (name, event)) in Self.events.enumerated() {
            let bench = bench(in: phase)
            #expect(bench.phase(0) == phase)
            let actions = bench.send(event)
            #expect(bench.phase(0)?.rawValue == row[position], "\(name) while \(phase)")
            let isWritten =
                actions.contains(.write(0, from: 1, attempt: 1))
                || actions.contains(.write(0, from: 1, attempt: 2))
            let shouldWrite = row[position] == "written" && phase != .written
            #expect(isWritten == shouldWrite, "\(name) while \(phase)")
        }
    }
}
