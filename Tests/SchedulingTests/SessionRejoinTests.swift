import Scheduling
import Testing

@Suite("A worker's session over several connections")
struct SessionRejoinTests {
    private func block(_ perturbation: UInt32) -> ResourceDemand {
        ResourceDemand(name: "block \(perturbation)", bytes: 10, digest: someDigest)
    }

    private func leased(_ perturbations: [UInt32]) -> [LeasedUnit] {
        perturbations.map {
            LeasedUnit(perturbation: PerturbationIndex($0), block: block($0))
        }
    }

    /// A worker with the credit of ten rows of ten bytes, that comes back when its link closes.
    private func makeBench(threads: Int = 2, credit: UInt64 = 100) -> SessionBench {
        let bench = SessionBench(threads: threads, prefetchBytes: 1000, comesBack: true)
        bench.welcome(credit: credit)
        return bench
    }

    private func reconnect(_ bench: SessionBench, keepsRows: Bool = true) -> [SessionAction] {
        #expect(bench.send(.reconnected) == [])
        return bench.send(
            .welcomed(resources: [], rowCreditBytes: 100, keepsRows: keepsRows)
        )
    }

    @Test("What was sent, finished or begun is offered, what waited is forgotten")
    func offer() {
        let bench = makeBench(threads: 2, credit: 10)
        _ = bench.lease(1, [0, 1, 2, 3])
        bench.send(.fitFinished(0, rowBytes: 10))
        bench.send(.rowSent(0))
        bench.send(.fitFinished(1, rowBytes: 10))
        #expect(bench.session.runningPerturbations == [2, 3])
        bench.send(.leaseGranted(2, solo: false, units: leased([4])))
        let actions = bench.send(.linkClosed("reset"))
        #expect(actions == [.release("block 4"), .forgetRow(0), .reconnect("reset")])
        // The credit is one row: the older of two goes. A fit ends while there is no link.
        #expect(bench.send(.fitFinished(2, rowBytes: 10)) == [.forgetRow(1)])
        #expect(reconnect(bench) == [.offerRows([2], running: [3])])
    }

    @Test("Wanted rows go out under the new lease, unneeded ones are forgotten, others kept")
    func answered() {
        let bench = makeBench()
        _ = bench.lease(1, [0, 1, 2])
        for unit: PerturbationIndex in [0, 1, 2] {
            bench.send(.fitFinished(unit, rowBytes: 10))
            bench.send(.rowSent(unit))
        }
        bench.send(.linkClosed("reset"))
        #expect(reconnect(bench) == [.offerRows([0, 1, 2], running: [])])
        #expect(
            bench.send(.offerAnswered(5, wanted: [1], unneeded: [0]))
                == [.forgetRow(0), .sendRow(1, lease: 5)]
        )
        bench.send(.rowSent(1))
        #expect(bench.session.keptRows == [2, 1])
        #expect(bench.send(.rowsDurable([1, 2])) == [.forgetRow(1), .forgetRow(2)])
        #expect(bench.session.keptRows == [])
    }

    @Test("A fit that goes on is answered under the new lease, or dropped when it is unneeded")
    func runningFits() {
        let bench = makeBench()
        _ = bench.lease(1, [0, 1])
        bench.send(.linkClosed("reset"))
        #expect(reconnect(bench) == [.offerRows([], running: [0, 1])])
        #expect(bench.send(.offerAnswered(7, wanted: [0], unneeded: [1])) == [])
        #expect(bench.send(.fitFinished(0, rowBytes: 10)) == [.sendRow(0, lease: 7)])
        #expect(bench.send(.fitFinished(1, rowBytes: 10)) == [.forgetRow(1)])
    }

    @Test("A fit that failed before the answer came is returned")
    func failedMeanwhile() {
        let bench = makeBench()
        _ = bench.lease(1, [0])
        bench.send(.linkClosed("reset"))
        _ = reconnect(bench)
        #expect(bench.send(.fitThrew(0, reason: "no")) == [])
        #expect(
            bench.send(.offerAnswered(7, wanted: [0], unneeded: [])) == [.sendReturned(7, [0])]
        )
    }

    @Test("A lease of what is held already is answered without a second fit")
    func leasedAgain() {
        let bench = makeBench()
        _ = bench.lease(1, [0, 1])
        bench.send(.fitFinished(0, rowBytes: 10))
        bench.send(.rowSent(0))
        bench.send(.linkClosed("reset"))
        _ = reconnect(bench)
        #expect(
            bench.send(.leaseGranted(9, solo: false, units: leased([0, 1])))
                == [.sendStarted(9, 1), .sendRow(0, lease: 9)]
        )
        #expect(bench.send(.fitFinished(1, rowBytes: 10)) == [.sendRow(1, lease: 9)])
    }

    @Test("Rows and fits of another run are of no use to this one")
    func otherRun() {
        let bench = makeBench()
        _ = bench.lease(1, [0, 1])
        bench.send(.fitFinished(0, rowBytes: 10))
        bench.send(.rowSent(0))
        bench.send(.linkClosed("reset"))
        #expect(
            reconnect(bench, keepsRows: false)
                == [.forgetRow(0), .offerRows([], running: [])]
        )
        // The same number means another perturbation now, whose fit waits for the old one's end.
        #expect(bench.lease(1, [1]) == [.fetch(block(1))])
        #expect(
            bench.send(.fitFinished(1, rowBytes: 10))
                == [.forgetRow(1), .sendStarted(1, 1), .startFit(1, lease: 1, block: "block 1")]
        )
        #expect(
            bench.send(.fitFinished(1, rowBytes: 10))
                == [.release("block 1"), .sendRow(1, lease: 1)]
        )
    }

    @Test("A worker without a link that is asked to stop ends")
    func terminated() {
        let bench = makeBench()
        _ = bench.lease(1, [0])
        bench.send(.linkClosed("reset"))
        #expect(bench.send(.terminateRequested) == [.exit(.finished)])
    }

    // MARK: - Work that is taken back

    @Test("What has not been started is given back, the rest is not")
    func revoked() {
        let bench = makeBench(threads: 1)
        _ = bench.lease(1, [0, 1, 2])
        #expect(
            bench.send(.revoked(1, [0, 2, 9]))
                == [.release("block 2"), .sendReturned(1, [2])]
        )
        #expect(bench.send(.revoked(1, [2])) == [], "it is gone")
        #expect(bench.send(.revoked(4, [1])) == [], "of another lease")
        #expect(bench.session.heldCount == 2)
    }

    @Test("A cancelled unit gives no row, wherever it is")
    func cancelled() {
        let bench = makeBench(threads: 2, credit: 10)
        _ = bench.lease(1, [0, 1, 2, 3])
        bench.send(.fitFinished(0, rowBytes: 10))
        bench.send(.fitFinished(1, rowBytes: 10))
        // 0 is being sent, 1 waits for credit, 2 and 3 are being fitted.
        _ = bench.lease(2, [4])
        #expect(bench.send(.cancelled(1, 0)) == [], "it is on its way")
        #expect(bench.send(.cancelled(1, 1)) == [.forgetRow(1), .sendReturned(1, [1])])
        #expect(bench.send(.cancelled(2, 4)) == [.release("block 4"), .sendReturned(2, [4])])
        #expect(bench.send(.cancelled(1, 2)) == [])
        #expect(
            bench.send(.fitFinished(2, rowBytes: 10))
                == [.release("block 2"), .forgetRow(2), .sendReturned(1, [2])]
        )
        #expect(bench.send(.cancelled(1, 3)) == [])
        #expect(
            bench.send(.fitThrew(3, reason: "no")) == [.release("block 3"), .sendReturned(1, [3])]
        )
    }

    @Test("A cancelled fit keeps nobody from leaving")
    func leavingWithoutCancelled() {
        let bench = makeBench(threads: 1)
        _ = bench.lease(1, [0])
        bench.send(.cancelled(1, 0))
        #expect(bench.send(.finishRequested).last == .exit(.finished))
    }
}
