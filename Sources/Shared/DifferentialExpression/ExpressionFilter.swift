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
    package func admits(control: Expression, perturbed: Expression) -> Bool {
        hasEnoughCells(control: control, perturbed: perturbed)
            && !isLowInBoth(control: control, perturbed: perturbed)
    }

    /// Whether as many cells of both groups together express the gene as are asked for.
    package func hasEnoughCells(control: Expression, perturbed: Expression) -> Bool {
        control.expressing + perturbed.expressing >= Double(minimumCellsExpressed)
    }

    /// Whether a gene is expressed too little in control and perturbation alike.
    ///
    /// It is only if it falls below both thresholds in both groups; all comparisons are strict. No
    /// gene is when every threshold is at most 0 or a group is empty.
    package func isLowInBoth(control: Expression, perturbed: Expression) -> Bool {
        let isOff =
            minimumShareControl <= 0 && minimumSharePerturbed <= 0 && minimumMeanControl <= 0
            && minimumMeanPerturbed <= 0
        if isOff || control.cells == 0 || perturbed.cells == 0 { return false }
        let controlLow =
            control.expressing / control.cells < minimumShareControl
            && control.mean < minimumMeanControl
        guard controlLow else { return false }
        return perturbed.expressing / perturbed.cells < minimumSharePerturbed
            && perturbed.mean < minimumMeanPerturbed
    }

    /// The filter whose thresholds of means are rounded to single precision.
    ///
    /// Means that are single precision are compared in it, as the published package compares them.
    package var withSingleMeans: ExpressionFilter {
        var filter = self
        filter.minimumMeanControl = Double(Float(minimumMeanControl))
        filter.minimumMeanPerturbed = Double(Float(minimumMeanPerturbed))
        return filter
    }
}
