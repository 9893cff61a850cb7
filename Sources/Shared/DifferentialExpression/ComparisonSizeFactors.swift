import CountBlocks
import Statistics

/// Size factors of one comparison, estimated from its cells alone.
///
/// From the genes that every cell expresses, or, where they are fewer than five, from each cell's
/// nonzeros; always scaled to geometric mean 1 (docs/numbers.md, E17).
///
/// `@unchecked`: each control cell is written by the one thread that has its segment; readers come
/// after the barrier that ends the phase.
final class ComparisonSizeFactors: @unchecked Sendable {
    private static let fewestUbiquitous = 5
    private let geometricMeans: [Double]
    private let controlFactors: UnsafeMutableBufferPointer<Double>
    /// Factors of the control cells in file order, after ``finish()``.
    private(set) var control: [Double] = []
    /// Factors of the perturbation's cells in file order, after ``finish()``.
    private(set) var perturbed: [Double]

    /// Prepares the geometric means and estimates the perturbation's cells.
    ///
    /// - Parameters:
    ///   - logSums: Σ ln Y of each gene over the comparison; shape `[genes]`.
    ///   - detections: Nonzeros of each gene in the comparison; shape `[genes]`.
    ///   - controlCells: Number of control cells.
    ///   - perturbedSegments: The perturbation's cells.
    init(
        logSums: [Double],
        detections: [Double],
        controlCells: Int,
        perturbedSegments: [DecodedSegment]
    ) {
        let perturbedCells = perturbedSegments.reduce(0) { $0 + $1.cellCount }
        geometricMeans =
            SizeFactors.geometricMeansOfUbiquitous(
                logSums: logSums,
                detections: detections,
                cellCount: controlCells + perturbedCells,
                fewest: Self.fewestUbiquitous
            ) ?? SizeFactors.geometricMeans(logSums: logSums, detections: detections)
        controlFactors = .allocate(capacity: controlCells)
        controlFactors.initialize(repeating: .nan)
        perturbed = []
        var estimates: [Double] = []
        for segment in perturbedSegments { estimate(segment) { estimates.append($1) } }
        perturbed = estimates
    }

    deinit { controlFactors.deallocate() }

    /// Estimates some control cells.
    func estimate(_ segment: DecodedSegment, firstCell: Int) {
        estimate(segment) { cell, factor in controlFactors[firstCell + cell] = factor }
    }

    /// Completes and scales the factors, once every control cell has been estimated.
    func finish() {
        let all = SizeFactors.scaled(SizeFactors.completed(Array(controlFactors) + perturbed))
        control = Array(all[..<controlFactors.count])
        perturbed = Array(all[controlFactors.count...])
    }

    private func estimate(_ segment: DecodedSegment, _ body: (Int, Double) -> Void) {
        withUnsafeTemporaryAllocation(of: Double.self, capacity: geometricMeans.count) { ratios in
            geometricMeans.withUnsafeBufferPointer { means in
                segment.withCells { cells in
                    for cell in 0..<cells.cellCount {
                        let factor = SizeFactors.ofCellSkipping(
                            genes: cells.genes(ofCell: cell),
                            counts: cells.counts(ofCell: cell),
                            geometricMeans: means,
                            ratios: ratios
                        )
                        body(cell, factor)
                    }
                }
            }
        }
    }
}
