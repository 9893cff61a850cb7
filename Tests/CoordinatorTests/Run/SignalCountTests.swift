import ChildProcesses
import Coordinator
import Scheduling
import Testing

@Suite("What a further signal means")
struct SignalCountTests {
    private func at(_ milliseconds: Double) -> Instant {
        Instant(nanoseconds: UInt64(milliseconds * 1e6) + 5_000_000_000)
    }

    @Test("the first one stops, its echo is nothing, a later one leaves")
    func sequence() {
        var count = SignalCount()
        #expect(count.arrived(.terminate, now: at(0)) == .stop)
        #expect(count.arrived(.terminate, now: at(1)) == .ignore)
        #expect(count.arrived(.terminate, now: at(999)) == .ignore)
        #expect(count.arrived(.terminate, now: at(1000)) == .leave)
        #expect(count.arrived(.terminate, now: at(1001)) == .leave)
    }

    @Test("another signal leaves, however soon", arguments: WatchedSignal.allCases)
    func other(first: WatchedSignal) {
        for second in WatchedSignal.allCases {
            var count = SignalCount()
            #expect(count.arrived(first, now: at(0)) == .stop)
            #expect(count.arrived(second, now: at(1)) == (first == second ? .ignore : .leave))
        }
    }
}
