/// Adjustment of the p-values of one perturbation for the number of genes tested.
package enum MultipleTesting {
    /// How p-values are adjusted.
    package enum Method: String, Sendable, CaseIterable, Codable {
        /// False discovery rate (Benjamini & Hochberg 1995).
        case benjaminiHochberg = "benjamini-hochberg"
        /// Family-wise error rate: p times the number of tests, at most 1.
        case bonferroni
    }

    /// Adjusts the finite p-values; the others are copied.
    ///
    /// - Parameters:
    ///   - pValues: p-values in [0, 1] or NaN; shape `[genes]`.
    ///   - method: How to adjust.
    /// - Returns: Adjusted p-values; shape `[genes]`.
    package static func adjust(_ pValues: [Double], by method: Method) -> [Double] {
        let tested = pValues.indices.filter { pValues[$0].isFinite }
        let tests = Double(tested.count)
        var adjusted = pValues
        switch method {
        case .bonferroni:
            for gene in tested { adjusted[gene] = min(pValues[gene] * tests, 1) }
        case .benjaminiHochberg:
            // The stable order of ties cannot matter: equal values get the same adjusted value.
            let ascending = tested.sorted { pValues[$0] < pValues[$1] }
            var smallest = Double.infinity
            for (offset, gene) in ascending.enumerated().reversed() {
                smallest = min(smallest, pValues[gene] * tests / Double(offset + 1))
                adjusted[gene] = min(max(smallest, 0), 1)
            }
        }
        return adjusted
    }
}
