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
    func row(trend: [Double], dispersions: [Double]) -> PerturbationRow {
        let geneCount = analysis.geneCount
        var layers = FullDesignLayers(geneCount: geneCount)
        for gene in genes.tested {
            let expressing = Double(counts.expressingCells(gene))
            layers.share[gene] = Float(expressing / Double(cellCount))
            layers.controlShare[gene] = Float(
                analysis.controlExpressing[gene] / Double(analysis.controlCells)
            )
        }
        if !trend.isEmpty {
            layers.trend = trend
            layers.dispersion = dispersions
            layers.ownDispersion = genes.ownByGene
        }
        for (index, gene) in genes.fitted.enumerated() { add(index, gene, &layers) }
        return PerturbationRow(
            perturbation: perturbation,
            bytes: layers.encoded(options: analysis.options)
        )
    }

    private func add(_ index: Int, _ gene: Int, _ layers: inout FullDesignLayers) {
        guard let model else { return }
        let state = genes.states[index]
        layers.converged[gene] = state.convergedAt == nil ? 0 : 1
        // With more than two columns iterations count those that ended without convergence.
        let uncounted = model.columnCount > 2 ? 1 : 0
        layers.iterations[gene] = Float(
            state.convergedAt.map { $0 - uncounted } ?? state.iterations
        )
        guard state.convergedAt != nil, let coefficients = coefficients(ofGene: gene),
            coefficients[1].isFinite, state.standardError.isFinite, state.standardError > 0
        else { return }
        let posteriorError = genes.posteriorErrors[index]
        let error = posteriorError.isNaN ? state.standardError : posteriorError
        layers.effect[gene] = coefficients[1]
        layers.intercept[gene] = coefficients[0]
        layers.standardError[gene] = error
        layers.zScore[gene] = coefficients[1] / error
        layers.pValue[gene] = NormalDistribution.twoSidedPValue(z: coefficients[1] / error)
    }
}

/// The values of one row before they are put into schema order.
private struct FullDesignLayers {
    var effect: [Double]
    var standardError: [Double]
    var intercept: [Double]
    var zScore: [Double]
    var pValue: [Double]
    var dispersion: [Double]
    var ownDispersion: [Double]
    var trend: [Double]
    var converged: [Float]
    var iterations: [Float]
    var share: [Float]
    var controlShare: [Float]

    init(geneCount: Int) {
        let untested = [Double](repeating: .nan, count: geneCount)
        let zeros = [Float](repeating: 0, count: geneCount)
        effect = untested
        standardError = untested
        intercept = untested
        zScore = untested
        pValue = untested
        dispersion = untested
        ownDispersion = untested
        trend = untested
        converged = zeros
        iterations = zeros
        share = zeros
        controlShare = zeros
    }

    func encoded(options: AnalysisOptions) -> [UInt8] {
        let unit = options.foldChangeBase == .log2 ? RealFunctions.log(2) : 1
        let foldChange = effect.map { $0 / unit }
        return RowSchema.nbGLMFullDesign.encoded(geneCount: effect.count) { layer in
            switch layer {
            case "X", "logfoldchanges", "logfoldchange_raw": .doubles(foldChange)
            case "z_score": .doubles(zScore)
            case "pvalue": .doubles(pValue)
            case "pvalue_adj": .doubles(MultipleTesting.adjust(pValue, by: options.correction))
            case "logfoldchange_raw_ln": .doubles(effect)
            case "intercept": .doubles(intercept)
            case "standard_error": .doubles(standardError.map { $0 / unit })
            case "standard_error_ln": .doubles(standardError)
            case "dispersion": .doubles(dispersion)
            case "dispersion_raw": .doubles(ownDispersion)
            case "dispersion_trend": .doubles(trend)
            case "converged": .singles(converged)
            case "iterations": .singles(iterations)
            case "pts": .singles(share)
            case "pts_rest": .singles(controlShare)
            default: preconditionFailure("the schema names a layer without values: \(layer)")
            }
        }
    }
}
