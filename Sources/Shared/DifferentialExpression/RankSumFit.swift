import CountBlocks
import Statistics

/// The rank-sum tests of one perturbation; one phase, which visits the control's tiles.
///
/// `@unchecked`: a gene's keys and results belong to the one visit of that gene.
package final class RankSumFit: PhasedFit, @unchecked Sendable {
    private enum Keys {
        case single(GeneMajorKeys<Float>)
        case double(GeneMajorKeys<Double>)
    }

    private let perturbation: UInt32
    private let options: AnalysisOptions
    private let testedSomewhere: [Double]
    private let keys: Keys
    private let row: RankSumRow

    init(
        perturbation: UInt32,
        geneCount: Int,
        segments: [DecodedSegment],
        options: AnalysisOptions,
        testedSomewhere: [Double]
    ) {
        self.perturbation = perturbation
        self.options = options
        self.testedSomewhere = testedSomewhere
        keys =
            segments.first?.kind == .float64Values
            ? .double(GeneMajorKeys(genes: 0..<geneCount, segments: segments))
            : .single(GeneMajorKeys(genes: 0..<geneCount, segments: segments))
        row = RankSumRow(geneCount: geneCount)
    }

    /// The control's values, tile by tile.
    package var need: ControlNeed { .geneTiles }

    /// Tests some genes of a tile.
    package func visit(genes: Range<Int>, of tile: RankSumTile) {
        switch (keys, tile.values) {
        case (.single(let own), .single(let control)): visit(genes, own, control)
        case (.double(let own), .double(let control)): visit(genes, own, control)
        default: preconditionFailure("control and perturbation hold different types")
        }
    }

    /// Adjusts the p-values and assembles the row.
    package func endPhase() -> PerturbationRow? {
        PerturbationRow(
            perturbation: perturbation,
            bytes: row.encoded(correction: options.correction)
        )
    }

    private func visit<Value: TestedValue>(
        _ genes: Range<Int>,
        _ own: GeneMajorKeys<Value>,
        _ control: SortedControl<Value>
    ) {
        let filter = Value.filter(options.filter)
        let room = own.largestCount(genes)
        withUnsafeTemporaryAllocation(of: Value.Key.self, capacity: room) { scratch in
            for gene in genes {
                let keys = own.keys(gene)
                let mean = own.mean(keys)
                let known = control.gene(gene)
                let expression = ExpressionFilter.Expression(
                    expressing: keys.count,
                    mean: mean.wide,
                    cells: own.cells
                )
                if filter.isLowInBoth(control: known.expression, perturbed: expression) {
                    row.drop(gene)
                    continue
                }
                guard filter.hasEnoughCells(control: known.expression, perturbed: expression)
                else {
                    row.skip(gene, isTestedSomewhere: testedSomewhere[gene] > 0)
                    continue
                }
                KeySort.sort(keys, scratch: scratch)
                let counts = RankCounts(
                    control: known.ranks,
                    sorted: UnsafeBufferPointer(keys),
                    zeros: own.cells - keys.count,
                    zeroKey: Value.zeroKey,
                    scratch: scratch
                )
                row.set(
                    gene,
                    RankSumTest(
                        counts: counts,
                        controlCells: control.cells,
                        perturbedCells: own.cells,
                        correctsTies: options.tieCorrection
                    ),
                    foldChange: Value.log2Ratio(mean.foldChangeLevel, known.level).wide,
                    share: Float(Double(keys.count) / Double(own.cells)),
                    controlShare: known.share
                )
            }
        }
    }
}

/// The values of one row, by gene, before they are put into schema order.
private final class RankSumRow {
    private let geneCount: Int
    private let effect: UnsafeMutableBufferPointer<Double>
    private let z: UnsafeMutableBufferPointer<Double>
    private let pValue: UnsafeMutableBufferPointer<Double>
    private let u: UnsafeMutableBufferPointer<Double>
    private let foldChange: UnsafeMutableBufferPointer<Double>
    private let share: UnsafeMutableBufferPointer<Float>
    private let controlShare: UnsafeMutableBufferPointer<Float>

    init(geneCount: Int) {
        func buffer<Value: BinaryFloatingPoint>(
            _: Value.Type
        ) -> UnsafeMutableBufferPointer<Value> {
            let buffer = UnsafeMutableBufferPointer<Value>.allocate(capacity: geneCount)
            buffer.initialize(repeating: 0)
            return buffer
        }
        self.geneCount = geneCount
        effect = buffer(Double.self)
        z = buffer(Double.self)
        pValue = buffer(Double.self)
        u = buffer(Double.self)
        foldChange = buffer(Double.self)
        share = buffer(Float.self)
        controlShare = buffer(Float.self)
    }

    deinit {
        for buffer in [effect, z, pValue, u, foldChange] { buffer.deallocate() }
        for buffer in [share, controlShare] { buffer.deallocate() }
    }

    /// The gene is below the expression thresholds: no results, and no shares.
    func drop(_ gene: Int) {
        for layer in [effect, z, pValue, u, foldChange] { layer[gene] = .nan }
    }

    /// Too few cells express the gene: zeros, and a p-value that depends on the other perturbations.
    ///
    /// The published package computes genes that any perturbation needs for all of them, starting
    /// from p = 1, and leaves the others missing.
    func skip(_ gene: Int, isTestedSomewhere: Bool) {
        pValue[gene] = isTestedSomewhere ? 1 : .nan
    }

    @inline(__always)
    func set(
        _ gene: Int,
        _ test: RankSumTest,
        foldChange: Double,
        share: Float,
        controlShare: Float
    ) {
        effect[gene] = test.effect
        z[gene] = test.z
        pValue[gene] = test.pValue
        u[gene] = test.u
        self.foldChange[gene] = foldChange
        self.share[gene] = share
        self.controlShare[gene] = controlShare
    }

    func encoded(correction: MultipleTesting.Method) -> [UInt8] {
        RowSchema.wilcoxon.encoded(geneCount: geneCount) { layer in
            switch layer {
            case "X": .doubles(Array(effect))
            case "z_score": .doubles(Array(z))
            case "pvalue": .doubles(Array(pValue))
            case "pvalue_adj":
                .doubles(MultipleTesting.adjust(Array(pValue), by: correction))
            case "logfoldchanges": .doubles(Array(foldChange))
            case "u_statistic": .doubles(Array(u))
            case "pts": .singles(Array(share))
            case "pts_rest": .singles(Array(controlShare))
            default: preconditionFailure("the schema names a layer without values: \(layer)")
            }
        }
    }
}
