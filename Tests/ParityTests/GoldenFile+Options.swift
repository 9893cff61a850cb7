import DifferentialExpression
import Statistics

extension GoldenFile {
    /// The options of a case as this project has them.
    func options(of testCase: Case) throws -> AnalysisOptions {
        var options = AnalysisOptions(
            perturbationColumn: manifest.perturbationColumn,
            controlLabel: manifest.controlLabel
        )
        for (name, value) in testCase.options {
            let isKnown =
                switch value {
                case .flag(let flag): Self.set(name, flag, in: &options)
                case .number(let number): Self.set(name, number, in: &options)
                case .text(let text): Self.set(name, text, in: &options)
                case .texts(let texts): Self.set(name, texts, in: &options)
                }
            guard isKnown else { throw GoldenError.unusableOption(name, value) }
        }
        return options
    }

    private static func set(_ name: String, _ flag: Bool, in options: inout AnalysisOptions) -> Bool
    {
        switch name {
        case "scale-size-factors": options.scaleSizeFactors = flag
        case "tie-correct": options.tieCorrection = flag
        case "use-control-cache": options.useControlCache = flag
        case "use-map-dispersion": options.useMAPDispersion = flag
        case "shrink-dispersion": options.shrinkDispersion = flag
        default: return false
        }
        return true
    }

    private static func set(
        _ name: String,
        _ number: Double,
        in options: inout AnalysisOptions
    ) -> Bool {
        switch name {
        case "min-mu": options.minimumMean = number
        case "max-iter": options.maximumIterations = Int(number)
        case "tol": options.tolerance = number
        case "poisson-init-iter": options.poissonIterations = Int(number)
        case "min-total-count": options.minimumTotalCount = number
        case "min-cells-expressed": options.filter.minimumCellsExpressed = Int(number)
        case "min-pct-ctrl": options.filter.minimumShareControl = number
        case "min-pct-pert": options.filter.minimumSharePerturbed = number
        case "min-pct-both":
            options.filter.minimumShareControl = number
            options.filter.minimumSharePerturbed = number
        case "min-mean-ctrl": options.filter.minimumMeanControl = number
        case "min-mean-pert": options.filter.minimumMeanPerturbed = number
        default: return false
        }
        return true
    }

    private static func set(
        _ name: String,
        _ texts: [String],
        in options: inout AnalysisOptions
    ) -> Bool {
        if name == "covariates" { options.covariates = texts }
        return name == "covariates" || name == "perturbations"
    }

    private static func set(
        _ name: String,
        _ text: String,
        in options: inout AnalysisOptions
    ) -> Bool {
        func chosen<Choice: RawRepresentable>(
            _ path: WritableKeyPath<AnalysisOptions, Choice>
        ) -> Bool where Choice.RawValue == String {
            guard let choice = Choice(rawValue: text) else { return false }
            options[keyPath: path] = choice
            return true
        }
        switch (name, text) {
        case ("method", "shrink"): options.method = .shrinkage
        case ("method", "t-test"): options.method = .tTest
        case ("method", "wilcoxon"): options.method = .wilcoxon
        case ("method", "nb-glm"): options.method = .nbGLM
        case ("freeze-control", "on"): options.freezeControl = true
        case ("freeze-control", "off"): options.freezeControl = false
        case ("size-factors", _), ("size-factor-column", _): options.sizeFactorSource = .user
        case ("size-factor-method", _): return chosen(\.sizeFactorSource)
        case ("size-factor-scope", _): return chosen(\.sizeFactorScope)
        case ("dispersion-method", _): return chosen(\.dispersionMethod)
        case ("dispersion-scope", _): return chosen(\.dispersionScope)
        case ("se-method", _): return chosen(\.standardErrorMethod)
        case ("lfc-base", _): return chosen(\.foldChangeBase)
        case ("lfc-shrinkage-type", _): return chosen(\.inlineShrinkage)
        case ("prior-scale-mode", _): return chosen(\.priorScaleScope)
        case ("corr-method", "bonferroni"): options.correction = .bonferroni
        // Which of the two shrinkages runs, and where gene names are read, are no matter of
        // `AnalysisOptions`; a run takes them from the case.
        case ("shrink-method", "full"), ("gene-name-column", _): break
        default: return false
        }
        return true
    }
}
