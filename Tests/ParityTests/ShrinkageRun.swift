import AnnData
import CountBlocks
import DifferentialExpression
import Statistics

/// The shrinkage of one golden result: from the reference's rows to the shrunken ones.
struct ShrinkageRun: MethodRun {
    let genes: [String]
    private let rows: [PerturbationRow]
    private let scales: [Double]
    private let globalScale: Double
    private let source: GoldenFile.Case
    private let golden: GoldenFile

    var rowCount: Int { rows.count }

    /// Shrinks a case the way coordinator and worker do it together.
    init(_ screen: GoldenScreen) throws {
        genes = screen.expectedGenes
        golden = screen.golden
        let source = try screen.golden.testCase(screen.testCase.source ?? "")
        self.source = source
        var options = screen.options
        options.foldChangeBase = try screen.golden.options(of: source).foldChangeBase
        if screen.testCase.options["min-mu"] == nil { options.minimumMean = 0 }

        let inputs = try Self.inputs(golden, source)
        globalScale = PriorScale.estimate { variance in
            inputs.reduce(into: PriorScale.Sums()) { sums, input in
                sums += PriorScale.Sums(
                    effects: input.effect,
                    errors: input.standardError,
                    variance: variance
                )
            }
        }
        options.priorScale = options.priorScaleScope == .global ? globalScale : nil
        scales = inputs.map { options.priorScale ?? $0.priorScale }
        if screen.testCase.options["shrink-method"] == .text("full") {
            rows = try Self.byCounts(screen, source, options, inputs)
        } else {
            rows = inputs.enumerated().map { index, input in
                ShrunkenRow(
                    effect: input.effect,
                    standardError: input.standardError,
                    priorScale: options.priorScale
                ).row(perturbation: UInt32(index), base: options.foldChangeBase)
            }
        }
    }

    private static func inputs(
        _ golden: GoldenFile,
        _ source: GoldenFile.Case
    ) throws -> [ShrinkageInput] {
        let layers = try ["intercept", "logfoldchange_raw_ln", "standard_error_ln", "dispersion"]
            .map { try golden.array($0, of: source) }
        return source.perturbations.indices.map { row in
            ShrinkageInput(
                intercept: Array(layers[0].row(row)),
                effect: Array(layers[1].row(row)),
                standardError: Array(layers[2].row(row)),
                dispersion: Array(layers[3].row(row))
            )
        }
    }

    private static func byCounts(
        _ screen: GoldenScreen,
        _ source: GoldenFile.Case,
        _ options: AnalysisOptions,
        _ inputs: [ShrinkageInput]
    ) throws -> [PerturbationRow] {
        let genes = screen.expectedGenes.count
        let blocks = try screen.countBlocks()
        let analysis = ShrinkageAnalysis(
            cache: ControlCache(geneCount: genes),
            options: options,
            sizeFactors: try screen.golden.array("size_factors", of: source).values
        )
        let control = try blocks.segments(ofGroup: screen.group(options.controlLabel))
        // Two tiles, visited in any order.
        let tiles = [genes / 3..<genes, 0..<genes / 3].map {
            ($0, analysis.makeTile(genes: $0, segments: control))
        }
        return try source.perturbations.enumerated().map { index, label in
            let fit = try analysis.begin(
                perturbation: UInt32(index),
                segments: try blocks.segments(ofGroup: screen.group(label)),
                inputs: inputs[index].encoded()
            )
            for (genes, tile) in tiles { fit.visit(genes: genes, of: tile) }
            guard let row = fit.endPhase() else { throw GoldenError.missing(label) }
            return row
        }
    }

    func values(ofLayer name: String, row: Int) throws -> [Double] {
        try RowSchema.shrinkage.values(
            ofLayer: name,
            in: rows[row].bytes,
            geneCount: genes.count
        )
    }

    func stage(_ name: String) throws -> [Double]? {
        switch name {
        case "prior_scale": scales
        case "prior_scale_global": [globalScale]
        default: nil
        }
    }
}
