package import CountBlocks
import Statistics

/// Tests one perturbation at a time against the control by Welch's t-test (docs/numbers.md, E20).
package struct WelchAnalysis: Sendable {
    private let geneCount: Int
    private let chunks: SumChunks
    private let options: AnalysisOptions
    private let control: [ControlGene]

    private struct ControlGene {
        let group: WelchTest.Group
        let expression: ExpressionFilter.Expression
        let level: Double
    }

    /// Prepares tests with what ``WelchStage`` froze.
    package init(cache: ControlCache, options: AnalysisOptions) {
        geneCount = cache.geneCount
        chunks = cache.sumChunks
        self.options = options
        let (means, variances) = (cache[.controlMean], cache[.controlVariance])
        let expressing = cache[.controlExpressing]
        control = means.indices.map { gene in
            ControlGene(
                group: .init(
                    cells: Double(cache.controlCells),
                    mean: means[gene],
                    variance: variances[gene]
                ),
                expression: .init(
                    expressing: Int(expressing[gene]),
                    mean: means[gene],
                    cells: cache.controlCells
                ),
                level: MeanFoldChange.level(ofMean: means[gene])
            )
        }
    }

    /// Tests all genes of one perturbation.
    ///
    /// - Parameters:
    ///   - perturbation: Position of the perturbation in the result.
    ///   - segments: The perturbation's cells in file order, at least one, with expression values.
    /// - Returns: Every per-pair layer.
    package func row(perturbation: UInt32, segments: [DecodedSegment]) -> PerturbationRow {
        let bytes =
            segments.first?.kind == .float64Values
            ? row(Double.self, segments) : row(Float.self, segments)
        return PerturbationRow(perturbation: perturbation, bytes: bytes)
    }

    /// Bytes that a test needs beside the perturbation's decoded cells.
    package static func approximateBytes(genes: Int) -> Int {
        genes * (2 * 8 + 2 * 8 + 4 + 3 * 8 + 3 * 4 + 48)
    }

    private func row<Value: TestedValue>(
        _: Value.Type,
        _ segments: [DecodedSegment]
    ) -> [UInt8] {
        let sums = ExpressionSums<Value>(genes: 0..<geneCount, chunks: chunks)
        for segment in segments { sums.add(segment) }
        sums.finish()
        var row = WelchRow(geneCount: geneCount)
        for gene in 0..<geneCount {
            let expressing = sums.expressing(gene)
            row.share[gene] = Float(Double(expressing) / Double(sums.cells))
            let perturbed = WelchTest.Group(
                cells: Double(sums.cells),
                sum: sums.sum(gene),
                squares: sums.squares(gene)
            )
            let expression = ExpressionFilter.Expression(
                expressing: expressing,
                mean: perturbed.mean,
                cells: sums.cells
            )
            let control = control[gene]
            // A dropped gene has no results at all, one that cannot be tested has an effect.
            if options.filter.isLowInBoth(control: control.expression, perturbed: expression) {
                continue
            }
            let test = WelchTest(control: control.group, perturbed: perturbed)
            row.effect[gene] = test.effect
            let level = MeanFoldChange.level(ofMean: perturbed.mean)
            row.foldChange[gene] = Float(MeanFoldChange.log2Ratio(level, control.level))
            guard test.isDefined,
                options.filter.hasEnoughCells(control: control.expression, perturbed: expression)
            else { continue }
            row.statistic[gene] = test.statistic
            row.pValue[gene] = test.pValue
        }
        return row.encoded(correction: options.correction)
    }
}

/// The values of one row before they are put into schema order.
private struct WelchRow {
    var effect: [Float]
    var statistic: [Double]
    var pValue: [Double]
    var foldChange: [Float]
    var share: [Float]

    init(geneCount: Int) {
        effect = [Float](repeating: .nan, count: geneCount)
        statistic = [Double](repeating: .nan, count: geneCount)
        pValue = statistic
        foldChange = effect
        share = [Float](repeating: 0, count: geneCount)
    }

    func encoded(correction: MultipleTesting.Method) -> [UInt8] {
        RowSchema.tTest.encoded(geneCount: effect.count) { layer in
            switch layer {
            case "X": .singles(effect)
            case "z_score": .doubles(statistic)
            case "pvalue": .doubles(pValue)
            case "pvalue_adj": .doubles(MultipleTesting.adjust(pValue, by: correction))
            case "logfoldchanges": .singles(foldChange)
            case "pts": .singles(share)
            default: preconditionFailure("the schema names a layer without values: \(layer)")
            }
        }
    }
}
