import AnnData
import ArgumentParser
import DifferentialExpression
import Statistics

/// What is tested, by whom it is compared, and which matrix is read; common to all tests.
struct AnalysisArguments: ParsableArguments {
    /// The tests of the reference, by the names of the command line.
    enum Method: String, ExpressibleByArgument, CaseIterable {
        case tTest = "t-test"
        case wilcoxon
        case nbGLM = "nb-glm"

        /// The analysis it names.
        var analysis: AnalysisOptions.Method {
            switch self {
            case .tTest: .tTest
            case .wilcoxon: .wilcoxon
            case .nbGLM: .nbGLM
            }
        }
    }

    @Option(
        help: """
            The test: t-test and wilcoxon of log-normalised expression, or nb-glm of raw counts.
            """
    )
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

    @Option(help: "Read this layer instead of X.")
    var layer: String?

    @Flag(help: "Read raw/X.")
    var useRaw = false

    @Option(help: "Column of var with gene names; by default the index.")
    var geneNameColumn: String?

    @Option(help: "Reproduce the numbers of this release of the Python package.")
    var compat: String = "crispyx-0.0.4"

    @Option(
        help: """
            Correction for multiple testing: benjamini-hochberg or bonferroni (wilcoxon and nb-glm).
            """
    )
    var corrMethod: MultipleTesting.Method?

    @Flag(
        inversion: .prefixedNo,
        help: "Let ties reduce the variance of the rank sum (wilcoxon; default: on)."
    )
    var tieCorrect: Bool?

    @Flag(
        help: "Write uns/rank_genes_groups too, as scanpy's functions read it."
    )
    var scanpyFormat = false

    func validate() throws {
        if compat != "crispyx-0.0.4" {
            throw ValidationError("--compat \(compat) is unknown; there is crispyx-0.0.4")
        }
        if layer != nil, useRaw {
            throw ValidationError("--layer and --use-raw name two matrices; choose one")
        }
        if method == .tTest, corrMethod == .bonferroni {
            throw ValidationError("--method t-test corrects by benjamini-hochberg only")
        }
        if method != .wilcoxon, tieCorrect != nil {
            throw ValidationError("--tie-correct is an option of --method wilcoxon")
        }
    }

    /// The matrix to read.
    var matrix: MatrixChoice {
        if useRaw { return .raw }
        return layer.map { .layer($0) } ?? .x
    }
}

/// Thresholds of the low-expression filter.
struct FilterArguments: ParsableArguments {
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
        if minCellsExpressed < 0 {
            throw ValidationError("--min-cells-expressed must be at least 0")
        }
        for (name, value) in [
            ("--min-pct-ctrl", minPctCtrl), ("--min-pct-pert", minPctPert),
            ("--min-mean-ctrl", minMeanCtrl), ("--min-mean-pert", minMeanPert),
            ("--min-pct-both", minPctBoth ?? 0),
        ] where !value.isFinite {
            throw ValidationError("\(name) must be a number")
        }
    }

    /// The filter.
    var filter: ExpressionFilter {
        var filter = ExpressionFilter()
        filter.minimumCellsExpressed = minCellsExpressed
        filter.minimumShareControl = minPctBoth ?? minPctCtrl
        filter.minimumSharePerturbed = minPctBoth ?? minPctPert
        filter.minimumMeanControl = minMeanCtrl
        filter.minimumMeanPerturbed = minMeanPert
        return filter
    }
}

extension MultipleTesting.Method: ExpressibleByArgument {}
