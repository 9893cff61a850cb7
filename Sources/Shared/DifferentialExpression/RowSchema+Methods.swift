extension RowSchema {
    /// Rows of the negative binomial GLM with one dispersion per gene.
    package static let nbGLM = negativeBinomial(
        version: 1,
        dispersions: .perGene,
        controls: .perGene
    )

    /// Rows of the negative binomial GLM with a dispersion for each pair.
    package static let nbGLMOwnDispersions = negativeBinomial(
        version: 2,
        dispersions: .perPair,
        controls: .perGene
    )

    /// Rows of the full-design fit, whose control share is masked like everything else.
    package static let nbGLMFullDesign = negativeBinomial(
        version: 3,
        dispersions: .perPair,
        controls: .perPair
    )

    /// Rows of Welch's t-test.
    package static let tTest = RowSchema(
        version: 4,
        layers: [
            Layer(name: "X", type: .float32, scope: .perPair),
            Layer(name: "z_score", type: .float64, scope: .perPair),
            Layer(name: "pvalue", type: .float64, scope: .perPair),
            Layer(name: "pvalue_adj", type: .float64, scope: .perPair),
            Layer(name: "logfoldchanges", type: .float32, scope: .perPair),
            Layer(name: "pts", type: .float32, scope: .perPair),
            Layer(name: "pts_rest", type: .float32, scope: .perGene),
        ]
    )

    /// Rows of Wilcoxon's rank-sum test.
    package static let wilcoxon = RowSchema(
        version: 5,
        layers: [
            Layer(name: "X", type: .float64, scope: .perPair),
            Layer(name: "z_score", type: .float64, scope: .perPair),
            Layer(name: "pvalue", type: .float64, scope: .perPair),
            Layer(name: "pvalue_adj", type: .float64, scope: .perPair),
            Layer(name: "logfoldchanges", type: .float64, scope: .perPair),
            Layer(name: "u_statistic", type: .float64, scope: .perPair),
            Layer(name: "pts", type: .float32, scope: .perPair),
            Layer(name: "pts_rest", type: .float32, scope: .perPair),
        ]
    )

    /// What shrinkage replaces in the rows of an earlier result.
    package static let shrinkage = RowSchema(
        version: 6,
        layers: [
            Layer(name: "X", type: .float64, scope: .perPair),
            Layer(name: "logfoldchanges", type: .float64, scope: .perPair),
            Layer(name: "standard_error", type: .float64, scope: .perPair),
        ]
    )

    private static func negativeBinomial(
        version: UInt32,
        dispersions: Scope,
        controls: Scope
    ) -> RowSchema {
        RowSchema(
            version: version,
            layers: [
                Layer(name: "X", type: .float64, scope: .perPair),
                Layer(name: "z_score", type: .float64, scope: .perPair),
                Layer(name: "pvalue", type: .float64, scope: .perPair),
                Layer(name: "pvalue_adj", type: .float64, scope: .perPair),
                Layer(name: "logfoldchanges", type: .float64, scope: .perPair),
                Layer(name: "logfoldchange_raw", type: .float64, scope: .perPair),
                Layer(name: "logfoldchange_raw_ln", type: .float64, scope: .perPair),
                Layer(name: "intercept", type: .float64, scope: .perPair),
                Layer(name: "standard_error", type: .float64, scope: .perPair),
                Layer(name: "standard_error_ln", type: .float64, scope: .perPair),
                Layer(name: "dispersion", type: .float64, scope: dispersions),
                Layer(name: "dispersion_raw", type: .float64, scope: dispersions),
                Layer(name: "dispersion_trend", type: .float64, scope: dispersions),
                Layer(name: "converged", type: .float32, scope: .perPair),
                Layer(name: "iterations", type: .float32, scope: .perPair),
                Layer(name: "pts", type: .float32, scope: .perPair),
                Layer(name: "pts_rest", type: .float32, scope: controls),
            ]
        )
    }
}
