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
            let stepped = StepUp(tested.map { pValues[$0] })
            for (place, gene) in tested.enumerated() { adjusted[gene] = stepped.adjusted[place] }
        }
        return adjusted
    }
}

/// The step-up adjustment of Benjamini and Hochberg.
private struct StepUp {
    let adjusted: [Double]

    init(_ pValues: [Double]) {
        let count = pValues.count
        let keys = pValues.map(\.rankKey)
        var sorted = keys
        var bounds = keys
        var smallest = [Double](repeating: 1, count: count)
        sorted.withUnsafeMutableBufferPointer { sorted in
            bounds.withUnsafeMutableBufferPointer { bounds in
                KeySort.sort(sorted, scratch: bounds)
            }
        }
        var least = Double.infinity
        for place in sorted.indices.reversed() {
            let scaled = Double(rankKey: sorted[place]) * Double(count) / Double(place + 1)
            least = min(least, scaled)
            smallest[place] = min(max(least, 0), 1)
        }
        keys.withUnsafeBufferPointer { keys in
            sorted.withUnsafeBufferPointer { sorted in
                bounds.withUnsafeMutableBufferPointer { bounds in
                    guard let first = keys.baseAddress, let among = sorted.baseAddress,
                        let found = bounds.baseAddress
                    else { return }
                    UInt64.lowerBounds(of: first, count, among: among, count, into: found)
                }
            }
        }
        // Equal p-values have equal adjusted ones: the least over all ranks from theirs on.
        adjusted = bounds.prefix(count).map { smallest[Int($0)] }
    }
}
