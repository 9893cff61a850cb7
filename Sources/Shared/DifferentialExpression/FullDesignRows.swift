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
        return PerturbationRow(
            perturbation: perturbation,
            bytes: layers.encoded(options: analysis.options)
        )
    }

    private func add(_ index: Int, _ gene: Int, _ layers: inout RowLayers) {
        guard let model else { return }
        let state = genes.states[index]
        layers.setIterations(gene, done: state.iterations, convergedAt: state.convergedAt)
        if model.columnCount == 2, let convergedAt = state.convergedAt {
            // With two columns the iteration that converged counts too.
            layers.iterations[gene] = Float(convergedAt)
        }
        // What the fit itself could not tell stays untested, whatever came after it.
        guard state.convergedAt != nil, let coefficients = coefficients(ofGene: gene),
            state.standardError.isFinite, state.standardError > 0
        else { return }
        let posteriorError = genes.posteriorErrors[index]
        layers.setTest(
            gene,
            effect: coefficients[1],
            standardError: posteriorError.isNaN ? state.standardError : posteriorError,
            intercept: coefficients[0]
        )
    }
}
