package import DifferentialExpression

/// Which options go together: everything that would be impossible or without effect is refused
/// before anything is read.
package struct OptionRules {
    /// The options as they would run.
    package let options: AnalysisOptions
    /// Names of the options that were typed, `--x` also for `--no-x`.
    package let given: Set<String>
    /// Whether `--freeze-control on` was typed.
    package let freezeIsAsked: Bool

    /// Takes the options and how they came about.
    package init(options: AnalysisOptions, given: Set<String>, freezeIsAsked: Bool) {
        self.options = options
        self.given = given
        self.freezeIsAsked = freezeIsAsked
    }

    /// Why the options are refused; nil when they are not.
    package var refusal: String? {
        guard options.method == .nbGLM else { return optionsOfAnotherMethod }
        return impossibleFreezing ?? optionsWithoutEffect
    }

    private var optionsOfAnotherMethod: String? {
        guard let first = given.sorted().first else { return nil }
        return "\(first) is an option of --method nb-glm"
    }

    /// What freezing the control excludes.
    private var impossibleFreezing: String? {
        guard freezeIsAsked else { return nil }
        let reasons: [(Bool, String)] = [
            (
                options.fitPath != .frozen,
                "--no-use-control-cache, --covariates and --size-factor-scope per_comparison, "
                    + "which fit the control anew for each perturbation"
            ),
            (
                options.dispersionScope != .global,
                "--dispersion-scope per_comparison: the dispersion is frozen too"
            ),
            (!options.shrinkDispersion, "--no-shrink-dispersion: frozen dispersions are shrunk"),
            (!options.useMAPDispersion, "--no-use-map-dispersion: frozen dispersions are MAP's"),
            (
                options.inlineShrinkage != .none,
                "--lfc-shrinkage-type apeglm; fit with --freeze-control off, or shrink the result "
                    + "with 'shrink'"
            ),
        ]
        return reasons.first(where: \.0).map { "--freeze-control on excludes \($0.1)" }
    }

    private var optionsWithoutEffect: String? {
        let fullDesignOnly =
            "has an effect in full-design fits only (--covariates, --no-use-control-cache or "
            + "--size-factor-scope per_comparison)"
        let isFullDesign = options.fitPath == .fullDesign
        let isPerComparison = options.sizeFactorScope == .perComparison
        let inert: [(String, Bool, String)] = [
            ("--dispersion-method", !isFullDesign, fullDesignOnly),
            ("--poisson-init-iter", !isFullDesign, fullDesignOnly),
            ("--min-total-count", !isFullDesign, fullDesignOnly),
            (
                "--se-method",
                options.fitPath != .cached || !options.shrinkDispersion,
                "has an effect with --freeze-control off, a shared control and shrunk dispersions"
            ),
            (
                "--dispersion-scope",
                isFullDesign && options.dispersionScope == .global,
                "global is not possible in full-design fits: they estimate dispersions for each "
                    + "comparison"
            ),
            (
                "--size-factor-method", isPerComparison,
                "has no effect with --size-factor-scope per_comparison, which has its own"
            ),
            (
                "--scale-size-factors", isPerComparison,
                "has no effect with --size-factor-scope per_comparison, which always scales"
            ),
            (
                "--use-map-dispersion", !options.shrinkDispersion,
                "has no effect with --no-shrink-dispersion"
            ),
        ]
        return inert.first { given.contains($0.0) && $0.1 }.map { "\($0.0) \($0.2)" }
    }
}
