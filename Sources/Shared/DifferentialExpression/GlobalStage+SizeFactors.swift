import CountBlocks
import Statistics

extension GlobalStage {
    /// Size factors by file row, completed and scaled over the labelled cells; NaN elsewhere.
    func sizeFactors(_ userGiven: [Double]?) throws(CountBlockError) -> [Double] {
        let labelled = screen.labelledCells
        let raw: [Double]
        if let userGiven {
            raw = userGiven
        } else if options.sizeFactorScope == .perComparison {
            // Each comparison estimates its own. What the published package uses of the global ones
            // is 1 then.
            var byRow = [Double](repeating: .nan, count: screen.groupOfCell.count)
            for row in labelled { byRow[row] = 1 }
            return byRow
        } else {
            raw = try estimateSizeFactors()
        }
        var factors = SizeFactors.completed(labelled.map { raw[$0] })
        if options.scaleSizeFactors { factors = SizeFactors.scaled(factors) }
        var byRow = [Double](repeating: .nan, count: screen.groupOfCell.count)
        for (index, row) in labelled.enumerated() { byRow[row] = factors[index] }
        return byRow
    }

    private func estimateSizeFactors() throws(CountBlockError) -> [Double] {
        let genes = screen.geneCount
        let logs = LogTable()
        let sums = try sweep.sums(over: screen.summationOrder, fields: 2) { segment, sums in
            for index in 0..<segment.genes.count {
                let gene = Int(segment.genes[index])
                sums[gene] += logs.log(segment.counts[index])
                sums[genes + gene] += 1
            }
        }
        let means = geometricMeans(
            logSums: Array(sums[..<genes]),
            detections: Array(sums[genes...])
        )
        let result = SharedDoubles(count: screen.groupOfCell.count, value: .nan)
        let geneCount = screen.geneCount
        _ = try sweep.sums(over: screen.summationOrder, fields: 0) { segment, _ in
            withUnsafeTemporaryAllocation(of: Double.self, capacity: geneCount) { ratios in
                for cell in 0..<segment.rows.count {
                    let range = segment.starts[cell]..<segment.starts[cell + 1]
                    result.values[Int(segment.rows[cell])] = means.withUnsafeBufferPointer {
                        SizeFactors.ofCellSkipping(
                            genes: UnsafeBufferPointer(rebasing: segment.genes[range]),
                            counts: UnsafeBufferPointer(rebasing: segment.counts[range]),
                            geometricMeans: $0,
                            ratios: ratios
                        )
                    }
                }
            }
        }
        return result.array
    }

    /// Fewest genes that every cell expresses for size factors to be estimated from those alone.
    private static let fewestUbiquitous = 10

    private func geometricMeans(logSums: [Double], detections: [Double]) -> [Double] {
        if options.sizeFactorSource == .deseq2,
            let means = SizeFactors.geometricMeansOfUbiquitous(
                logSums: logSums,
                detections: detections,
                cellCount: screen.labelledCells.count,
                fewest: Self.fewestUbiquitous
            )
        {
            return means
        }
        return SizeFactors.geometricMeans(logSums: logSums, detections: detections)
    }

    /// What full-design fits need of the control: how often and how much a gene is expressed.
    func fullDesignCache() throws(CountBlockError) -> ControlCache {
        let genes = screen.geneCount
        let sums = try sweep.sums(over: [screen.controlGroup], fields: 2) { segment, sums in
            for index in 0..<segment.genes.count {
                let gene = Int(segment.genes[index])
                sums[gene] += Double(segment.counts[index])
                sums[genes + gene] += 1
            }
        }
        var cache = ControlCache(geneCount: genes)
        cache.controlCells = screen.controlCells.count
        cache[.controlCountSum] = Array(sums[..<genes])
        cache[.controlExpressing] = Array(sums[genes...])
        return cache
    }
}

/// Natural logarithms of small counts, computed once.
struct LogTable: Sendable {
    private let small: [Double]

    init() {
        small = (0..<256).map { RealFunctions.log(Double($0)) }
    }

    @inline(__always)
    func log(_ count: UInt32) -> Double {
        count < 256 ? small[Int(count)] : RealFunctions.log(Double(count))
    }
}

/// One value per cell, each written by the one thread that has the cell's segment.
///
/// `@unchecked`: a cell lies in exactly one segment and a segment is handled by one thread; readers
/// come after the barrier that ends the pass.
private final class SharedDoubles: @unchecked Sendable {
    let values: UnsafeMutableBufferPointer<Double>

    init(count: Int, value: Double) {
        values = .allocate(capacity: count)
        values.initialize(repeating: value)
    }

    deinit { values.deallocate() }

    var array: [Double] { Array(values) }
}
