import RunFiles
import Testing

@Suite("Parts of the work of an array")
struct ShardPlanTests {
    @Test(
        "a part is I/N with I from 0 to N-1",
        arguments: ["0/1", "0/8", "7/8", "00/01", "99999/100000"]
    )
    func parts(text: String) throws {
        let shard = try #require(Shard(text))
        #expect((0..<shard.count).contains(shard.index))
    }

    @Test(
        "anything else is none",
        arguments: [
            "", "/", "1", "1/", "/2", "8/8", "-1/8", "+1/8", " 1/8", "1/8 ", "0/0", "1/2/3", "a/b",
            "0/100001", "1/99999999999999999999", "٣/8", "0x1/8",
        ]
    )
    func others(text: String) {
        #expect(Shard(text) == nil)
    }

    private func costs(_ count: Int, seed: UInt64) -> [Double] {
        var random = SeededGenerator(seed: seed)
        return (0..<count).map { _ in
            // A few perturbations are far larger than the rest.
            let size = Double.random(in: 1...100, using: &random)
            return Int.random(in: 0..<20, using: &random) == 0 ? size * 50 : size
        }
    }

    @Test(
        "together the parts are everything once, however many they are",
        arguments: [1, 2, 3, 7, 64, 500]
    )
    func partition(count: Int) {
        for seed in UInt64(0)..<20 {
            let costs = costs(173, seed: seed)
            let plan = ShardPlan(costs: costs, count: count)
            let all = (0..<count).flatMap { plan[$0] }
            #expect(all.sorted() == Array(0..<173))
            for part in 0..<count {
                let sizes = plan[part].map { costs[$0] }
                #expect(sizes == sizes.sorted(by: >), "the largest come first")
            }
        }
    }

    @Test("no part has more than another by more than one perturbation's work")
    func balance() {
        for seed in UInt64(0)..<50 {
            let costs = costs(200, seed: seed)
            let plan = ShardPlan(costs: costs, count: 8)
            let loads = (0..<8).map { part in plan[part].reduce(0) { $0 + costs[$1] } }
            let last = (0..<8).map { costs[plan[$0].last ?? 0] }
            for part in 0..<8 {
                #expect(loads[part] - last[part] <= loads.min() ?? 0)
            }
        }
    }

    @Test("the parts do not depend on anything but the costs")
    func deterministic() {
        let costs = [Double](repeating: 3, count: 10)
        #expect(
            (0..<3).map { ShardPlan(costs: costs, count: 3)[$0] } == [
                [0, 3, 6, 9], [1, 4, 7], [2, 5, 8],
            ]
        )
        #expect(ShardPlan(costs: [], count: 4)[2].isEmpty)
        #expect(ShardPlan(costs: [1], count: 4)[3].isEmpty)
    }
}
