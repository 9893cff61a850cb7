import AnnData

extension ResultLayout {
    /// A small layout whose labels and genes hold what paths and lists trip over.
    static func example(column: String = "guide") -> ResultLayout {
        ResultLayout(
            perturbationColumn: column,
            perturbations: ["A,B", "HLA-A/B", "βTrCP"],
            genes: ["g/1", "g,2", "γ", "g/1"],
            layers: [("X", .float64), ("pvalue", .float64), ("pts", .float32)],
            uns: [
                ("method", .string("nb_glm")),
                ("covariates", .doubles([])),
                ("names", .strings(["a", "", "é"])),
                ("nothing", .strings([])),
                ("flag", .boolean(true)),
                ("number", .integer(-5)),
                ("ratio", .double(3.25)),
                ("size_factors", .doubles([1, 2, 3.5])),
                (
                    "crispyx_cluster",
                    .dictionary([
                        ("fingerprint", .string("0123")),
                        ("inner", .dictionary([("a", .integer(1))])),
                    ])
                ),
            ],
            statusCategories: ["complete", "failed", "quarantined"]
        )
    }
}
