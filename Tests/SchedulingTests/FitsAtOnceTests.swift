import Digests
import Scheduling
import Testing

@Suite("How many fits a session begins")
struct FitsAtOnceTests {
    private func demand(_ perturbation: UInt32) -> ResourceDemand {
        ResourceDemand(name: "block/\(perturbation)", bytes: 1, digest: someDigest)
    }

    /// Begins a session with six perturbations leased; the ones it starts when their blocks are here.
    private func started(
        _ session: inout WorkerSession,
        solo: Bool = false
    ) -> [PerturbationIndex] {
        var actions = session.handle(
            .leaseGranted(
                1,
                solo: solo,
                units: (0..<6).map {
                    LeasedUnit(perturbation: PerturbationIndex($0), block: demand($0))
                }
            )
        )
        for perturbation in 0..<6 as Range<UInt32> {
            actions += session.handle(.resourceComplete("block/\(perturbation)"))
        }
        return fits(actions)
    }

    private func fits(_ actions: [SessionAction]) -> [PerturbationIndex] {
        actions.compactMap { action in
            guard case .startFit(let perturbation, _, _) = action else { return nil }
            return perturbation
        }
    }

    @Test("one for each thread, until the fits say that more may share what they read")
    func more() {
        var session = WorkerSession(threads: 2, prefetchBytes: 1000)
        _ = session.handle(.welcomed(resources: [], rowCreditBytes: 1000))
        #expect(started(&session) == [0, 1])
        #expect(fits(session.handle(.mayFitAtOnce(4))) == [2, 3])
        #expect(session.checkInvariants() == [])
        #expect(session.runningPerturbations == [0, 1, 2, 3])
        #expect(fits(session.handle(.fitFinished(1, rowBytes: 10))) == [4])
        #expect(session.checkInvariants() == [])
    }

    @Test("never fewer than there are threads", arguments: [0, 1, 3])
    func fewer(count: Int) {
        var session = WorkerSession(threads: 3, prefetchBytes: 1000)
        _ = session.handle(.welcomed(resources: [], rowCreditBytes: 1000))
        #expect(session.handle(.mayFitAtOnce(count)) == [])
        #expect(started(&session).count == 3)
    }

    @Test("one that must run alone runs alone, however many may")
    func solo() {
        var session = WorkerSession(threads: 1, prefetchBytes: 1000)
        _ = session.handle(.welcomed(resources: [], rowCreditBytes: 1000))
        _ = session.handle(.mayFitAtOnce(5))
        #expect(started(&session, solo: true) == [0])
        #expect(fits(session.handle(.fitFinished(0, rowBytes: 10))) == [1])
        #expect(session.checkInvariants() == [])
    }

    @Test("nothing begins before the common resources are here, whenever the number comes")
    func before() {
        var session = WorkerSession(threads: 1, prefetchBytes: 1000)
        let cache = ResourceDemand(name: "cache", bytes: 5, digest: someDigest)
        _ = session.handle(.welcomed(resources: [cache], rowCreditBytes: 1000))
        #expect(started(&session) == [])
        #expect(fits(session.handle(.mayFitAtOnce(2))) == [])
        #expect(fits(session.handle(.resourceComplete("cache"))) == [0, 1])
    }
}
