import AnnData
import Foundation
import Testing

/// Writes results of every method's layout for `check_results.py`, which opens them with anndata and
/// scanpy; run with `CRISPYX_RESULTS_FOR_PYTHON=DIRECTORY`.
@Suite("Results for a check with anndata and scanpy")
struct ResultsForPython {
    private static let directory =
        ProcessInfo.processInfo.environment["CRISPYX_RESULTS_FOR_PYTHON"]

    private static let common = ["z_score", "pvalue", "pvalue_adj"]
    private static let single = ["pts", "pts_rest", "converged", "iterations"]
    private static let methods: [(name: String, layers: [String], singles: [String])] = [
        (
            "t_test", ["X"] + common + ["logfoldchanges", "pts", "pts_rest"],
            ["X", "logfoldchanges"]
        ),
        (
            "wilcoxon",
            ["X"] + common + ["logfoldchanges", "u_statistic", "pts", "pts_rest"], []
        ),
        (
            "nb_glm",
            ["X"] + common + [
                "logfoldchanges", "intercept", "dispersion", "converged", "iterations", "pts",
                "pts_rest",
            ], []
        ),
    ]

    @Test("layouts of all methods", .enabled(if: directory != nil))
    func write() throws {
        let directory = try #require(Self.directory)
        for method in Self.methods {
            for column in ["guide", "perturbation"] {
                for genes in [(0..<60).map { "G\($0)" }, (0..<60).map { "γ\($0)" }] {
                    let kind = genes[0].hasPrefix("G") ? "ascii" : "utf8"
                    try write(
                        directory + "/\(method.name).\(column).\(kind).h5ad",
                        method,
                        column,
                        genes,
                        perturbations: ["GATA1", "A,B", "βTrCP", "failed one"]
                    )
                }
            }
        }
        try write(
            directory + "/slash.h5ad",
            Self.methods[1],
            "guide",
            ["g", "g"] + (0..<58).map { "G\($0)" },
            perturbations: ["HLA-A/B", "TET2"]
        )
    }

    private func write(
        _ path: String,
        _ method: (name: String, layers: [String], singles: [String]),
        _ column: String,
        _ genes: [String],
        perturbations: [String]
    ) throws {
        let layout = ResultLayout(
            perturbationColumn: column,
            perturbations: perturbations,
            genes: genes,
            layers: method.layers.map { name in
                (
                    name,
                    (Self.single + method.singles).contains(name) ? .float32 : .float64
                )
            },
            uns: [
                ("method", .string(method.name)), ("control_label", .string("contrôle")),
                ("perturbation_column", .string(column)),
                ("covariates", .doubles([])), ("tie_correct", .boolean(true)),
                (ResultLayout.markerKey, .dictionary([("fingerprint", .string("0"))])),
            ],
            statusCategories: ["ok", "failed", "quarantined"],
            scanpyGroups: ScanpyGroups(
                method: method.name,
                reference: "contrôle",
                correction: "benjamini-hochberg"
            )
        )
        let map = try ResultFile.create(path: path, layout: layout)
        let rows = try ResultRows(path: path, map: map)
        for row in perturbations.indices {
            guard perturbations[row] != "failed one" else {
                try rows.fillFailed(row: row)
                try rows.setStatus(row: row, code: 1)
                continue
            }
            for layer in map.layers.indices {
                let values = genes.indices.map { gene -> Double in
                    if layer < 5, gene % 11 == 4 { return .nan }
                    return sin(Double(layer * 7919 + row * 104_729 + gene * gene))
                }
                try rows.write(layer: layer, row: row, values: values)
            }
            try rows.setStatus(row: row, code: 0)
        }
        try ScanpyGroups.fill(rows, genes: genes)
    }
}
