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
    let fingerprint: Fingerprint
    /// The matrix that was tested, when statistics in scanpy's form are wanted; nil otherwise.
    let scanpyMatrix: MatrixChoice?

    /// The layout to create the file with, with provenance added.
    var layout: ResultLayout {
        ResultLayout(
            perturbationColumn: options.perturbationColumn,
            perturbations: plan.perturbations,
            genes: genes,
            layers: schema.layers.map { ($0.name, $0.type == .float32 ? .float32 : .float64) },
            uns: uns,
            statusCategories: Self.statusCategories,
            scanpyGroups: scanpyMatrix.map { matrix in
                ScanpyGroups(
                    method: options.method.rawValue,
                    reference: plan.controlLabel,
                    correction: options.correction.rawValue,
                    inputLayer: matrix.layerName
                )
            }
        )
    }

    private var uns: [(String, UnsValue)] {
        let common: [(String, UnsValue)] = [
            ("method", .string(options.method.rawValue)),
            ("control_label", .string(plan.controlLabel)),
            ("perturbation_column", .string(options.perturbationColumn)),
            ("pvalue_correction", .string(options.correction.rawValue)),
            ("de_filter", filter),
        ]
        switch options.method {
        case .tTest: return common + [marker([])]
        case .wilcoxon:
            let ties = UnsValue.boolean(options.tieCorrection)
            return common + [("tie_correct", ties), marker([])]
        case .nbGLM, .shrinkage: return common + negativeBinomial
        }
    }

    private var filter: UnsValue {
        let filter = options.filter
        return .dictionary([
            ("min_cells_expressed", .integer(Int64(filter.minimumCellsExpressed))),
            ("min_pct_ctrl", .double(filter.minimumShareControl)),
            ("min_pct_pert", .double(filter.minimumSharePerturbed)),
            ("min_mean_ctrl", .double(filter.minimumMeanControl)),
            ("min_mean_pert", .double(filter.minimumMeanPerturbed)),
        ])
    }

    private var negativeBinomial: [(String, UnsValue)] {
        [
            ("lfc_base", .string(options.foldChangeBase.rawValue)),
            ("fit_method", .string("independent")),
            (
                "covariates",
                options.covariates.isEmpty ? .doubles([]) : .strings(options.covariates)
            ),
            ("size_factors", .doubles(sizeFactors)),
            (
                "size_factor_method",
                .string(options.sizeFactorSource == .deseq2 ? "deseq2" : "sparse")
            ),
            ("size_factor_scope", .string(options.sizeFactorScope.rawValue)),
            ("dispersion_scope", .string(options.dispersionScope.rawValue)),
            ("lfc_shrinkage_type", .string(options.inlineShrinkage.rawValue)),
            ("profiling", .string("NA")),
            marker([
                ("fit_path", .string(options.fitPath.rawValue)),
                ("freeze_control", .boolean(options.fitPath == .frozen)),
                ("use_control_cache", .boolean(options.useControlCache)),
                ("size_factor_source", .string(options.sizeFactorSource.rawValue)),
                ("scale_size_factors", .boolean(options.scaleSizeFactors)),
                ("dispersion_method", .string(options.dispersionMethod.rawValue)),
                ("shrink_dispersion", .boolean(options.shrinkDispersion)),
                ("use_map_dispersion", .boolean(options.useMAPDispersion)),
                ("se_method", .string(options.standardErrorMethod.rawValue)),
                ("min_mu", .double(options.minimumMean)),
                ("min_total_count", .double(options.minimumTotalCount)),
                ("max_iter", .integer(Int64(options.maximumIterations))),
                ("tol", .double(options.tolerance)),
                ("poisson_init_iter", .integer(Int64(options.poissonIterations))),
            ]),
        ]
    }

    /// The dictionary by which a result of this program is recognised.
    private func marker(_ more: [(String, UnsValue)]) -> (String, UnsValue) {
        (
            ResultLayout.markerKey,
            .dictionary(
                [
                    ("fingerprint", .string(fingerprint.text)),
                    ("content", .string("\(fingerprint.content)")),
                    ("compat", .string(options.compatibility)),
                    ("row_schema", .integer(Int64(schema.version))),
                ] + more
            )
        )
    }
}
