import Coordinator
import Testing

@Suite("How the memory budget is shared out")
struct MemoryPlanTests {
    @Test(
        "every share is positive and together they leave room for the programs",
        arguments: [
            MemoryPlan.smallestTotal, MemoryPlan.smallestTotal + 1, 200_000_001, 1 << 30, 8 << 30,
            1 << 40,
        ]
    )
    func shares(total: Int) {
        let plan = MemoryPlan(total: total)
        let shares = [plan.blocks, plan.reading, plan.controlTile, plan.workers]
        #expect(shares.allSatisfy { $0 >= 4 << 20 })
        #expect(shares.reduce(0, +) <= total - 64 << 20)
        #expect(plan.total == total)
    }

    @Test("a budget below the smallest is not exceeded either", arguments: [0, 1, 4096, 64 << 20])
    func tiny(total: Int) {
        let plan = MemoryPlan(total: total)
        let shares = [plan.blocks, plan.reading, plan.controlTile, plan.workers]
        #expect(shares.allSatisfy { $0 >= 0 })
        #expect(shares.reduce(0, +) <= total)
    }

    @Test("more memory never makes a share smaller")
    func monotonic() {
        let plans = stride(from: 0, through: 1 << 30, by: 1 << 20).map { MemoryPlan(total: $0) }
        for (smaller, larger) in zip(plans, plans.dropFirst()) {
            #expect(smaller.blocks <= larger.blocks && smaller.workers <= larger.workers)
            #expect(
                smaller.reading <= larger.reading && smaller.controlTile <= larger.controlTile
            )
        }
    }
}
