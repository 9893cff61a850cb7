package import Statistics

/// Everything that decides the numbers of a run, and nothing that does not.
///
/// One value drives the command line, the wire, the fingerprint and the result's `uns`.
package struct AnalysisOptions: Equatable, Sendable, Codable {
    /// The test applied to every (perturbation, gene) pair.
    package enum Method: String, Sendable, CaseIterable, Codable {
        /// Negative binomial generalised linear model with a Wald test.
        case nbGLM = "nb_glm"
    }

    /// The unit of reported fold changes.
    package enum FoldChangeBase: String, Sendable, CaseIterable, Codable {
        /// log2.
        case log2
        /// Natural logarithm.
        case ln
    }

    /// Where size factors come from.
    package enum SizeFactorSource: String, Sendable, Codable {
        /// Median of ratios over nonzero counts.
        case sparse
        /// Values the user gave, one per cell of the file.
        case user
    }

    /// The test.
    package var method: Method
    /// The version of the Python package whose numbers are reproduced.
    package var compatibility: String
    /// Column of `obs` that names each cell's perturbation.
    package var perturbationColumn: String
    /// Label of the control cells.
    package var controlLabel: String
    /// The low-expression filter.
    package var filter: ExpressionFilter
    /// Floor of fitted means, counts.
    package var minimumMean: Double
    /// Largest number of iterations of a fit.
    package var maximumIterations: Int
    /// Convergence threshold of coefficients, natural log.
    package var tolerance: Double
    /// Multiple-testing correction within a perturbation.
    package var correction: MultipleTesting.Method
    /// Unit of the reported fold changes.
    package var foldChangeBase: FoldChangeBase
    /// Where size factors come from.
    package var sizeFactorSource: SizeFactorSource
    /// Whether size factors are divided by their geometric mean.
    package var scaleSizeFactors: Bool

    /// The published package's defaults.
    ///
    /// - Parameters:
    ///   - perturbationColumn: Column of `obs` that names each cell's perturbation.
    ///   - controlLabel: Label of the control cells.
    package init(perturbationColumn: String, controlLabel: String) {
        method = .nbGLM
        compatibility = "crispyx-0.0.4"
        self.perturbationColumn = perturbationColumn
        self.controlLabel = controlLabel
        filter = ExpressionFilter()
        minimumMean = 0.5
        maximumIterations = 25
        tolerance = 1e-6
        correction = .benjaminiHochberg
        foldChangeBase = .log2
        sizeFactorSource = .sparse
        scaleSizeFactors = true
    }
}

/// Thresholds below which a gene is not tested in a perturbation (docs/numbers.md, E7).
package struct ExpressionFilter: Equatable, Sendable, Codable {
    /// Smallest number of expressing cells in control and perturbation together.
    package var minimumCellsExpressed = 0
    /// Smallest share of control cells that express the gene.
    package var minimumShareControl = 0.01
    /// Smallest share of the perturbation's cells that express the gene.
    package var minimumSharePerturbed = 0.002
    /// Smallest mean of the control cells.
    package var minimumMeanControl = 0.05
    /// Smallest mean of the perturbation's cells.
    package var minimumMeanPerturbed = 0.005

    /// The published defaults.
    package init() {}

    /// What is known of one gene in one group of cells.
    package struct Expression {
        /// Cells with a nonzero count.
        var expressing: Double
        /// Mean expression, in the path's own definition.
        var mean: Double
        /// Cells in the group.
        var cells: Double

        /// Gathers one group's values.
        package init(expressing: Int, mean: Double, cells: Int) {
            self.expressing = Double(expressing)
            self.mean = mean
            self.cells = Double(cells)
        }
    }

    /// Whether a gene is tested: expressed enough in either group, and in enough cells altogether.
    ///
    /// A gene is dropped only if it falls below both thresholds in both groups; all comparisons are
    /// strict. The filter is off when every threshold is at most 0 or a group is empty.
    package func admits(control: Expression, perturbed: Expression) -> Bool {
        guard control.expressing + perturbed.expressing >= Double(minimumCellsExpressed) else {
            return false
        }
        let isOff =
            minimumShareControl <= 0 && minimumSharePerturbed <= 0 && minimumMeanControl <= 0
            && minimumMeanPerturbed <= 0
        if isOff || control.cells == 0 || perturbed.cells == 0 { return true }
        let controlLow =
            control.expressing / control.cells < minimumShareControl
            && control.mean < minimumMeanControl
        let perturbedLow =
            perturbed.expressing / perturbed.cells < minimumSharePerturbed
            && perturbed.mean < minimumMeanPerturbed
        return !(controlLow && perturbedLow)
    }
}
