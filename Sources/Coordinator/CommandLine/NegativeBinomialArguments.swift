import ArgumentParser
import DifferentialExpression

/// Options of the negative binomial GLM; unset ones stand at the Python package's defaults.
///
/// Unset is told apart from a default that was typed: an option that cannot have an effect in the
/// chosen way of fitting is refused, not ignored.
struct NegativeBinomialArguments: ParsableArguments {
    /// Whether intercept and dispersion are frozen at their control values.
    enum FreezeControl: String, ExpressibleByArgument, CaseIterable {
        case auto
        case on
        case off
    }

    /// How `--size-factor-method` is spelt.
    enum SizeFactorMethod: String, ExpressibleByArgument, CaseIterable {
        case sparse
        case deseq2
    }

    /// How `--optimization-method` is spelt.
    enum OptimizationMethod: String, ExpressibleByArgument, CaseIterable {
        case irls
        case lbfgsb
    }

    @Option(
        help: ArgumentHelp(
            "Keep intercept and dispersion at their control values while a perturbation is fitted: "
                + "auto, on or off. auto means on exactly when the control cache applies, both "
                + "scopes are global, dispersions are shrunk by MAP and fold changes are not.",
            valueName: "when"
        )
    )
    var freezeControl: FreezeControl = .auto

    @Flag(
        inversion: .prefixedNo,
        help: "Share what is computed of the control cells among all fits (default: on)."
    )
    var useControlCache: Bool?

    @Option(
        help: ArgumentHelp(
            "A column of obs to adjust for, repeated for several: text, category, boolean or "
                + "number.",
            valueName: "column"
        )
    )
    var covariates: [String] = []

    @Option(
        help: ArgumentHelp(
            "File with one size factor a line, in file order; by default estimated.",
            valueName: "file"
        )
    )
    var sizeFactors: String?

    @Option(help: ArgumentHelp("Column of obs with size factors.", valueName: "column"))
    var sizeFactorColumn: String?

    @Option(
        help: """
            How size factors are estimated: sparse (median of ratios over nonzero counts) or deseq2 \
            (over the genes that every cell expresses; sparse when there are fewer than 10).
            """
    )
    var sizeFactorMethod: SizeFactorMethod?

    @Option(
        help: """
            Estimate size factors once (global) or anew for control and each perturbation \
            (per_comparison).
            """
    )
    var sizeFactorScope: AnalysisOptions.Scope?

    @Flag(
        inversion: .prefixedNo,
        help: "Divide size factors by their geometric mean (default: on)."
    )
    var scaleSizeFactors: Bool?

    @Option(
        help: """
            A gene's own dispersion in a full-design fit: moments or cox-reid (default).
            """
    )
    var dispersionMethod: AnalysisOptions.DispersionMethod?

    @Option(
        help: "Estimate dispersions once (global) or for each comparison (per_comparison)."
    )
    var dispersionScope: AnalysisOptions.Scope?

    @Flag(
        inversion: .prefixedNo,
        help: "Draw dispersions towards their trend (default: on)."
    )
    var shrinkDispersion: Bool?

    @Flag(
        inversion: .prefixedNo,
        help: "Draw them by maximum a posteriori, else by empirical Bayes (default: on)."
    )
    var useMapDispersion: Bool?

    @Option(help: "Floor of fitted means, counts per cell; 0 for none (default: 0.5).")
    var minMu: Double?

    @Option(help: "Largest number of iterations of a fit (default: 25).")
    var maxIter: Int?

    @Option(
        help: """
            A fit has converged when its coefficients change less than this, natural log \
            (default: 1e-6).
            """
    )
    var tol: Double?

    @Option(help: "Most iterations with Poisson weights before a full-design fit (default: 5).")
    var poissonInitIter: Int?

    @Option(
        help: "Counts of a gene in a comparison below which a full-design fit leaves it out."
    )
    var minTotalCount: Double?

    @Option(help: "Standard errors of the shared-control fit: sandwich (default) or fisher.")
    var seMethod: AnalysisOptions.StandardErrorMethod?

    @Option(help: "Unit of fold changes: log2 (default) or ln.")
    var lfcBase: AnalysisOptions.FoldChangeBase?

    @Option(help: "Shrink fold changes right after the fit: none (default) or apeglm.")
    var lfcShrinkageType: AnalysisOptions.InlineShrinkage?

    @Option(help: .hidden)
    var optimizationMethod: OptimizationMethod?

    func validate() throws {
        func require(_ condition: Bool, _ message: String) throws {
            if !condition { throw ValidationError(message) }
        }
        try require(minMu.map { $0 >= 0 && $0.isFinite } ?? true, "--min-mu must be at least 0")
        try require(maxIter ?? 1 >= 1, "--max-iter must be at least 1")
        try require(tol.map { $0 > 0 && $0.isFinite } ?? true, "--tol must be above 0")
        try require(poissonInitIter ?? 0 >= 0, "--poisson-init-iter must be at least 0")
        try require(
            minTotalCount?.isFinite ?? true,
            "--min-total-count must be a number"
        )
        try require(
            sizeFactors == nil || sizeFactorColumn == nil,
            "--size-factors and --size-factor-column exclude each other"
        )
        try require(
            sizeFactorMethod == nil || (sizeFactors == nil && sizeFactorColumn == nil),
            "--size-factor-method estimates what --size-factors or --size-factor-column gives"
        )
        try require(
            Set(covariates).count == covariates.count,
            "--covariates names a column twice"
        )
        try require(
            optimizationMethod != .lbfgsb,
            "--optimization-method lbfgsb: crispyx 0.0.4 fits by iteratively reweighted least "
                + "squares whatever this option says, and so does this program; leave it out"
        )
    }

    /// Names of the options that were typed.
    var given: [String] {
        let all: [(String, Bool)] = [
            ("--freeze-control", freezeControl != .auto),
            ("--use-control-cache", useControlCache != nil), ("--covariates", !covariates.isEmpty),
            ("--size-factors", sizeFactors != nil),
            ("--size-factor-column", sizeFactorColumn != nil),
            ("--size-factor-method", sizeFactorMethod != nil),
            ("--size-factor-scope", sizeFactorScope != nil),
            ("--scale-size-factors", scaleSizeFactors != nil),
            ("--dispersion-method", dispersionMethod != nil),
            ("--dispersion-scope", dispersionScope != nil),
            ("--shrink-dispersion", shrinkDispersion != nil),
            ("--use-map-dispersion", useMapDispersion != nil), ("--min-mu", minMu != nil),
            ("--max-iter", maxIter != nil), ("--tol", tol != nil),
            ("--poisson-init-iter", poissonInitIter != nil),
            ("--min-total-count", minTotalCount != nil), ("--se-method", seMethod != nil),
            ("--lfc-base", lfcBase != nil), ("--lfc-shrinkage-type", lfcShrinkageType != nil),
            ("--optimization-method", optimizationMethod != nil),
        ]
        return all.filter(\.1).map(\.0)
    }

    /// Puts the options into an analysis.
    func apply(to options: inout AnalysisOptions) {
        options.covariates = covariates
        if let minMu { options.minimumMean = minMu }
        if let maxIter { options.maximumIterations = maxIter }
        if let tol { options.tolerance = tol }
        if let poissonInitIter { options.poissonIterations = poissonInitIter }
        if let minTotalCount { options.minimumTotalCount = minTotalCount }
        if let lfcBase { options.foldChangeBase = lfcBase }
        if let sizeFactorScope { options.sizeFactorScope = sizeFactorScope }
        if let scaleSizeFactors { options.scaleSizeFactors = scaleSizeFactors }
        if let dispersionMethod { options.dispersionMethod = dispersionMethod }
        if let dispersionScope { options.dispersionScope = dispersionScope }
        if let shrinkDispersion { options.shrinkDispersion = shrinkDispersion }
        if let useMapDispersion { options.useMAPDispersion = useMapDispersion }
        if let useControlCache { options.useControlCache = useControlCache }
        if let seMethod { options.standardErrorMethod = seMethod }
        if let lfcShrinkageType { options.inlineShrinkage = lfcShrinkageType }
        options.sizeFactorSource =
            sizeFactors != nil || sizeFactorColumn != nil
            ? .user : sizeFactorMethod == .deseq2 ? .deseq2 : .sparse
        switch freezeControl {
        case .on: options.freezeControl = true
        case .off: options.freezeControl = false
        case .auto: options.freezeControl = options.mayFreezeControl
        }
    }
}

extension AnalysisOptions.Scope: ExpressibleByArgument {}
extension AnalysisOptions.DispersionMethod: ExpressibleByArgument {}
extension AnalysisOptions.StandardErrorMethod: ExpressibleByArgument {}
extension AnalysisOptions.InlineShrinkage: ExpressibleByArgument {}
extension AnalysisOptions.FoldChangeBase: ExpressibleByArgument {}
