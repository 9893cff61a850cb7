extension ComparisonModel {
    /// Mean of count over size factor over the cells of the comparison.
    package func scaledMean(gene: DesignCounts) -> Double {
        var sum = 0.0
        for index in patterns.indices {
            let counts = gene.pattern(index)
            patterns[index].cells.sizeFactors.withUnsafeBufferPointer { factors in
                for index in 0..<counts.counts.count {
                    sum += Double(counts.counts[index]) / factors[Int(counts.positions[index])]
                }
            }
        }
        return sum / Double(cellCount)
    }
}
