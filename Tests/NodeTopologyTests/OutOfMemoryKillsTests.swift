import NodeTopology
import Synchronization
import Testing

@Suite("Kills for want of memory")
struct OutOfMemoryKillsTests {
    private final class Counter: Sendable {
        let value = Mutex<Int?>(3)
    }

    @Test("a kill is explained by a counter that rose, once")
    func risen() {
        let counter = Counter()
        var kills = OutOfMemoryKills { counter.value.withLock { $0 } }
        #expect(kills.explain(true) == nil)
        counter.value.withLock { $0 = 4 }
        #expect(kills.explain(false) == nil, "another end is not explained by it")
        #expect(kills.explain(true)?.contains("out of memory") == true)
        #expect(kills.explain(true) == nil, "the next one needs another")
    }

    @Test("without a counter nothing is explained")
    func unknown() {
        let counter = Counter()
        counter.value.withLock { $0 = nil }
        var kills = OutOfMemoryKills { counter.value.withLock { $0 } }
        counter.value.withLock { $0 = 9 }
        #expect(kills.explain(true) == nil)
    }
}
