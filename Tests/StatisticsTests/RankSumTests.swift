import Statistics
import Testing

/// Ranks by their definition: every pair is compared.
private struct DirectRankSum {
    var doubledU = 0
    var tieSum = 0
    /// Sum of the perturbation's midranks among all cells.
    var rankSum = 0.0

    init(control: [Double], perturbed: [Double]) {
        for value in perturbed {
            for other in control {
                doubledU += value > other ? 2 : value == other ? 1 : 0
            }
        }
        let all = control + perturbed
        for value in perturbed {
            let below = all.count { $0 < value }
            let equal = all.count { $0 == value }
            rankSum += Double(below) + Double(equal + 1) / 2
        }
        for value in Set(all) {
            let ties = all.count { $0 == value }
            tieSum += ties * ties * ties - ties
        }
    }
}

@Suite("Rank sums")
struct RankSumTests {
    private static func sortedKeys<Value: RankedValue>(_ values: [Value]) -> [Value.Key] {
        values.filter { $0 != 0 }.map(\.rankKey).sorted()
    }

    private static func counts<Value: RankedValue>(
        _ control: [Value],
        _ perturbed: [Value],
        _ search: RankCounts.Search?
    ) -> RankCounts {
        let keys = sortedKeys(control)
        let own = sortedKeys(perturbed)
        var room = own
        return keys.withUnsafeBufferPointer { keys in
            own.withUnsafeBufferPointer { own in
                room.withUnsafeMutableBufferPointer { room in
                    RankCounts(
                        control: .init(
                            keys: keys,
                            negatives: control.count { $0 < 0 },
                            zeros: control.count { $0 == 0 },
                            tieSum: RankCounts.tieSum(ofSorted: keys)
                        ),
                        sorted: own,
                        zeros: perturbed.count { $0 == 0 },
                        zeroKey: Value.zeroKey,
                        scratch: room,
                        search: search
                    )
                }
            }
        }
    }

    private func expectDirect(_ control: [Double], _ perturbed: [Double]) {
        let direct = DirectRankSum(control: control, perturbed: perturbed)
        let expected = RankCounts(doubledU: direct.doubledU, tieSum: UInt128(direct.tieSum))
        for search in [nil] + RankCounts.Search.allCases.map(Optional.init) {
            #expect(Self.counts(control, perturbed, search) == expected)
            // The values drawn are exact in single precision.
            #expect(
                Self.counts(control.map { Float($0) }, perturbed.map { Float($0) }, search)
                    == expected
            )
        }
        let test = RankSumTest(
            counts: expected,
            controlCells: control.count,
            perturbedCells: perturbed.count,
            correctsTies: true
        )
        let (first, second) = (Double(perturbed.count), Double(control.count))
        #expect(test.u == direct.rankSum - first * (first + 1) / 2)
        #expect(test.effect == test.u / (first * second) - 0.5)
        let cells = first + second
        let correction = 1 - Double(direct.tieSum) / (cells * cells * cells - cells)
        let deviation = (correction * first * second * (cells + 1) / 12).squareRoot()
        let z = deviation > 0 ? (direct.rankSum - first * (cells + 1) / 2) / deviation : 0
        #expect(test.z == z)
        #expect(test.pValue == (deviation > 0 ? NormalDistribution.twoSidedPValue(z: z) : 1))
    }

    @Test("counts are those of all pairs, with ties, zeros and negative values")
    func allPairs() {
        var random = SeededGenerator(seed: 71)
        for round in 0..<400 {
            let levels = [1.0, 3, 12, 1e6][round % 4]
            let low = round % 3 == 0 ? -levels / 2 : 0
            let zeros = [0, 0.5, 0.95][(round / 4) % 3]
            func draw(_ count: Int) -> [Double] {
                (0..<count).map { _ in
                    if random.uniform(0, 1) < zeros { return 0 }
                    return random.uniform(low, low + levels).rounded(.up) / 4
                }
            }
            expectDirect(draw(1 + round % 61), draw(1 + round % 17))
        }
    }

    @Test("a gene with one value everywhere says nothing")
    func constant() {
        for value in [0, 2, -1.5] {
            expectDirect([value, value, value], [value, value])
            expectDirect([value], [value])
        }
        expectDirect([1], [2])
        expectDirect([0, 0, 0], [1, 2, 2])
        expectDirect([3, 0, 4, 4], [0])
        expectDirect([-1, -1], [0, 0, 0])
    }

    @Test("U and z are SciPy's")
    func published() {
        // scipy.stats.mannwhitneyu(x, y, use_continuity=False, method="asymptotic"), SciPy 1.17.1.
        let x = [0, 0, 1.5, 2, 2, 7.25]
        let y = [0, 0, 0, 0.5, 1.5, 1.5, 2, 3, 0]
        let test = RankSumTest(
            counts: Self.counts(y, x, nil),
            controlCells: y.count,
            perturbedCells: x.count,
            correctsTies: true
        )
        #expect(test.u == 34.0)
        #expect(isNear(test.pValue, 0.390572531449209, 1e-14, scale: 0.390572531449209))
    }

    @Test("without tie correction the variance is that of distinct values")
    func uncorrected() {
        let counts = RankCounts(doubledU: 40, tieSum: 500)
        let test = RankSumTest(
            counts: counts,
            controlCells: 10,
            perturbedCells: 5,
            correctsTies: false
        )
        let variance = 5.0 * 10 * 16 / 12
        #expect(test.z == -5 / variance.squareRoot())
    }

    @Test("a million tied cells do not overflow")
    func large() {
        let counts = RankCounts(
            control: .init(
                keys: UnsafeBufferPointer<UInt32>(start: nil, count: 0),
                negatives: 0,
                zeros: 3_000_000,
                tieSum: 0
            ),
            sorted: UnsafeBufferPointer(start: nil, count: 0),
            zeros: 2_000_000,
            zeroKey: Float.zeroKey,
            scratch: UnsafeMutableBufferPointer(start: nil, count: 0)
        )
        #expect(counts.doubledU == 6_000_000_000_000)
        #expect(counts.tieSum == 124_999_999_999_995_000_000)
        let test = RankSumTest(
            counts: counts,
            controlCells: 3_000_000,
            perturbedCells: 2_000_000,
            correctsTies: true
        )
        #expect(test.z == 0 && test.pValue == 1 && test.u == 3e12)
        var almost = counts
        almost.doubledU += 2
        almost.tieSum -= 5_000_000 * 5_000_000
        let other = RankSumTest(
            counts: almost,
            controlCells: 3_000_000,
            perturbedCells: 2_000_000,
            correctsTies: true
        )
        #expect(other.z > 0 && other.z.isFinite)
    }
}

@Suite("Keys of values")
struct KeyTests {
    @Test("keys have the order of the values")
    func order() {
        let values: [Double] = [
            -.infinity, -1e300, -2, -1, -0x1p-1074, 0x1p-1074, 1e-300, 0.5, 1, 3, .infinity,
        ]
        for (low, high) in zip(values, values.dropFirst()) { #expect(low.rankKey < high.rankKey) }
        #expect(values.allSatisfy { ($0.rankKey > Double.zeroKey) == ($0 > 0) })
        let singles: [Float] = [-.infinity, -3, -0x1p-149, 0x1p-149, 0.25, 7, .infinity]
        for (low, high) in zip(singles, singles.dropFirst()) {
            #expect(low.rankKey < high.rankKey)
        }
        #expect(singles.allSatisfy { ($0.rankKey > Float.zeroKey) == ($0 > 0) })
        #expect(Float(0).rankKey == Float.zeroKey && Double(0).rankKey == Double.zeroKey)
    }

    @Test(
        "sorting gives the standard library's order",
        arguments: [0, 1, 2, 19, 20, 21, 40, 41, 127, 128, 129, 255, 256, 300, 5000]
    )
    func sorting(_ count: Int) {
        var random = SeededGenerator(seed: UInt64(count))
        for mask: UInt64 in [.max, 0xF0F, 0xFF00_0000_0000, 0, 0x8000_0000_8000_0001] {
            check((0..<count).map { _ in random.next() & mask })
            check((0..<count).map { _ in UInt32(truncatingIfNeeded: random.next() & mask) })
        }
        check((0..<count).map { UInt32($0) })
        check((0..<count).map { UInt64(count - $0) })
    }

    private func check<Key: RankKey>(_ keys: [Key]) {
        var sorted = keys
        var scratch = keys
        sorted.withUnsafeMutableBufferPointer { sorted in
            scratch.withUnsafeMutableBufferPointer { KeySort.sort(sorted, scratch: $0) }
        }
        #expect(sorted == keys.sorted())
    }
}

@Suite("Fold changes of means")
struct MeanFoldChangeTests {
    @Test("in single precision every step is rounded")
    func single() {
        let (perturbed, control): (Float, Float) = (0.8125, 0.25)
        let level = MeanFoldChange.level(ofMean: perturbed)
        #expect(level == Float(1.2535347872132085) + 1e-9)
        let found = MeanFoldChange.log2Ratio(level, MeanFoldChange.level(ofMean: control))
        // log2((e^0.8125 - 1) / (e^0.25 - 1))
        #expect((found - 2.1419101).magnitude < 5e-7)
        #expect(MeanFoldChange.log2Ratio(level, level) == 0)
    }

    @Test("a gene without expression in a group has a finite fold change")
    func silent() {
        let none = MeanFoldChange.level(ofMean: 0.0)
        #expect(none == 1e-9)
        let some = MeanFoldChange.level(ofMean: 1.0)
        #expect(isNear(MeanFoldChange.log2Ratio(none, some), -30.678319538, 1e-9, scale: 1))
    }
}
