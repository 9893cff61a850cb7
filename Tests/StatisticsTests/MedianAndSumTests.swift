import Foundation
import Statistics
import Testing

@Suite("The median is that of the sorted values")
struct MedianTests {
    private func sortedMedian(_ values: [Double]) -> Double {
        let sorted = values.sorted()
        let upper = sorted[sorted.count / 2]
        return sorted.count % 2 == 1 ? upper : (sorted[sorted.count / 2 - 1] + upper) / 2
    }

    @Test("for random values, with and without ties")
    func random() {
        var random = SeededGenerator(seed: 51)
        for count in 1...300 {
            let values = (0..<count).map { _ in random.uniform(-3, 3) }
            #expect(Median.of(values) == sortedMedian(values))
            let tied = values.map { $0.rounded() }
            #expect(Median.of(tied) == sortedMedian(tied))
        }
    }

    @Test("for orders that are hard on selection")
    func patterns() {
        for count in [1, 2, 3, 4, 12, 13, 14, 15, 64, 255, 1000] {
            let ascending = (0..<count).map { Double($0) }
            let organPipe = (0..<count).map { Double(min($0, count - $0)) }
            let sawtooth = (0..<count).map { Double($0 % 7) }
            let constant = [Double](repeating: 2.5, count: count)
            for values in [ascending, ascending.reversed(), organPipe, sawtooth, constant] {
                #expect(Median.of(values) == sortedMedian(values))
            }
        }
    }

    @Test("keeps the elements and answers NaN for none")
    func elements() {
        #expect(Median.of([]).isNaN)
        var random = SeededGenerator(seed: 52)
        let values = (0..<101).map { _ in random.uniform(0, 1) }
        var reordered = values
        let median = reordered.withUnsafeMutableBufferPointer { Median.reordering($0) }
        #expect(median == sortedMedian(values))
        #expect(reordered.sorted() == values.sorted())
    }
}

@Suite("Sums are added in one fixed order")
struct FixedOrderSumsTests {
    @Test("eight partial sums, added pairwise")
    func shape() {
        var random = SeededGenerator(seed: 53)
        for count in 0..<70 {
            let values = (0..<count).map { _ in random.uniform(-1, 1) * random.logUniform(1, 1e9) }
            var lanes = [Double](repeating: 0, count: 8)
            for (index, value) in values.enumerated() { lanes[index % 8] += value }
            let four = (0..<4).map { lanes[$0] + lanes[$0 + 4] }
            let expected = (four[0] + four[2]) + (four[1] + four[3])
            #expect(FixedOrderSums.sum(values).bitPattern == expected.bitPattern)
        }
    }

    @Test("the bits are the recorded ones")
    func digest() {
        var random = SeededGenerator(seed: 54)
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for count in 0..<400 {
            let values = (0..<count).map { _ in random.uniform(-1, 1) }
            hash = (hash ^ FixedOrderSums.sum(values).bitPattern) &* 0x100_0000_01b3
        }
        #expect(hash == 133_571_062_536_233_241)
    }

    @Test("the mean divides by the number of elements")
    func mean() {
        #expect(FixedOrderSums.mean([1, 2, 6]) == 3)
        #expect(FixedOrderSums.mean([]).isNaN)
        #expect(FixedOrderSums.sum([]) == 0)
    }
}

@Suite("A group's cells are ordered by depth")
struct GroupOffsetsTests {
    @Test("deepest first, equal ones in file order")
    func order() {
        let group = GroupOffsets(sizeFactors: [1, 4, 0.25, 4, 1e-12])
        #expect(group.sizeFactors == [4, 4, 1, 0.25, 1e-8])
        #expect(group.position == [2, 0, 3, 1, 4])
        #expect(group.offsets == group.sizeFactors.map { RealFunctions.log($0) })
        #expect(group.count == 5)
    }

    @Test("running sums go from each position to the end")
    func suffixSums() {
        var random = SeededGenerator(seed: 55)
        let group = GroupOffsets(sizeFactors: (0..<33).map { _ in random.logUniform(0.1, 10) })
        for start in 0...33 {
            let offsets = group.offsets[start...].reduce(0, +)
            let squares = group.sizeFactors[start...].reduce(0) { $0 + $1 * $1 }
            #expect(isNear(group.suffixOffsetSums[start], offsets, 1e-14, scale: 33))
            #expect(isNear(group.suffixSquareSums[start], squares, 1e-14, scale: 33 * squares))
        }
    }

    @Test("the median offset is that of the sorted offsets")
    func medianOffset() {
        #expect(GroupOffsets(sizeFactors: []).medianOffset.isNaN)
        #expect(GroupOffsets(sizeFactors: [3]).medianOffset == RealFunctions.log(3))
        #expect(GroupOffsets(sizeFactors: [1, 100, 1e-3]).medianOffset == 0)
        let even = GroupOffsets(sizeFactors: [4, 1, 9, 2])
        #expect(even.medianOffset == (RealFunctions.log(2) + RealFunctions.log(4)) / 2)
    }
}

@Suite("Size factors are medians of ratios")
struct SizeFactorsTests {
    private func ofCell(_ genes: [UInt32], _ counts: [UInt32], _ means: [Double]) -> Double {
        var ratios = [Double](repeating: .nan, count: genes.count)
        return genes.withUnsafeBufferPointer { genes in
            counts.withUnsafeBufferPointer { counts in
                means.withUnsafeBufferPointer { means in
                    ratios.withUnsafeMutableBufferPointer { ratios in
                        SizeFactors.ofCell(
                            genes: genes,
                            counts: counts,
                            geometricMeans: means,
                            ratios: ratios
                        )
                    }
                }
            }
        }
    }

    @Test("a gene's geometric mean is over the cells that express it")
    func geometricMeans() {
        let means = SizeFactors.geometricMeans(
            logSums: [log(8.0) + log(2.0), 0, 0],
            detections: [2, 3, 0]
        )
        #expect(isNear(means[0], 4, 4e-16, scale: 4))
        #expect(means[1] == 1)
        #expect(means[2] == 0)
    }

    @Test("a cell's factor is the median over its expressed genes")
    func cells() {
        let means = [4.0, 1, 0, 2, 8]
        #expect(ofCell([0, 1, 3], [8, 1, 1], means) == 1)
        #expect(ofCell([0, 1, 3, 4], [8, 1, 1, 4], means) == 0.75)
        #expect(ofCell([4], [2], means) == 0.25)
        #expect(ofCell([], [], means).isNaN)
    }

    @Test("unusable factors become the median of the others")
    func completion() {
        let given: [Double] = [2, .nan, 0, 1, -3, .infinity, 8]
        #expect(SizeFactors.completed(given) == [2, 2, 2, 1, 2, 2, 8])
        #expect(SizeFactors.completed([0.5, 3]) == [0.5, 3])
        #expect(SizeFactors.completed([.nan, 0]) == [1, 1])
    }

    @Test("scaled factors have mean logarithm 0 and keep their ratios")
    func scaling() {
        var random = SeededGenerator(seed: 56)
        let factors = (0..<501).map { _ in random.logUniform(0.01, 50) }
        let scaled = SizeFactors.scaled(factors)
        let meanLog = scaled.reduce(0.0) { $0 + log($1) } / 501
        #expect(meanLog.magnitude < 1e-14)
        for (before, after) in zip(factors, scaled) {
            #expect(
                isNear(after / scaled[0], before / factors[0], 1e-15, scale: before / factors[0])
            )
        }
    }
}
