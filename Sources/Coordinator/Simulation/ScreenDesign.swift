/// What a simulated screen should be like.
package struct ScreenDesign: Equatable, Sendable {
    /// Number of perturbations; each knocks down one gene and is named after it.
    package var perturbations = 100
    /// Number of genes.
    package var genes = 4_000
    /// Mean number of cells of a perturbation.
    package var cellsPerPerturbation = 168.0
    /// Standard deviation of the natural logarithm of that number.
    package var cellsLogDeviation = 0.0
    /// Number of control cells; nil for ten times ``cellsPerPerturbation``.
    package var controlCells: Int?
    /// Start of all random numbers.
    package var seed: UInt64 = 1
    /// Mean number of counts of a cell, before effects.
    package var depth = 5_000.0
    /// Standard deviation of the natural logarithm of a cell's size factor; their mean is 1.
    package var sizeFactorLogDeviation = 0.35
    /// Standard deviation of the natural logarithm of the genes' means.
    package var geneMeanLogDeviation = 1.4
    /// Dispersion that genes of high mean approach: a0 in α = a0 + a1 / mean.
    package var dispersionFloor = 0.1
    /// How dispersion grows for genes of low mean: a1 in α = a0 + a1 / mean.
    package var dispersionSlope = 0.2
    /// Standard deviation of the natural logarithm of a dispersion around this trend.
    package var dispersionLogDeviation = 0.2
    /// Number of batches, to which cells belong at random.
    package var batches = 1
    /// Standard deviation of the natural logarithm of a gene's factor in a batch.
    package var batchLogDeviation = 0.1
    /// Number of further genes that each perturbation changes.
    package var effects = 25
    /// Standard deviation of their log2 fold changes; the mean is 0.
    package var effectDeviation = 1.0
    /// Log2 fold change of a perturbation's own gene.
    package var knockdown = -2.0
    /// Whether cells lie in random order instead of group by group.
    package var isShuffled = true

    /// The label of the control cells.
    package static let controlLabel = "control"
    /// The most cells or genes that a screen may have.
    static let largestCount = 100_000_000

    /// The default design: 100 perturbations, 4,000 genes and 18,480 cells.
    package init() {}

    /// Number of control cells.
    var controlCellCount: Int {
        controlCells ?? max(1, Int((10 * cellsPerPerturbation).rounded()))
    }

    /// What is impossible about the design, in one sentence; nil when it can be drawn.
    package var problem: String? {
        let counts: [(String, Int, ClosedRange<Int>)] = [
            ("perturbations", perturbations, 1...1_000_000),
            ("genes", genes, 2...1_000_000),
            ("control cells", controlCells ?? 1, 1...Self.largestCount),
            ("batches", batches, 1...10_000),
            ("effects", effects, 0...max(0, genes - 1)),
        ]
        for (name, value, range) in counts where !range.contains(value) {
            return "the number of \(name) must be from \(range.lowerBound) to "
                + "\(range.upperBound), not \(value)"
        }
        guard perturbations <= genes else {
            return "each perturbation knocks down another gene, so there cannot be "
                + "\(perturbations) perturbations and only \(genes) genes"
        }
        let numbers: [(String, Double, ClosedRange<Double>)] = [
            ("cells per perturbation", cellsPerPerturbation, 1...1e7),
            ("depth", depth, 1...1e9),
            ("knock-down", knockdown, -20...20),
            ("standard deviation of the cells", cellsLogDeviation, 0...3),
            ("standard deviation of the size factors", sizeFactorLogDeviation, 0...3),
            ("standard deviation of the gene means", geneMeanLogDeviation, 0...5),
            ("standard deviation of the batches", batchLogDeviation, 0...3),
            ("standard deviation of the effects", effectDeviation, 0...5),
            ("standard deviation of the dispersions", dispersionLogDeviation, 0...3),
            ("floor of the dispersion", dispersionFloor, 0...100),
            ("slope of the dispersion", dispersionSlope, 0...100),
        ]
        for (name, value, range) in numbers where !range.contains(value) {
            return "the \(name) must be from \(range.lowerBound) to \(range.upperBound), "
                + "not \(value)"
        }
        let cells = Double(perturbations) * cellsPerPerturbation + Double(controlCellCount)
        guard cells <= Double(Self.largestCount) else {
            return "the screen would have more than \(Self.largestCount) cells"
        }
        return nil
    }
}
