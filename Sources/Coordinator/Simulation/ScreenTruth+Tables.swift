package import AnnData

extension ScreenTruth {
    /// Everything of the screen except its counts: names, labels, and the truth.
    ///
    /// - `obs`: `perturbation`, `batch`, `size_factor`
    /// - `var`: `mean`, `dispersion`
    /// - `varm/batch_log_fold_change`: natural logarithm, genes x batches, when there are several
    /// - `uns/simulation`: the design
    /// - `uns/truth`: one entry for each effect in `perturbation`, `gene`, `log2_fold_change`
    package var tables: ScreenTables {
        let cellWidth = String(cellCount - 1).count
        let batchWidth = String(design.batches).count
        let matrices =
            design.batches > 1
            ? [(name: "batch_log_fold_change", values: batchEffects, width: design.batches)] : []
        return ScreenTables(
            cells: (0..<cellCount).map { Self.name("cell", $0, width: cellWidth) },
            cellColumns: [
                ScreenColumn("perturbation", .categorical(codes: groups, categories: groupNames)),
                ScreenColumn(
                    "batch",
                    .categorical(
                        codes: batches,
                        categories: (1...design.batches).map {
                            Self.name("batch", $0, width: batchWidth)
                        }
                    )
                ),
                ScreenColumn("size_factor", .doubles(sizeFactors)),
            ],
            genes: geneNames,
            geneColumns: [
                ScreenColumn("mean", .doubles(means)),
                ScreenColumn("dispersion", .doubles(dispersions)),
            ],
            geneMatrices: matrices,
            uns: [("simulation", .dictionary(design.entries)), ("truth", .dictionary(effectTable))]
        )
    }

    private var effectTable: [(String, UnsValue)] {
        var perturbations: [String] = []
        var genes: [String] = []
        var changes: [Double] = []
        for (target, effects) in zip(targets, effects) {
            for effect in effects {
                perturbations.append(geneNames[target])
                genes.append(geneNames[effect.gene])
                changes.append(effect.log2FoldChange)
            }
        }
        return [
            ("perturbation", .strings(perturbations)),
            ("gene", .strings(genes)),
            ("log2_fold_change", .doubles(changes)),
        ]
    }
}

extension ScreenDesign {
    /// The design as it is recorded in the file.
    fileprivate var entries: [(String, UnsValue)] {
        [
            ("model", .string("negative_binomial")),
            ("perturbations", .integer(Int64(perturbations))),
            ("genes", .integer(Int64(genes))),
            ("cells_per_perturbation", .double(cellsPerPerturbation)),
            ("cells_log_sd", .double(cellsLogDeviation)),
            ("control_cells", .integer(Int64(controlCellCount))),
            ("control_label", .string(Self.controlLabel)),
            // Text, because a seed may be too large for the signed numbers of some readers.
            ("seed", .string(String(seed))),
            ("depth", .double(depth)),
            ("size_factor_log_sd", .double(sizeFactorLogDeviation)),
            ("gene_mean_log_sd", .double(geneMeanLogDeviation)),
            ("dispersion_floor", .double(dispersionFloor)),
            ("dispersion_slope", .double(dispersionSlope)),
            ("dispersion_log_sd", .double(dispersionLogDeviation)),
            ("batches", .integer(Int64(batches))),
            ("batch_log_sd", .double(batchLogDeviation)),
            ("effects", .integer(Int64(effects))),
            ("effect_log2_sd", .double(effectDeviation)),
            ("knockdown_log2", .double(knockdown)),
            ("shuffled", .boolean(isShuffled)),
        ]
    }
}
