import Foundation
import Statistics
import Testing

@Suite("Size factors from genes that every cell expresses")
struct UbiquitousGeneTests {
    @Test("need enough such genes, and use no others")
    func geometricMeans() {
        let logs = [log(2.0) + log(8.0), log(5.0), log(3.0) + log(3.0)]
        let means = SizeFactors.geometricMeansOfUbiquitous(
            logSums: logs,
            detections: [2, 1, 2],
            cellCount: 2,
            fewest: 2
        )
        #expect(means.map { isNear($0[0], 4, 1e-15, scale: 4) } ?? false)
        #expect(means?[1] == 0)
        #expect(means.map { isNear($0[2], 3, 1e-15, scale: 3) } ?? false)
        for fewest in [0, 1, 2, 3] {
            let some = SizeFactors.geometricMeansOfUbiquitous(
                logSums: [0, 0, 0],
                detections: [2, 1, 2],
                cellCount: 2,
                fewest: fewest
            )
            #expect((some == nil) == (fewest > 2))
        }
        #expect(
            SizeFactors.geometricMeansOfUbiquitous(
                logSums: [0],
                detections: [1],
                cellCount: 2,
                fewest: 0
            ) == nil
        )
    }

    @Test("are the median over those genes, NaN without any")
    func ofCell() {
        let genes: [UInt32] = [0, 1, 3, 4]
        let counts: [UInt32] = [6, 100, 2, 12]
        func factor(_ means: [Double]) -> Double {
            var ratios = [Double](repeating: 0, count: 4)
            return genes.withUnsafeBufferPointer { genes in
                counts.withUnsafeBufferPointer { counts in
                    means.withUnsafeBufferPointer { means in
                        ratios.withUnsafeMutableBufferPointer { ratios in
                            SizeFactors.ofCellSkipping(
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
        #expect(factor([2, 0, 9, 4, 3]) == 3)
        #expect(factor([2, 0, 9, 4, 0]) == 1.75)
        #expect(factor([0, 0, 9, 0, 0]).isNaN)
    }
}
