import AnnData
import DifferentialExpression
import Statistics

/// Describes the result file of a run: nothing in it depends on time, host, path or luck.
struct ResultDescription {
    /// Codes of the `status` column.
    static let statusCategories = ["ok", "failed", "quarantined"]

    let options: AnalysisOptions
    let schema: RowSchema
    let plan: ScreenPlan
    let genes: [String]
    /// Size factors of the cells with a label, in file order.
    let sizeFactors: [Double]
    let fingerprint: String

    /// The layout to create the file with, with provenance added.
    var layout: ResultLayout {
        ResultLayout(
            perturbationColumn: options.perturbationColumn,
            perturbations: plan.perturbations,
            genes: genes,
            layers: schema.layers.map { ($0.name, $0.type == .float32 ? .float32 : .float64) },
            uns: uns,
            statusCategories: Self.statusCategories
        )
    }

    private var uns: [(String, UnsValue)] {
        let filter = options.filter
        return [
            ("lfc_base", .string(options.foldChangeBase.rawValue)),
            ("method", .string(options.method.rawValue)),
            ("fit_method", .string("independent")),
            ("control_label", .string(plan.controlLabel)),
            ("perturbation_column", .string(options.perturbationColumn)),
            ("covariates", .doubles([])),
            ("size_factors", .doubles(sizeFactors)),
            ("size_factor_method", .string("sparse")),
            ("size_factor_scope", .string("global")),
            ("dispersion_scope", .string("global")),
            ("pvalue_correction", .string(options.correction.rawValue)),
            (
                "de_filter",
                .dictionary([
                    ("min_cells_expressed", .integer(Int64(filter.minimumCellsExpressed))),
                    ("min_pct_ctrl", .double(filter.minimumShareControl)),
                    ("min_pct_pert", .double(filter.minimumSharePerturbed)),
                    ("min_mean_ctrl", .double(filter.minimumMeanControl)),
                    ("min_mean_pert", .double(filter.minimumMeanPerturbed)),
                ])
            ),
            ("profiling", .string("NA")),
            (
                ResultLayout.markerKey,
                .dictionary([
                    ("fingerprint", .string(fingerprint)),
                    ("compat", .string(options.compatibility)),
                    ("freeze_control", .boolean(true)),
                    ("size_factor_source", .string(options.sizeFactorSource.rawValue)),
                    ("scale_size_factors", .boolean(options.scaleSizeFactors)),
                    ("min_mu", .double(options.minimumMean)),
                    ("max_iter", .integer(Int64(options.maximumIterations))),
                    ("tol", .double(options.tolerance)),
                    ("row_schema", .integer(Int64(schema.version))),
                ])
            ),
        ]
    }
}
