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
