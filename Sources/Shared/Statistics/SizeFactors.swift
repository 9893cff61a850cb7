/// Median-of-ratios size factors from nonzero counts (docs/numbers.md, E8; after Anders & Huber 2010).
package enum SizeFactors {
    /// Geometric means of each gene's nonzero counts.
    ///
    /// - Parameters:
    ///   - logSums: Σ ln Y over the nonzeros of each gene; shape `[genes]`.
    ///   - detections: Number of nonzeros of each gene; shape `[genes]`.
    /// - Returns: Means at least 1, or 0 where a gene was never seen; shape `[genes]`.
    package static func geometricMeans(logSums: [Double], detections: [Double]) -> [Double] {
        zip(logSums, detections).map { sum, count in
            count > 0 ? RealFunctions.exp(sum / count) : 0
        }
    }

    /// The size factor of one cell: the median of its counts over the genes' geometric means.
    ///
    /// - Parameters:
    ///   - genes: Genes with nonzero counts; shape `[nonzeros]`.
    ///   - counts: Their counts; shape `[nonzeros]`.
    ///   - geometricMeans: As ``geometricMeans(logSums:detections:)`` gives them.
    ///   - ratios: Scratch of at least `nonzeros` elements.
    /// - Returns: The median; NaN for a cell without counts.
    package static func ofCell(
        genes: UnsafeBufferPointer<UInt32>,
        counts: UnsafeBufferPointer<UInt32>,
        geometricMeans: UnsafeBufferPointer<Double>,
        ratios: UnsafeMutableBufferPointer<Double>
    ) -> Double {
        for index in 0..<genes.count {
            // A counted gene has a geometric mean of at least 1.
            ratios[index] = Double(counts[index]) / geometricMeans[Int(genes[index])]
        }
        return Median.reordering(UnsafeMutableBufferPointer(rebasing: ratios[..<genes.count]))
    }

    /// Geometric means of the genes that every cell expresses.
    ///
    /// - Parameters:
    ///   - logSums: Σ ln Y over the nonzeros of each gene; shape `[genes]`.
    ///   - detections: Number of nonzeros of each gene; shape `[genes]`.
    ///   - cellCount: Number of cells.
    ///   - fewest: How many such genes are needed.
    /// - Returns: Means at least 1, 0 for every other gene; nil when there are fewer than `fewest`.
    package static func geometricMeansOfUbiquitous(
        logSums: [Double],
        detections: [Double],
        cellCount: Int,
        fewest: Int
    ) -> [Double]? {
        let everywhere = detections.count { $0 == Double(cellCount) }
        guard everywhere > 0, everywhere >= fewest else { return nil }
        return zip(logSums, detections).map { sum, count in
            count == Double(cellCount) ? RealFunctions.exp(sum / count) : 0
        }
    }

    /// The size factor of one cell from the genes that have a geometric mean.
    ///
    /// - Parameters:
    ///   - genes: Genes with nonzero counts; shape `[nonzeros]`.
    ///   - counts: Their counts; shape `[nonzeros]`.
    ///   - geometricMeans: Of each gene; 0 leaves a gene out; shape `[genes]`.
    ///   - ratios: Scratch of at least `nonzeros` elements.
    /// - Returns: The median; NaN for a cell without counts of these genes.
    package static func ofCellSkipping(
        genes: UnsafeBufferPointer<UInt32>,
        counts: UnsafeBufferPointer<UInt32>,
        geometricMeans: UnsafeBufferPointer<Double>,
        ratios: UnsafeMutableBufferPointer<Double>
    ) -> Double {
        var kept = 0
        for index in 0..<genes.count {
            let mean = geometricMeans[Int(genes[index])]
            ratios[kept] = Double(counts[index]) / mean
            kept += mean > 0 ? 1 : 0
        }
        return Median.reordering(UnsafeMutableBufferPointer(rebasing: ratios[..<kept]))
    }

    /// Replaces size factors that are not finite and positive by the median of the others.
    ///
    /// - Returns: The completed factors; all ones when none is valid.
    package static func completed(_ sizeFactors: [Double]) -> [Double] {
        let valid = sizeFactors.filter { $0.isFinite && $0 > 0 }
        guard valid.count < sizeFactors.count else { return sizeFactors }
        guard !valid.isEmpty else { return [Double](repeating: 1, count: sizeFactors.count) }
        let median = Median.of(valid)
        return sizeFactors.map { $0.isFinite && $0 > 0 ? $0 : median }
    }

    /// Divides by the geometric mean, so that the factors' logarithms have mean 0.
    package static func scaled(_ sizeFactors: [Double]) -> [Double] {
        let logs = sizeFactors.map { RealFunctions.log(max($0, 1e-12)) }
        let geometricMean = RealFunctions.exp(FixedOrderSums.mean(logs))
        return sizeFactors.map { $0 / geometricMean }
    }
}
