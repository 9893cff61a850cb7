import ChildProcesses
import Coordinator
import Scheduling
import Testing

@Suite("When workers of other machines are started")
struct HostStartsTests {
    private func seconds(_ seconds: Double) -> Instant {
        Instant(nanoseconds: UInt64(seconds * 1e9))
    }

    @Test("all machines are started, a bounded number at once, none twice")
    func pacing() {
        var starts = HostStarts(hostCount: 40, now: seconds(5))
        #expect(starts.due(now: seconds(4)).isEmpty)
        #expect(starts.due(now: seconds(5)) == Array(0..<16))
        #expect(starts.due(now: seconds(5)) == Array(16..<32))
        #expect(starts.due(now: seconds(5)) == Array(32..<40))
        #expect(starts.due(now: seconds(9)).isEmpty)
        #expect(!starts.isOver)
    }

    @Test("a machine that fails is tried again ever later, five times at most")
    func failures() {
        var starts = HostStarts(hostCount: 1, now: .zero)
        var now = 0.0
        for pause in [2.0, 4, 8, 16] {
            #expect(starts.due(now: seconds(now)) == [0])
            now += 1
            #expect(
                starts.ended(0, .exited(code: 255), now: seconds(now))
                    == .again(afterSeconds: pause)
            )
            #expect(starts.due(now: seconds(now + pause - 0.1)).isEmpty)
            now += pause
        }
        #expect(starts.due(now: seconds(now)) == [0])
        guard case .givenUp = starts.ended(0, .exited(code: 255), now: seconds(now + 1)) else {
            Issue.record("not given up")
            return
        }
        #expect(starts.isOver)
        #expect(starts.due(now: seconds(1e6)).isEmpty)
    }

    @Test("a worker that lived long starts the count anew, but not for ever")
    func longLives() {
        var starts = HostStarts(hostCount: 1, now: .zero)
        var now = 0.0
        var count = 0
        while starts.due(now: seconds(now)) == [0], count < 1000 {
            count += 1
            now += 100
            _ = starts.ended(0, .signalled(number: 9, coreDumped: false), now: seconds(now))
            now += 2
        }
        #expect(count == HostStarts.mostStarts)
        #expect(starts.isOver)
    }

    @Test("what another attempt cannot mend is given up at once", arguments: [126, 127, 64, 77])
    func final(code: Int32) {
        var starts = HostStarts(hostCount: 2, now: .zero)
        _ = starts.due(now: .zero)
        guard case .givenUp = starts.ended(0, .exited(code: code), now: seconds(1)) else {
            Issue.record("not given up")
            return
        }
        #expect(!starts.isOver, "the other still runs")
        #expect(starts.ended(1, .exited(code: 0), now: seconds(1)) == .left)
        #expect(starts.isOver)
    }
}
