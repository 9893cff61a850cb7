import Coordinator
import Testing

@Suite("Ranking effects")
struct EffectRankingTests {
    /// Few distinct strengths, so that there are many ties, and pairs that were not tested.
    private func strengths(_ count: Int, seed: UInt64) -> [Double] {
        var state = seed
        return (0..<count).map { _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let draw = Int(state >> 33) % 9
            return draw == 0 ? .nan : draw == 1 ? .infinity : Double(draw) / 2
        }
    }

    @Test("any number of the strongest is the head of the whole order", arguments: 0..<20)
    func selection(seed: Int) {
        let strengths = strengths(1 + seed * 17, seed: UInt64(seed))
        // The place of each pair, by counting those before it.
        var whole = [Int](repeating: -1, count: strengths.count)
        for (index, strength) in strengths.enumerated() {
            let before = strengths.indices.filter { other in
                let its = strengths[other]
                if strength.isNaN || its.isNaN {
                    return strength.isNaN && (!its.isNaN || other < index)
                }
                return its > strength || (its == strength && other < index)
            }
            whole[before.count] = index
        }
        let tested = whole.filter { !strengths[$0].isNaN }
        #expect(EffectRanking.positions(strengths, top: nil) == whole)
        for top in [0, 1, 2, 3, 10, 50, strengths.count, 1000, 1001, 5000] {
            #expect(
                EffectRanking.positions(strengths, top: top) == Array(tested.prefix(top)),
                "top \(top)"
            )
            #expect(
                EffectRanking.inFileOrder(strengths, top: top) == Array(tested.sorted().prefix(top))
            )
        }
        #expect(EffectRanking.inFileOrder(strengths, top: nil) == Array(strengths.indices))
    }
}
