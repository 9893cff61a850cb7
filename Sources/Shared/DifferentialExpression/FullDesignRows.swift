import Statistics

extension FullDesignAnalysis {
    /// Genes that pass the filters, and those of them with enough counts for a fit.
    ///
    /// The filter compares means of raw counts here.
    func selectGenes(
        _ counts: GeneMajorCounts,
        cells: Int
    ) -> (tested: [Int], fitted: [Int]) {
        let sums = counts.sums()
        let tested = (0..<geneCount).filter { gene in
            options.filter.admits(
                control: .init(
                    expressing: Int(controlExpressing[gene]),
                    mean: controlCountSums[gene] / Double(max(controlCells, 1)),
                    cells: controlCells
                ),
                perturbed: .init(
                    expressing: counts.expressingCells(gene),
                    mean: sums[gene] / Double(max(cells, 1)),
                    cells: cells
                )
            )
        }
        let fitted = tested.filter {
            controlCountSums[$0] + sums[$0] >= options.minimumTotalCount
        }
        return (tested, fitted)
    }
}

extension FullDesignFit {
    /// Assembles the layers: test, adjustment, units, masks (docs/numbers.md, E6).
    ///
    /// - Parameters:
    ///   - trend: Trend of every gene; empty for NaN throughout.
    ///   - dispersions: Dispersion of every gene; likewise.
    /// - Returns: The row.
    func row(trend: [Double], dispersions: [Double]) -> PerturbationRow {
        let geneCount = analysis.geneCount
        var layers = RowLayers(geneCount: geneCount)
        layers.controlShare = layers.share
        layers.dispersion = layers.effect
        layers.ownDispersion = layers.effect
        layers.dispersionTrend = layers.effect
        for gene in genes.tested {
            let expressing = Double(counts.expressingCells(gene))
            layers.share[gene] = Float(expressing / Double(cellCount))
            layers.controlShare[gene] = Float(
                analysis.controlExpressing[gene] / Double(analysis.controlCells)
            )
        }
        if !trend.isEmpty {
            layers.dispersionTrend = trend
            layers.dispersion = dispersions
            layers.ownDispersion = genes.ownByGene
        }
        for (index, gene) in genes.fitted.enumerated() { add(index, gene, &layers) }
        layers.shrunken = effects?.row
        return PerturbationRow(
            perturbation: perturbation,
            bytes: layers.encoded(options: analysis.options)
        )
    }

    /// What the fit knows of every gene; no coefficients and no error where it reports none.
    ///
    /// - Parameters:
    ///   - dispersions: Dispersion of every gene.
    ///   - columns: Fitted columns.
    /// - Returns: One fit a gene.
    func earlierFits(_ dispersions: [Double], columns: Int) -> [EarlierFit] {
        let missing = [Double](repeating: .nan, count: columns)
        return dispersions.indices.map { gene in
            let index = Int(genes.fittedIndex[gene])
            guard index >= 0, let coefficients = coefficients(ofGene: gene),
                let error = reportedError(index, effect: coefficients[1])
            else {
                return EarlierFit(
                    coefficients: missing,
                    standardError: .nan,
                    dispersion: dispersions[gene]
                )
            }
            return EarlierFit(
                coefficients: coefficients,
                standardError: error,
                dispersion: dispersions[gene]
            )
        }
    }

    /// The standard error of a fitted gene that is reported; nil for one that is not.
    ///
    /// What the fit itself could not tell stays untested, whatever came after it.
    private func reportedError(_ index: Int, effect: Double) -> Double? {
        let state = genes.states[index]
        guard state.convergedAt != nil, effect.isFinite, state.standardError.isFinite,
            state.standardError > 0
        else { return nil }
        let posteriorError = genes.posteriorErrors[index]
        return posteriorError.isNaN ? state.standardError : posteriorError
    }

    private func add(_ index: Int, _ gene: Int, _ layers: inout RowLayers) {
        guard let model else { return }
        let state = genes.states[index]
        layers.setIterations(gene, done: state.iterations, convergedAt: state.convergedAt)
        if model.columnCount == 2, let convergedAt = state.convergedAt {
            // With two columns the iteration that converged counts too.
            layers.iterations[gene] = Float(convergedAt)
        }
        guard let coefficients = coefficients(ofGene: gene),
            let error = reportedError(index, effect: coefficients[1])
        else { return }
        layers.setTest(
            gene,
            effect: coefficients[1],
            standardError: error,
            intercept: coefficients[0]
        )
    }
}
