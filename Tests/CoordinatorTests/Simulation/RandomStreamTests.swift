import Coordinator
import Testing

@Suite("Random numbers of simulated screens")
struct RandomStreamTests {
    @Test("the bits are those of SplitMix64")
    func knownNumbers() {
        // First outputs of the generator with state 1234567, as widely published for checks.
        let expected: [UInt64] = [
            6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423,
            4_593_380_528_125_082_431, 16_408_922_859_458_223_821,
        ]
        let bits = (0..<5).map { RandomStream.bits(key: 1_234_567, position: $0) }
        #expect(bits == expected)
    }

    @Test("streams of other seeds or purposes have nothing in common")
    func independence() {
        var seen: Set<UInt64> = []
        for seed in 0..<20 as Range<UInt64> {
            for purpose in 0..<20 as Range<UInt64> {
                var stream = RandomStream(seed: seed, purpose: purpose)
                for _ in 0..<20 { seen.insert(stream.next()) }
            }
        }
        #expect(seen.count == 8000)
    }

    @Test("whole numbers are uniform below their bound")
    func wholeNumbers() {
        var stream = RandomStream(seed: 5, purpose: 0)
        var counts = [Int](repeating: 0, count: 7)
        for _ in 0..<70_000 { counts[stream.below(7)] += 1 }
        // Four standard deviations of a binomial count.
        #expect(counts.allSatisfy { abs($0 - 10_000) < 371 })
        #expect((0..<100).allSatisfy { _ in stream.below(1) == 0 })
    }

    @Test("normal numbers have the moments of the normal distribution")
    func normalNumbers() {
        var stream = RandomStream(seed: 6, purpose: 0)
        let count = 100_000
        var moments = [Double](repeating: 0, count: 4)
        for _ in 0..<count {
            let value = stream.normal()
            var power = 1.0
            for order in 0..<4 {
                power *= value
                moments[order] += power / Double(count)
            }
        }
        // Four standard deviations of each sample moment: √(1, 2, 15, 96) / √count.
        let bounds = [1.0, 2, 15, 96].map { 4 * ($0 / Double(count)).squareRoot() }
        for (moment, (expected, bound)) in zip(moments, zip([0.0, 1, 0, 3], bounds)) {
            #expect(abs(moment - expected) < bound)
        }
    }

    @Test("shuffling keeps every element and moves them all over")
    func shuffling() {
        var stream = RandomStream(seed: 7, purpose: 0)
        var sumAtFront = 0
        for _ in 0..<2000 {
            var elements = Array(0..<9)
            stream.shuffle(&elements)
            #expect(elements.sorted() == Array(0..<9))
            sumAtFront += elements[0]
        }
        // Mean 4, standard deviation 2.58 / √2000.
        #expect(abs(Double(sumAtFront) / 2000 - 4) < 0.24)
    }
}
