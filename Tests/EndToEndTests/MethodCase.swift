import Testing

/// One way to analyse a screen from the command line.
struct MethodCase: CustomTestStringConvertible, Sendable {
    let name: String
    let options: [String]
    /// Whether the values are log-normalised; counts otherwise.
    var isExpression = false
    var number = CellTable.Number.float32
    /// Whether fits read control cells, which then come in pieces.
    var readsControl = true

    var testDescription: String { name }

    private static let cached = ["--method", "nb-glm", "--freeze-control", "off"]

    /// Every method and every way of fitting.
    static let all = [
        MethodCase(
            name: "t-test of float32",
            options: ["--method", "t-test"],
            isExpression: true,
            readsControl: false
        ),
        MethodCase(
            name: "t-test of float64",
            options: ["--method", "t-test"],
            isExpression: true,
            number: .float64,
            readsControl: false
        ),
        MethodCase(
            name: "rank sums of float32",
            options: ["--method", "wilcoxon"],
            isExpression: true
        ),
        MethodCase(
            name: "rank sums of float64",
            options: ["--method", "wilcoxon", "--no-tie-correct", "--corr-method", "bonferroni"],
            isExpression: true,
            number: .float64
        ),
        MethodCase(name: "frozen control", options: ["--method", "nb-glm"], readsControl: false),
        MethodCase(name: "shared control", options: cached),
        MethodCase(
            name: "shared control, own dispersions",
            options: cached + ["--dispersion-scope", "per_comparison"]
        ),
        MethodCase(
            name: "full design with a covariate",
            options: ["--method", "nb-glm", "--covariates", "batch"]
        ),
        MethodCase(
            name: "own size factors",
            options: ["--method", "nb-glm", "--size-factor-scope", "per_comparison"]
        ),
        MethodCase(
            name: "shrunk at once",
            options: ["--method", "nb-glm", "--lfc-shrinkage-type", "apeglm"]
        ),
    ]

    /// A run of this case on a screen of counts.
    func run(_ counts: CellTable) throws -> Run {
        try Run(isExpression ? counts.logNormalised : counts, as: number, options)
    }
}
