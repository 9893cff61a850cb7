import Foundation
import Statistics
import Testing

@Suite("Points that stand for the cells of a group")
struct OffsetNodesTests {
    private func offsets(_ count: Int, width: Double, seed: UInt64) -> [Double] {
        var random = SeededGenerator(seed: seed)
        return (0..<count).map { _ in Double.random(in: -width / 2...width / 2, using: &random) }
    }

    /// Worst relative difference between sums over points and over cells.
    private func worst(_ offsets: [Double], isExact: Bool = false) -> Double {
        var random = SeededGenerator(seed: 9)
        let nodes = OffsetNodes(sizeFactors: offsets.map { exp($0) }, isExact: isExact)
        let counts = offsets.map { _ in Double(Int.random(in: 0...4, using: &random)) }
        var nodeCounts = [Double](repeating: 0, count: nodes.count)
        var shares = [Double](repeating: 0, count: nodes.width)
        for cell in offsets.indices {
            let first = nodes.share(cell: cell, into: &shares)
            for index in 0..<nodes.width {
                nodeCounts[first + index] += counts[cell] * shares[index]
            }
        }
        var worst = 0.0
        for predictor in [-60.0, -20, -5, -2, 0, 1, 4, 30, 60] {
            for size in [0.01, 0.3, 2, 5, 100, 1e6] {
                for function in [
                    { log(exp(predictor + $0) + size) },
                    { exp(predictor + $0) / (exp(predictor + $0) + size) },
                ] as [(Double) -> Double] {
                    let values = offsets.map(function)
                    let atNodes = nodes.offsets.map(function)
                    let scale = values.reduce(0) { $0 + $1.magnitude }
                    let cells = values.reduce(0, +)
                    let points = zip(nodes.cellWeights, atNodes).reduce(0) { $0 + $1.0 * $1.1 }
                    worst = max(worst, (cells - points).magnitude / scale)
                    let weighted = zip(counts, values).reduce(0) { $0 + $1.0 * $1.1 }
                    let gathered = zip(nodeCounts, atNodes).reduce(0) { $0 + $1.0 * $1.1 }
                    worst = max(worst, (weighted - gathered).magnitude / (4 * scale))
                }
            }
        }
        return worst
    }

    @Test("sums over points are sums over cells", arguments: [0.01, 0.5, 2, 3.9, 4.1, 7, 20])
    func sums(width: Double) {
        let offsets = offsets(2000, width: width, seed: 3)
        #expect(OffsetNodes(sizeFactors: offsets.map { exp($0) }).count < 200)
        #expect(worst(offsets) < 1e-13)
    }

    @Test("few cells, equal cells and cells asked for one by one are their own points")
    func cells() {
        for offsets in [
            [], [0.3], offsets(12, width: 2, seed: 4), [Double](repeating: 1, count: 99),
        ] {
            let nodes = OffsetNodes(sizeFactors: offsets.map { exp($0) })
            #expect(nodes.areCells)
            #expect(nodes.count == offsets.count)
        }
        let many = offsets(300, width: 2, seed: 5)
        #expect(OffsetNodes(sizeFactors: many.map { exp($0) }, isExact: true).count == 300)
        #expect(worst(many, isExact: true) < 1e-14)
    }

    @Test("size factors are floored at 1e-10")
    func floor() {
        let nodes = OffsetNodes(sizeFactors: [1e-30, 1])
        #expect(nodes.sizeFactors == [1e-10, 1])
    }
}
