import Statistics

/// The values of one row of the negative binomial GLM before they are put into schema order.
struct RowLayers {
    /// β1, natural log; NaN where untested.
    var effect: [Double]
    /// Of ``effect``, natural log.
    var standardError: [Double]
    /// β0, natural log.
    var intercept: [Double]
    var zScore: [Double]
    var pValue: [Double]
    var converged: [Float]
    var iterations: [Float]
    /// Share of the perturbation's cells that express the gene.
    var share: [Float]
    /// Share of the control cells that do; only in rows that say so themselves.
    var controlShare: [Float] = []
    /// Dispersion used in the test; only in rows that have dispersions of their own.
    var dispersion: [Double] = []
    /// The gene's own estimate; likewise.
    var ownDispersion: [Double] = []
    /// The trend at the gene's mean; likewise.
    var dispersionTrend: [Double] = []
    /// Effects after shrinkage and their errors, which take the place of the fitted ones everywhere
    /// but in the test and the raw effects; nil where nothing is shrunk.
    var shrunken: ShrunkenRow?

    /// A row without any test.
    init(geneCount: Int) {
        let untested = [Double](repeating: .nan, count: geneCount)
        let zeros = [Float](repeating: 0, count: geneCount)
        effect = untested
        standardError = untested
        intercept = untested
        zScore = untested
        pValue = untested
        converged = zeros
        iterations = zeros
        share = zeros
    }

    /// Sets how long a tested gene took.
    ///
    /// Iterations count those that ended without convergence, as the published package's do.
    mutating func setIterations(_ gene: Int, done: Int, convergedAt: Int?) {
        converged[gene] = convergedAt == nil ? 0 : 1
        iterations[gene] = Float(convergedAt.map { $0 - 1 } ?? done)
    }

    /// Sets the test of a converged gene (docs/numbers.md, E6).
    ///
    /// Leaves the gene untested where effect or error is not usable.
    mutating func setTest(_ gene: Int, effect: Double, standardError: Double, intercept: Double) {
        guard effect.isFinite, standardError.isFinite, standardError > 0 else { return }
        self.effect[gene] = effect
        self.standardError[gene] = standardError
        self.intercept[gene] = intercept
        zScore[gene] = effect / standardError
        pValue[gene] = NormalDistribution.twoSidedPValue(z: effect / standardError)
    }

    /// The row in the order of the options' schema.
    func encoded(options: AnalysisOptions) -> [UInt8] {
        let unit = options.foldChangeBase == .log2 ? RealFunctions.log(2) : 1
        let raw = effect.map { $0 / unit }
        let foldChange = shrunken?.effect.map { $0 / unit } ?? raw
        let standardError = shrunken?.standardError ?? standardError
        return options.rowSchema.encoded(geneCount: effect.count) { layer in
            switch layer {
            case "X", "logfoldchanges": .doubles(foldChange)
            case "logfoldchange_raw": .doubles(raw)
            case "z_score": .doubles(zScore)
            case "pvalue": .doubles(pValue)
            case "pvalue_adj": .doubles(MultipleTesting.adjust(pValue, by: options.correction))
            case "logfoldchange_raw_ln": .doubles(effect)
            case "intercept": .doubles(intercept)
            case "standard_error": .doubles(standardError.map { $0 / unit })
            case "standard_error_ln": .doubles(standardError)
            case "dispersion": .doubles(dispersion)
            case "dispersion_raw": .doubles(ownDispersion)
            case "dispersion_trend": .doubles(dispersionTrend)
            case "converged": .singles(converged)
            case "iterations": .singles(iterations)
            case "pts": .singles(share)
            case "pts_rest": .singles(controlShare)
            default: preconditionFailure("the schema names a layer without values: \(layer)")
            }
        }
    }
}

/// What fits against a shared control know of it when they choose genes and report shares.
struct ControlExpression: Sendable {
    private let filter: ExpressionFilter
    private let cells: Int
    private let means: [Double]
    private let expressing: [Double]

    init(cache: ControlCache, filter: ExpressionFilter) {
        self.filter = filter
        cells = cache.controlCells
        means = cache[.controlMean]
        expressing = cache[.controlExpressing]
    }

    /// Whether a gene passes the low-expression filter.
    ///
    /// - Parameters:
    ///   - gene: The gene.
    ///   - expressingCells: Cells of the perturbation that express it.
    ///   - scaledSum: Σ Y/s over them.
    ///   - cells: Cells of the perturbation.
    /// - Returns: Whether it is tested.
    func admits(gene: Int, expressingCells: Int, scaledSum: Double, cells: Int) -> Bool {
        filter.admits(
            control: .init(
                expressing: Int(expressing[gene]),
                mean: means[gene],
                cells: self.cells
            ),
            perturbed: .init(
                expressing: expressingCells,
                mean: scaledSum / Double(cells),
                cells: cells
            )
        )
    }

    /// The share of a perturbation's cells that express a gene; 0 where too few cells do.
    func share(gene: Int, expressingCells: Int, cells: Int) -> Float {
        let isEnough = expressingCells + Int(expressing[gene]) >= filter.minimumCellsExpressed
        return isEnough ? Float(Double(expressingCells) / Double(cells)) : 0
    }
}
