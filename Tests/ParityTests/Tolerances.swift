import DifferentialExpression

/// How far some layers and stages may be from the reference's, and why so far.
struct Tolerance: Sendable {
    let names: [String]
    let bound: Bound
    let reason: String

    init(_ names: String..., within bound: Bound, because reason: String) {
        self.names = names
        self.bound = bound
        self.reason = reason
    }
}

/// The bounds of the layers and stages of one kind of run: the one table of tolerances.
///
/// Names that are not of a layer are those of `stages` in the goldens. `Fixtures/comparison.py`,
/// which compares the built executables, has the same figures.
struct Tolerances: Sendable {
    let entries: [Tolerance]

    /// The bound of a layer or stage; nil for a name that this kind of run does not have.
    func bound(_ name: String) -> Bound? {
        entries.first { $0.names.contains(name) }?.bound
    }

    /// The same table with other bounds in the place of those of the same names.
    func changed(_ other: Tolerance...) -> Tolerances {
        Tolerances(entries: other + entries)
    }

    // MARK: - Tests of log-normalised expression

    /// Welch's t-test.
    static let tTest = Tolerances(entries: [
        Tolerance(
            "X",
            "z_score",
            within: .exact,
            because: "the reference's sums in single precision are repeated in its order"
        ),
        Tolerance(
            "pvalue",
            "pvalue_adj",
            within: Bound(relative: 1e-8),
            because: "the reference's tail of the t distribution is good to 2e-9"
        ),
        Tolerance(
            "logfoldchanges",
            within: Bound(singleSteps: 1),
            because: "the last digit of expm1 and log2 can tip the rounding to single precision"
        ),
        Tolerance("pts", "pts_rest", within: .exact, because: "shares of cells are counts"),
    ])

    /// Wilcoxon's rank-sum test.
    static let wilcoxon = Tolerances(entries: [
        Tolerance(
            "X",
            "u_statistic",
            within: .exact,
            because: "sums of halves and whole numbers are exact"
        ),
        Tolerance(
            "z_score",
            within: Bound(relative: 1e-13),
            because: "one division and one square root of exact sums"
        ),
        Tolerance(
            "pvalue",
            "pvalue_adj",
            within: Bound(relative: 1e-10),
            because: "erfc differs by 6e-11 in the far tail"
        ),
        Tolerance(
            "logfoldchanges",
            within: Bound(absolute: 2e-5),
            because: "the reference's means and logarithms are single precision"
        ),
        Tolerance("pts", "pts_rest", within: .exact, because: "shares of cells are counts"),
    ])

    // MARK: - Negative binomial GLM

    /// Both sides use the same size factors: they were given, or the file holds integers, whose
    /// logarithms the reference takes as doubles.
    static let sameSizeFactors = Tolerances(entries: [
        Tolerance(
            "X",
            "logfoldchanges",
            "logfoldchange_raw",
            "logfoldchange_raw_ln",
            "coefficients",
            within: Bound(absolute: 1e-10, perError: 1e-10),
            because: "order of additions, last digit of exp and log"
        ),
        Tolerance(
            "intercept",
            "control_intercept",
            within: Bound(absolute: 1e-10),
            because: "order of additions, last digit of exp and log"
        ),
        Tolerance(
            "standard_error",
            "standard_error_ln",
            "fitted_error",
            within: Bound(relative: 1e-9),
            because: "order of additions, last digit of exp and log"
        ),
        Tolerance(
            "z_score",
            within: Bound(absolute: 1e-9, relative: 1e-9),
            because: "the quotient of the two"
        ),
        Tolerance(
            "pvalue",
            "pvalue_adj",
            within: Bound(absolute: 1e-9, relative: 1e-9, ofLogarithms: true),
            because: "compared as ln p, because z enters it squared"
        ),
        Tolerance(
            "dispersion",
            "dispersion_raw",
            "control_dispersion",
            "dispersion_moments",
            within: Bound(absolute: 1e-11, relative: 1e-9),
            because: "a moment estimate near zero is the difference of large sums"
        ),
        Tolerance(
            "dispersion_trend",
            within: Bound(relative: 1e-9),
            because: "the minimiser follows the reference's path"
        ),
        Tolerance(
            "control_weight",
            "control_mean",
            "mean",
            "trend_mean",
            "prior_variance",
            within: Bound(relative: 1e-9),
            because: "one sum of terms that are all positive"
        ),
        Tolerance("iterations", within: .exact, because: "no step is that close to `tol`"),
        Tolerance(
            "size_factors",
            within: Bound(relative: 1e-12),
            because: "medians of quotients in double precision"
        ),
        Tolerance(
            "converged",
            "pts",
            "pts_rest",
            "control_expressing",
            within: .exact,
            because: "flags and shares of cells are counts"
        ),
    ])

    /// Size factors from a float32 file: the reference takes the logarithms of its counts in single
    /// precision, ours are doubles, which moves a size factor by up to 4e-8 and everything after it
    /// in proportion.
    static let ownSizeFactors = sameSizeFactors.changed(
        Tolerance(
            "X",
            "logfoldchanges",
            "logfoldchange_raw",
            "logfoldchange_raw_ln",
            "coefficients",
            within: Bound(absolute: 1e-7, perError: 3e-7),
            because: "size factors"
        ),
        Tolerance(
            "intercept",
            "control_intercept",
            within: Bound(absolute: 1e-7),
            because: "size factors"
        ),
        Tolerance(
            "standard_error",
            "standard_error_ln",
            "fitted_error",
            "control_weight",
            "control_mean",
            "mean",
            "trend_mean",
            "dispersion_trend",
            within: Bound(relative: 1e-6),
            because: "size factors"
        ),
        Tolerance(
            "z_score",
            within: Bound(absolute: 1e-6, relative: 1e-6),
            because: "size factors"
        ),
        Tolerance(
            "pvalue",
            "pvalue_adj",
            within: Bound(absolute: 3e-6, relative: 3e-6, ofLogarithms: true),
            because: "size factors; z enters ln p squared"
        ),
        Tolerance(
            "dispersion",
            "dispersion_raw",
            "control_dispersion",
            "dispersion_moments",
            within: Bound(absolute: 1e-6, relative: 1e-5),
            because: "size factors; the difference of large sums"
        ),
        Tolerance(
            "prior_variance",
            within: Bound(relative: 1e-5),
            because: "size factors, through the logarithms of moment estimates"
        ),
        Tolerance(
            "iterations",
            within: Bound(shareBeside: 1e-3),
            because: "a last step that close to `tol` takes one iteration more or less"
        ),
        Tolerance(
            "size_factors",
            within: Bound(relative: 1e-7),
            because: "logarithms of counts in single precision"
        )
    )

    // MARK: - What some options do to a table

    /// A trend for each comparison, by another minimiser than the reference's.
    ///
    /// Holds where both take the same number of rounds of leaving out outliers.
    var withOwnTrend: Tolerances {
        changed(
            Tolerance(
                "dispersion_trend",
                within: Bound(relative: 1e-5),
                because: "the reference stops minimising 2e-6 from the minimum"
            )
        )
    }

    /// A full design without a floor on fitted means.
    ///
    /// A gene silent in one group moves by nearly whole steps until its iterations run out, and its
    /// equations are nearly singular.
    var withoutFloor: Tolerances {
        changed(
            Tolerance(
                "X",
                "logfoldchanges",
                "logfoldchange_raw",
                "logfoldchange_raw_ln",
                "intercept",
                "coefficients",
                within: Bound(absolute: 1e-9, relative: 1e-8, perError: 1e-10),
                because: "nearly singular equations; 1e-9 between two ways to write the same sums"
            ),
            Tolerance(
                "standard_error",
                "standard_error_ln",
                "fitted_error",
                within: Bound(relative: 1e-7),
                because: "nearly singular equations; 7e-9 between two ways"
            ),
            Tolerance(
                "z_score",
                within: Bound(absolute: 1e-9, relative: 1e-7),
                because: "the quotient of the two"
            ),
            Tolerance(
                "pvalue",
                "pvalue_adj",
                within: Bound(absolute: 1e-7, relative: 3e-7, ofLogarithms: true),
                because: "follow z, which enters ln p squared"
            )
        )
    }

    /// Such a trend without a floor on fitted means.
    var withUnsteadyTrend: Tolerances {
        changed(
            Tolerance(
                "dispersion_trend",
                within: Bound(relative: 1e-4),
                because:
                    "moment estimates from 1e-8 to 1e6: the last digit of one moves the end of "
                    + "the reference's minimiser by 2e-5"
            )
        )
    }

    /// Dispersions drawn to such a trend by empirical Bayes, in closed form.
    var withEmpiricalBayes: Tolerances {
        changed(
            Tolerance(
                "dispersion",
                within: Bound(absolute: 1e-6, relative: 1e-5),
                because: "in proportion to the trend"
            )
        )
    }

    /// Dispersions drawn to such a trend by maximum a posteriori.
    var withPosteriorMode: Tolerances {
        changed(
            Tolerance(
                "dispersion",
                within: Bound(absolute: 2e-5, relative: 1e-4),
                because: "Brent's refinement stops at 1e-4 of ln of the dispersion, times itself"
            ),
            Tolerance(
                "standard_error",
                "standard_error_ln",
                "z_score",
                within: Bound(absolute: 1e-9, relative: 5e-5),
                because: "follow the dispersion by half at most"
            ),
            Tolerance(
                "pvalue",
                "pvalue_adj",
                within: Bound(absolute: 5e-5, relative: 1e-4, ofLogarithms: true),
                because: "follow z, which enters ln p squared"
            )
        )
    }

    /// Fold changes and errors replaced by the posterior's, found with the counts in hand.
    var withPosteriorEffects: Tolerances {
        changed(
            Tolerance(
                "X",
                "logfoldchanges",
                "standard_error",
                "standard_error_ln",
                within: Bound(absolute: 1e-4, relative: 1e-3),
                because: "the reference's minimiser stops at 1e-8 of the objective"
            ),
            Tolerance(
                "prior_scale",
                within: Bound(absolute: 1e-6, relative: 1e-5),
                because: "root of an equation, found to 1e-6"
            )
        )
    }

    /// Genes silent in the control, without a floor on fitted means; laid over the other tables.
    ///
    /// They have no intercept: the reference's is where its iterations ran out, and the standard
    /// error is the difference of numbers a billion times larger.
    static let silent = ownSizeFactors.changed(
        Tolerance(
            "X",
            "logfoldchanges",
            "logfoldchange_raw",
            "logfoldchange_raw_ln",
            "intercept",
            "control_intercept",
            "coefficients",
            within: Bound(absolute: 1e-3),
            because: "where the iterations ran out"
        ),
        Tolerance(
            "standard_error",
            "standard_error_ln",
            "fitted_error",
            within: Bound(relative: 1e-2),
            because: "the fourth digit depends on the order of additions"
        ),
        Tolerance(
            "z_score",
            within: Bound(absolute: 1e-3, relative: 1e-2),
            because: "follows the standard error"
        ),
        Tolerance(
            "pvalue",
            "pvalue_adj",
            within: Bound(absolute: 1e-2, relative: 3e-2, ofLogarithms: true),
            because: "follows z"
        ),
        Tolerance(
            "dispersion_trend",
            within: Bound(relative: 1e-4),
            because: "silent genes lie 10 orders off; the reference's trend moves by 2e-5 when its "
                + "input is changed by 1e-16"
        ),
        Tolerance(
            "iterations",
            within: Bound(shareBeside: 1e-2),
            because: "no step ever ends the iterations"
        )
    )

    // MARK: - Shrinkage of a result

    /// From effects and errors alone, given the reference's scale of the prior.
    static let shrinkageOfStatistics = Tolerances(entries: [
        Tolerance(
            "X",
            "logfoldchanges",
            "standard_error",
            within: Bound(absolute: 1e-8, relative: 1e-10),
            because: "Newton's last step, below 1e-8, is halved or not by the last digit of log1p"
        ),
        Tolerance(
            "z_score",
            "pvalue",
            "pvalue_adj",
            within: .exact,
            because: "shrinkage leaves the test alone"
        ),
        Tolerance(
            "prior_scale",
            "prior_scale_global",
            within: Bound(absolute: 1e-6, relative: 1e-5),
            because: "root of an equation, found to 1e-6"
        ),
    ])

    /// With the counts in hand.
    static let shrinkageWithCounts = shrinkageOfStatistics.withPosteriorEffects

    // MARK: - Which table a case is compared by

    /// The table of a case.
    init(_ testCase: GoldenFile.Case, _ options: AnalysisOptions) {
        switch options.method {
        case .tTest: self = .tTest
        case .wilcoxon: self = .wilcoxon
        case .shrinkage:
            let isFull = testCase.options["shrink-method"] == .text("full")
            self = isFull ? .shrinkageWithCounts : .shrinkageOfStatistics
        case .nbGLM:
            // The reference takes logarithms of integers as doubles.
            let isSame = options.sizeFactorSource == .user || testCase.input.contains("int64")
            var table: Tolerances = isSame ? .sameSizeFactors : .ownSizeFactors
            if isSame, options.minimumMean <= 0, options.fitPath == .fullDesign {
                table = table.withoutFloor
            }
            if !options.usesGlobalDispersion, options.shrinkDispersion {
                table = table.withOwnTrend
                if options.minimumMean <= 0 { table = table.withUnsteadyTrend }
                table =
                    options.useMAPDispersion ? table.withPosteriorMode : table.withEmpiricalBayes
            }
            self = options.inlineShrinkage == .apeglm ? table.withPosteriorEffects : table
        }
    }

    private init(entries: [Tolerance]) {
        self.entries = entries
    }
}
