import AnnData
import ArgumentParser
import DifferentialExpression
import Statistics

/// Options that decide the numbers; names and defaults are those of the Python package.
struct AnalysisArguments: ParsableArguments {
    /// The tests of the reference, by the names of the command line.
    enum Method: String, ExpressibleByArgument, CaseIterable {
        case tTest = "t-test"
        case wilcoxon
        case nbGLM = "nb-glm"
    }

    /// Whether intercept and dispersion are frozen at their control values.
    enum FreezeControl: String, ExpressibleByArgument, CaseIterable {
        case auto
        case on
        case off
    }

    @Option(help: "The test: nb-glm (t-test and wilcoxon are not available yet).")
    var method: Method

    @Option(
        name: [.long, .customLong("groupby")],
        help: ArgumentHelp(
            "Column of obs that names each cell's perturbation; alias --groupby.",
            valueName: "column"
        )
    )
    var perturbationColumn: String

    @Option(
        name: [.long, .customLong("reference")],
        help: ArgumentHelp(
            "Label of the control cells; inferred when exactly one label looks like it. Alias "
                + "--reference.",
            valueName: "label"
        )
    )
    var controlLabel: String?

    @Option(
        help: ArgumentHelp(
            "A perturbation to test, repeated for several, or @FILE with one a line. Commas never "
                + "split. By default all, in order of first appearance.",
            valueName: "label"
        )
    )
    var perturbations: [String] = []

    @Option(help: "Read counts from this layer instead of X.")
    var layer: String?

    @Flag(help: "Read counts from raw/X.")
    var useRaw = false

    @Option(help: "Column of var with gene names; by default the index.")
    var geneNameColumn: String?

    @Option(help: "Reproduce the numbers of this release of the Python package.")
    var compat: String = "crispyx-0.0.4"

    @Option(
        help: ArgumentHelp(
            "Keep intercept and dispersion at their control values while a perturbation is fitted: "
                + "auto or on (off is not available yet).",
            valueName: "when"
        )
    )
    var freezeControl: FreezeControl = .auto

    @Option(help: "Floor of fitted means, counts per cell; 0 for none.")
    var minMu: Double = 0.5

    @Option(help: "Largest number of iterations of a fit.")
    var maxIter: Int = 25

    @Option(help: "A fit has converged when its coefficient changes less than this (natural log).")
    var tol: Double = 1e-6

    @Option(
        help: ArgumentHelp(
            "File with one size factor a line, in file order; by default estimated.",
            valueName: "file"
        )
    )
    var sizeFactors: String?

    @Flag(inversion: .prefixedNo, help: "Divide size factors by their geometric mean.")
    var scaleSizeFactors = true

    @Option(help: "Correction for multiple testing: benjamini-hochberg or bonferroni.")
    var corrMethod: MultipleTesting.Method = .benjaminiHochberg

    @Option(help: "Unit of fold changes: log2 or ln.")
    var lfcBase: AnalysisOptions.FoldChangeBase = .log2

    @Option(help: "Cells, of control and perturbation together, that must express a gene.")
    var minCellsExpressed: Int = 0

    @Option(
        help: ArgumentHelp(
            "A gene is left out when it lies below all four thresholds: share of expressing cells "
                + "in control, in the perturbation, mean in control, in the perturbation. This is "
                + "the first; 0 for all four turns the filter off.",
            valueName: "share"
        )
    )
    var minPctCtrl: Double = 0.01

    @Option(help: ArgumentHelp("The second threshold.", valueName: "share"))
    var minPctPert: Double = 0.002

    @Option(help: ArgumentHelp("The third threshold.", valueName: "mean"))
    var minMeanCtrl: Double = 0.05

    @Option(help: ArgumentHelp("The fourth threshold.", valueName: "mean"))
    var minMeanPert: Double = 0.005

    @Option(help: ArgumentHelp("Sets the first and second threshold.", valueName: "share"))
    var minPctBoth: Double?

    func validate() throws {
        if method != .nbGLM {
            throw ValidationError("--method \(method.rawValue) is not available yet; use nb-glm")
        }
        if freezeControl == .off {
            throw ValidationError("--freeze-control off is not available yet; use on or auto")
        }
        if compat != "crispyx-0.0.4" {
            throw ValidationError("--compat \(compat) is unknown; there is crispyx-0.0.4")
        }
        if layer != nil, useRaw {
            throw ValidationError("--layer and --use-raw name two matrices; choose one")
        }
        try require(minMu >= 0 && minMu.isFinite, "--min-mu must be at least 0")
        try require(maxIter >= 1, "--max-iter must be at least 1")
        try require(tol > 0 && tol.isFinite, "--tol must be above 0")
        try require(minCellsExpressed >= 0, "--min-cells-expressed must be at least 0")
        for (name, value) in [
            ("--min-pct-ctrl", minPctCtrl), ("--min-pct-pert", minPctPert),
            ("--min-mean-ctrl", minMeanCtrl), ("--min-mean-pert", minMeanPert),
            ("--min-pct-both", minPctBoth ?? 0),
        ] {
            try require(value.isFinite, "\(name) must be a number")
        }
    }

    private func require(_ condition: Bool, _ message: String) throws {
        if !condition { throw ValidationError(message) }
    }

    /// The options that decide the numbers.
    ///
    /// - Parameter controlLabel: Filled in later when the user named none.
    var options: AnalysisOptions {
        var options = AnalysisOptions(
            perturbationColumn: perturbationColumn,
            controlLabel: controlLabel ?? ""
        )
        options.compatibility = compat
        options.minimumMean = minMu
        options.maximumIterations = maxIter
        options.tolerance = tol
        options.correction = corrMethod
        options.foldChangeBase = lfcBase
        options.sizeFactorSource = sizeFactors == nil ? .sparse : .user
        options.scaleSizeFactors = scaleSizeFactors
        options.filter.minimumCellsExpressed = minCellsExpressed
        options.filter.minimumShareControl = minPctBoth ?? minPctCtrl
        options.filter.minimumSharePerturbed = minPctBoth ?? minPctPert
        options.filter.minimumMeanControl = minMeanCtrl
        options.filter.minimumMeanPerturbed = minMeanPert
        return options
    }

    /// The matrix to read.
    var matrix: MatrixChoice {
        if useRaw { return .raw }
        return layer.map { .layer($0) } ?? .x
    }
}

extension MultipleTesting.Method: ExpressibleByArgument {}
extension AnalysisOptions.FoldChangeBase: ExpressibleByArgument {}
