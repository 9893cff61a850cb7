import Digests
import Scheduling
import Testing

private func block(_ perturbation: UInt32, bytes: UInt64 = 10) -> ResourceDemand {
    ResourceDemand(name: "block \(perturbation)", bytes: bytes, digest: someDigest)
}

private func leased(_ perturbations: [UInt32], bytes: UInt64 = 10) -> [LeasedUnit] {
    perturbations.map {
        LeasedUnit(perturbation: PerturbationIndex($0), block: block($0, bytes: bytes))
    }
}

private let cache = ResourceDemand(name: "cache", bytes: 50, digest: someDigest)

/// A session whose invariants are checked after every event.
final class SessionBench {
    var session: WorkerSession

    init(threads: Int = 1, prefetchBytes: UInt64 = 1000, comesBack: Bool = false) {
        session = WorkerSession(
            threads: threads,
            prefetchBytes: prefetchBytes,
            comesBack: comesBack
        )
    }

    @discardableResult
    func send(
        _ event: SessionEvent,
        sourceLocation: SourceLocation = #_sourceLocation
    ) -> [SessionAction] {
        let actions = session.handle(event)
        let violations = session.checkInvariants()
        #expect(violations == [], "after \(event)", sourceLocation: sourceLocation)
        return actions
    }

    /// Welcomes the session without common resources.
    func welcome(credit: UInt64 = 1000) {
        #expect(send(.welcomed(resources: [], rowCreditBytes: credit)) == [])
    }

    /// Grants a lease and lets all its blocks arrive.
    func lease(_ lease: LeaseID, _ perturbations: [UInt32], solo: Bool = false) -> [SessionAction] {
        var actions = send(.leaseGranted(lease, solo: solo, units: leased(perturbations)))
        for perturbation in perturbations {
            actions += send(.resourceComplete("block \(perturbation)"))
        }
        return actions
    }
}

extension [SessionAction] {
    fileprivate var fetched: [String] {
        compactMap { action in
            guard case .fetch(let demand) = action else { return nil }
            return demand.name
        }
    }

    fileprivate var fitted: [PerturbationIndex] {
        compactMap { action in
            guard case .startFit(let perturbation, _, _) = action else { return nil }
            return perturbation
        }
    }
}

@Suite("A worker's session")
struct WorkerSessionTests {
    @Test("One unit goes from lease to sent row")
    func lifeOfAUnit() {
        let bench = SessionBench()
        #expect(
            bench.send(.welcomed(resources: [cache], rowCreditBytes: 100)) == [.fetch(cache)]
        )
        #expect(bench.send(.resourceComplete("cache")) == [])
        #expect(
            bench.send(.leaseGranted(7, solo: false, units: leased([3]))) == [.fetch(block(3))]
        )
        #expect(
            bench.send(.resourceComplete("block 3"))
                == [.sendStarted(7, 3), .startFit(3, lease: 7, block: "block 3")]
        )
        #expect(bench.session.runningPerturbations == [3])
        #expect(
            bench.send(.fitFinished(3, rowBytes: 80))
                == [.release("block 3"), .sendRow(3, lease: 7)]
        )
        #expect(bench.session.heldCount == 1)
        #expect(bench.send(.rowSent(3)) == [.forgetRow(3)])
        #expect(bench.session.heldCount == 0)
        #expect(bench.session.sentRowCount == 1)
    }

    @Test("Common resources are fetched before blocks, and no fit begins without them")
    func commonFirst() {
        let bench = SessionBench(prefetchBytes: 60)
        let offsets = ResourceDemand(name: "offsets", bytes: 20, digest: someDigest)
        #expect(
            bench.send(.welcomed(resources: [cache, offsets], rowCreditBytes: 100)).fetched
                == ["cache"]
        )
        #expect(bench.send(.leaseGranted(1, solo: false, units: leased([0, 1]))) == [])
        #expect(
            bench.send(.resourceComplete("cache")).fetched == ["offsets", "block 0", "block 1"]
        )
        #expect(bench.send(.resourceComplete("block 0")) == [])
        #expect(bench.send(.resourceComplete("offsets")).fitted == [0])
    }

    @Test("Blocks on the way or waiting for a fit stay within the prefetch limit")
    func prefetchLimit() {
        let bench = SessionBench(prefetchBytes: 25)
        bench.welcome()
        let units = leased([0, 1, 2, 3, 4])
        #expect(
            bench.send(.leaseGranted(1, solo: false, units: units)).fetched == [
                "block 0", "block 1",
            ]
        )
        // Block 0 is used at once and counts no longer.
        let first = bench.send(.resourceComplete("block 0"))
        #expect(first.fitted == [0])
        #expect(first.fetched == ["block 2"])
        // Blocks 1 and 2 wait: nothing more is fetched until a fit takes one.
        #expect(bench.send(.resourceComplete("block 1")) == [])
        #expect(bench.send(.resourceComplete("block 2")) == [])
        let next = bench.send(.fitFinished(0, rowBytes: 1))
        #expect(next.fitted == [1])
        #expect(next.fetched == ["block 3"])
    }

    @Test("A block larger than the prefetch limit is fetched alone")
    func oversizeBlock() {
        let bench = SessionBench(prefetchBytes: 25)
        bench.welcome()
        let units = leased([0, 1], bytes: 100)
        #expect(
            bench.send(.leaseGranted(1, solo: false, units: units)).fetched == ["block 0"]
        )
        #expect(bench.send(.resourceComplete("block 0")).fetched == ["block 1"])
    }

    @Test("No more fits run than there are threads, in the order their blocks allow")
    func threads() {
        let bench = SessionBench(threads: 2)
        bench.welcome()
        bench.send(.leaseGranted(1, solo: false, units: leased([0, 1, 2, 3])))
        #expect(bench.send(.resourceComplete("block 2")).fitted == [2])
        #expect(bench.send(.resourceComplete("block 3")).fitted == [3])
        #expect(bench.send(.resourceComplete("block 1")).fitted == [])
        #expect(bench.send(.resourceComplete("block 0")).fitted == [])
        #expect(bench.send(.fitThrew(2, reason: "no")).fitted == [0])
    }

    @Test("A unit that must run alone waits for the others and the others for it")
    func solo() {
        let bench = SessionBench(threads: 4)
        bench.welcome()
        #expect(bench.lease(1, [0]).fitted == [0])
        #expect(bench.lease(2, [1], solo: true).fitted == [])
        #expect(bench.lease(3, [2]).fitted == [])
        #expect(bench.send(.fitFinished(0, rowBytes: 1)).fitted == [1])
        #expect(bench.send(.fitFinished(1, rowBytes: 1)).fitted == [2])
    }

    @Test("A fit that fails is told, and its block forgotten")
    func fitThrew() {
        let bench = SessionBench()
        bench.welcome()
        _ = bench.lease(1, [0])
        #expect(
            bench.send(.fitThrew(0, reason: "singular"))
                == [.release("block 0"), .sendFitFailed(1, 0, reason: "singular")]
        )
        #expect(bench.session.heldCount == 0)
    }

    @Test("Rows wait for credit and leave in the order they were finished")
    func credit() {
        let bench = SessionBench(threads: 3)
        bench.welcome(credit: 100)
        _ = bench.lease(1, [0, 1, 2])
        #expect(bench.send(.fitFinished(2, rowBytes: 60)).contains(.sendRow(2, lease: 1)))
        #expect(bench.send(.fitFinished(0, rowBytes: 60)) == [.release("block 0")])
        #expect(bench.send(.fitFinished(1, rowBytes: 40)) == [.release("block 1")])
        bench.send(.rowSent(2))
        #expect(bench.send(.creditReturned(10)) == [])
        #expect(
            bench.send(.creditReturned(50)) == [.sendRow(0, lease: 1), .sendRow(1, lease: 1)]
        )
    }

    @Test("A row larger than the whole credit is sent alone")
    func oversizeRow() {
        let bench = SessionBench(threads: 2)
        bench.welcome(credit: 10)
        _ = bench.lease(1, [0, 1])
        #expect(bench.send(.fitFinished(0, rowBytes: 500)).contains(.sendRow(0, lease: 1)))
        #expect(!bench.send(.fitFinished(1, rowBytes: 1)).contains(.sendRow(1, lease: 1)))
        #expect(bench.send(.creditReturned(500)) == [.sendRow(1, lease: 1)])
    }

    @Test("No fit begins while a row for each thread waits for credit")
    func backpressure() {
        let bench = SessionBench(threads: 1)
        bench.welcome(credit: 10)
        _ = bench.lease(1, [0, 1, 2])
        #expect(bench.send(.fitFinished(0, rowBytes: 10)).fitted == [1])
        #expect(bench.send(.fitFinished(1, rowBytes: 10)).fitted == [])
        #expect(bench.send(.creditReturned(10)).fitted == [2])
    }

    @Test("A damaged block is fetched again, three times at most, then its unit fails")
    func damagedBlock() {
        let bench = SessionBench()
        bench.welcome()
        bench.send(.leaseGranted(1, solo: false, units: leased([0, 1])))
        #expect(bench.send(.resourceDamaged("block 0")) == [.fetch(block(0))])
        #expect(bench.send(.resourceDamaged("block 0")) == [.fetch(block(0))])
        #expect(
            bench.send(.resourceDamaged("block 0"))
                == [
                    .sendFitFailed(1, 0, reason: "block 0 arrived damaged 3 times"),
                    .release("block 0"),
                ]
        )
        #expect(bench.send(.resourceComplete("block 1")).fitted == [1])
    }

    @Test("A block the coordinator does not have fails its unit")
    func missingBlock() {
        let bench = SessionBench()
        bench.welcome()
        bench.send(.leaseGranted(1, solo: false, units: leased([0])))
        #expect(
            bench.send(.resourceMissing("block 0", reason: "gone"))
                == [
                    .sendFitFailed(1, 0, reason: "block 0 cannot be had: gone"),
                    .release("block 0"),
                ]
        )
    }

    @Test("A worker that cannot get a common resource leaves")
    func unusableCommonResource() {
        let bench = SessionBench()
        bench.send(.welcomed(resources: [cache], rowCreditBytes: 100))
        #expect(bench.send(.resourceDamaged("cache")) == [.fetch(cache)])
        #expect(bench.send(.resourceDamaged("cache")) == [.fetch(cache)])
        let damaged = "cache arrived damaged 3 times"
        #expect(
            bench.send(.resourceDamaged("cache"))
                == [.sendGoodbye(reason: damaged), .exit(.lost(damaged))]
        )
        let other = SessionBench()
        other.send(.welcomed(resources: [cache], rowCreditBytes: 100))
        let missing = "cache cannot be had: gone"
        #expect(
            other.send(.resourceMissing("cache", reason: "gone"))
                == [.sendGoodbye(reason: missing), .exit(.lost(missing))]
        )
    }

    @Test("Two units that share a block fetch it once and keep it until both are done")
    func sharedBlock() {
        let bench = SessionBench(threads: 1)
        bench.welcome()
        let units = [
            LeasedUnit(perturbation: 0, block: block(9)),
            LeasedUnit(perturbation: 1, block: block(9)),
        ]
        #expect(bench.send(.leaseGranted(1, solo: false, units: units)) == [.fetch(block(9))])
        #expect(bench.send(.resourceComplete("block 9")).fitted == [0])
        #expect(!bench.send(.fitFinished(0, rowBytes: 1)).contains(.release("block 9")))
        #expect(bench.send(.fitFinished(1, rowBytes: 1)).contains(.release("block 9")))
    }

    @Test(
        "Asked to leave, a worker finishes what runs, sends it, and returns the rest",
        arguments: [SessionEvent.finishRequested, .terminateRequested]
    )
    func leaving(request: SessionEvent) {
        let bench = SessionBench(threads: 2, prefetchBytes: 1000)
        bench.welcome(credit: 10)
        _ = bench.lease(1, [0, 1, 2])
        bench.send(.leaseGranted(2, solo: false, units: leased([3])))
        let actions = bench.send(request)
        #expect(actions == [.release("block 2"), .release("block 3")])
        #expect(bench.send(request) == [])
        #expect(bench.send(.leaseGranted(3, solo: false, units: leased([4]))) == [])
        #expect(bench.send(.fitFinished(0, rowBytes: 10)).last == .sendRow(0, lease: 1))
        #expect(bench.send(.fitFinished(1, rowBytes: 10)) == [.release("block 1")])
        #expect(bench.send(.rowSent(0)) == [.forgetRow(0)])
        #expect(bench.send(.creditReturned(10)) == [.sendRow(1, lease: 1)])
        let last = bench.send(.rowSent(1)).dropFirst()
        #expect(last.count == 2)
        guard case .sendGoodbye = last.first else {
            Issue.record("expected a goodbye, got \(last)")
            return
        }
        #expect(last.last == .exit(.finished))
        #expect(bench.session.phase == .ended)
    }

    @Test("A second lease for a unit already held is ignored")
    func heldTwice() {
        let bench = SessionBench()
        bench.welcome()
        _ = bench.lease(1, [0, 1])
        #expect(bench.send(.leaseGranted(2, solo: false, units: leased([0, 1]))) == [])
        #expect(bench.session.heldCount == 2)
        #expect(bench.session.ignoredEventCount == 2)
    }

    @Test("Reports about units and resources the session does not have change nothing")
    func strays() {
        let bench = SessionBench()
        bench.welcome()
        let events: [SessionEvent] = [
            .resourceComplete("x"), .resourceDamaged("x"), .resourceMissing("x", reason: ""),
            .fitFinished(9, rowBytes: 1), .fitThrew(9, reason: ""), .rowSent(9),
            .welcomed(resources: [cache], rowCreditBytes: 1),
        ]
        for event in events {
            #expect(bench.send(event) == [])
        }
        #expect(bench.session.ignoredEventCount == events.count)
        #expect(bench.send(.creditReturned(.max)) == [])
    }
}

@Suite("Every event in every phase of a session")
struct WorkerSessionTableTests {
    private static let events: [(name: String, event: SessionEvent)] = [
        ("welcomed", .welcomed(resources: [cache], rowCreditBytes: 10)),
        ("refused", .refused("no", retry: true)),
        ("resourceComplete", .resourceComplete("block 5")),
        ("resourceDamaged", .resourceDamaged("block 5")),
        ("resourceMissing", .resourceMissing("block 5", reason: "gone")),
        ("leaseGranted", .leaseGranted(9, solo: false, units: leased([6]))),
        ("fitFinished", .fitFinished(4, rowBytes: 1)),
        ("fitThrew", .fitThrew(4, reason: "no")),
        ("rowSent", .rowSent(3)),
        ("creditReturned", .creditReturned(1)),
        ("finishRequested", .finishRequested),
        ("terminateRequested", .terminateRequested),
        ("linkClosed", .linkClosed("reset")),
        ("rowsDurable", .rowsDurable([2])),
        ("revoked", .revoked(2, [5])),
        ("cancelled", .cancelled(1, 4)),
        ("offerAnswered", .offerAnswered(9, wanted: [8], unneeded: [2])),
        ("reconnected", .reconnected),
    ]

    /// The phase after each event, in the order of `events`: each phase by its first letter.
    private static let phaseAfter: [SessionPhase: String] = [
        .greeting: "w e g g g e g g g g e e d g g g g g",
        .working: "w e w w w w w w w w l l d w w w w w",
        .detached: "d e d d d d d d d d d e d d d d d g",
        .leaving: "l e l l l l l l l l l l e l l l l l",
        .ended: "e e e e e e e e e e e e e e e e e e",
    ]

    /// What each event makes the worker do, in the order of `events`; `-` for nothing.
    private static let actionsAfter: [SessionPhase: String] = [
        .greeting: "fetch exit - - - goodbye+exit - - - - goodbye+exit goodbye+exit reconnect "
            + "- - - returned -",
        .working: "- exit - fetch failed+release fetch release+row release+failed - - "
            + "release release release+reconnect forget release+returned - returned+forget -",
        .detached: "- exit - - - - - - - - - exit - forget - - returned+forget -",
        .leaving: "- exit - - - - release+row release+failed - - - - exit forget - - "
            + "returned+forget -",
        .ended: "- - - - - - - - - - - - - - - - - -",
    ]

    /// A session in the phase: outside of greeting, the row of unit 2 is kept, unit 3 is being sent,
    /// unit 4 runs and, while working, the block of unit 5 is on the way.
    private func bench(in phase: SessionPhase) -> SessionBench {
        let bench = SessionBench(threads: 1, comesBack: phase != .ended)
        guard phase != .greeting else { return bench }
        bench.welcome(credit: 100)
        _ = bench.lease(1, [2, 3, 4])
        bench.send(.fitFinished(2, rowBytes: 1))
        bench.send(.rowSent(2))
        bench.send(.fitFinished(3, rowBytes: 1))
        bench.send(.leaseGranted(2, solo: false, units: leased([5])))
        if phase == .leaving { bench.send(.terminateRequested) }
        if phase == .detached { bench.send(.linkClosed("reset")) }
        if phase == .ended { bench.send(.linkClosed("reset")) }
        return bench
    }

    private func word(_ action: SessionAction) -> String {
        switch action {
        case .fetch: "fetch"
        case .release: "release"
        case .sendStarted: "started"
        case .startFit: "fit"
        case .sendRow: "row"
        case .sendFitFailed: "failed"
        case .forgetRow: "forget"
        case .sendReturned: "returned"
        case .offerRows: "offer"
        case .reconnect: "reconnect"
        case .sendGoodbye: "goodbye"
        case .exit: "exit"
        }
    }

    @Test("The table holds", arguments: SessionPhase.allCases)
    func table(phase: SessionPhase) throws {
        let letters = try #require(Self.phaseAfter[phase]).split(separator: " ")
        let actions = try #require(Self.actionsAfter[phase]).split(separator: " ")
        #expect(letters.count == Self.events.count)
        #expect(actions.count == Self.events.count)
        for (position, (name, event)) in Self.events.enumerated() {
            let bench = bench(in: phase)
            #expect(bench.session.phase == phase)
            let done = bench.send(event).map(word).joined(separator: "+")
            #expect((done.isEmpty ? "-" : done) == actions[position], "\(name) while \(phase)")
            let after = bench.session.phase.rawValue.prefix(1)
            #expect(after == letters[position], "\(name) while \(phase)")
        }
    }

    @Test("The link closing is a loss, unless the worker was leaving anyway or comes back")
    func exits() {
        let local = SessionBench()
        #expect(local.send(.linkClosed("reset")) == [.exit(.lost("reset"))])
        let working = SessionBench()
        working.welcome()
        #expect(working.send(.linkClosed("reset")) == [.exit(.lost("reset"))])
        #expect(bench(in: .greeting).send(.linkClosed("reset")) == [.reconnect("reset")])
        #expect(bench(in: .leaving).send(.linkClosed("reset")) == [.exit(.finished)])
        #expect(
            bench(in: .greeting).send(.refused("another build", retry: false))
                == [.exit(.refused("another build", retry: false))]
        )
    }
}
