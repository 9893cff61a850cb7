package import CountBlocks
import Statistics

/// The result of one perturbation: every per-pair layer of the row schema, by gene.
package struct PerturbationRow: Sendable {
    /// Position of the perturbation in the result.
    package let perturbation: UInt32
    /// All per-pair layers in schema order, little-endian.
    package let bytes: [UInt8]
}

/// Fits one perturbation at a time against a frozen control (docs/numbers.md, E5).
package struct FrozenAnalysis: Sendable {
    private let geneCount: Int
    private let controlCells: Int
    private let intercept: [Double]
    private let dispersion: [Double]
    private let controlWeight: [Double]
    private let controlMean: [Double]
    private let controlExpressing: [Double]
    private let options: AnalysisOptions
    private let floor: MeanFloor

    /// Prepares fits with one cache and one set of options.
    package init(cache: ControlCache, options: AnalysisOptions) {
        geneCount = cache.geneCount
        controlCells = cache.controlCells
        intercept = cache[.intercept]
        dispersion = cache[.dispersion]
        controlWeight = cache[.controlWeight]
        controlMean = cache[.controlMean]
        controlExpressing = cache[.controlExpressing]
        self.options = options
        floor = MeanFloor(minimum: options.minimumMean)
    }

    /// Fits all genes of one perturbation.
    ///
    /// - Parameters:
    ///   - perturbation: Position of the perturbation in the result.
    ///   - segments: The perturbation's cells in file order.
    ///   - sizeFactors: Size factors of those cells in file order.
    /// - Returns: Every per-pair layer.
    package func fit(
        perturbation: UInt32,
        segments: [DecodedSegment],
        sizeFactors: [Double]
    ) -> PerturbationRow {
        let group = GroupOffsets(sizeFactors: sizeFactors)
        let counts = Self.byGene(segments, group: group, geneCount: geneCount)
        let tested = testedGenes(counts, group)
        var fits = [FrozenEffectFit](repeating: FrozenEffectFit(), count: tested.count)
        var lastIteration = 0
        for (index, gene) in tested.enumerated() {
            let model = model(gene)
            counts.withGene(gene) {
                fits[index].runToConvergence(model: model, group: group, gene: $0)
            }
            lastIteration = max(lastIteration, fits[index].iterations)
        }
        for (index, gene) in tested.enumerated() {
            let model = model(gene)
            counts.withGene(gene) {
                fits[index].run(until: lastIteration, model: model, group: group, gene: $0)
            }
        }
        return row(perturbation, tested, fits, counts, group)
    }

    private func model(_ gene: Int) -> FrozenModel {
        FrozenModel(
            intercept: intercept[gene],
            dispersion: dispersion[gene],
            floor: floor,
            tolerance: options.tolerance,
            maximumIterations: options.maximumIterations
        )
    }

    /// The perturbation's counts by gene.
    private static func byGene(
        _ segments: [DecodedSegment],
        group: GroupOffsets,
        geneCount: Int
    ) -> GeneMajorCounts {
        var detections = [Int](repeating: 0, count: geneCount)
        for segment in segments {
            segment.withCells { cells in
                for gene in cells.genes { detections[Int(gene)] += 1 }
            }
        }
        return GeneMajorCounts(
            genes: 0..<geneCount,
            detections: detections,
            group: group,
            segments: segments
        )
    }

    /// Genes that pass the low-expression filter, ascending.
    private func testedGenes(_ counts: GeneMajorCounts, _ group: GroupOffsets) -> [Int] {
        (0..<geneCount).filter { gene in
            let scaled = counts.withGene(gene) { nonzeros in
                var sum = 0.0
                for index in 0..<nonzeros.counts.count {
                    sum +=
                        Double(nonzeros.counts[index])
                        / group.sizeFactors[Int(nonzeros.positions[index])]
                }
                return sum
            }
            return options.filter.admits(
                control: .init(
                    expressing: Int(controlExpressing[gene]),
                    mean: controlMean[gene],
                    cells: controlCells
                ),
                perturbed: .init(
                    expressing: counts.expressingCells(gene),
                    mean: scaled / Double(group.count),
                    cells: group.count
                )
            )
        }
    }

    /// Assembles the layers: test, adjustment, units, masks (docs/numbers.md, E6).
    private func row(
        _ perturbation: UInt32,
        _ tested: [Int],
        _ fits: [FrozenEffectFit],
        _ counts: GeneMajorCounts,
        _ group: GroupOffsets
    ) -> PerturbationRow {
        var layers = RowLayers(geneCount: geneCount)
        for gene in 0..<geneCount {
            let expressing = counts.expressingCells(gene)
            let enough =
                expressing + Int(controlExpressing[gene])
                >= options.filter.minimumCellsExpressed
            layers.share[gene] = enough ? Float(Double(expressing) / Double(group.count)) : 0
        }
        for (index, gene) in tested.enumerated() {
            let fit = fits[index]
            layers.converged[gene] = fit.convergedAt == nil ? 0 : 1
            // Iterations count those that ended without convergence, as the published package's do.
            layers.iterations[gene] = Float(fit.convergedAt.map { $0 - 1 } ?? fit.iterations)
            let error = WaldTest.standardError(
                controlWeight: controlWeight[gene],
                groupWeight: fit.weight
            )
            guard fit.convergedAt != nil, fit.effect.isFinite, error.isFinite, error > 0 else {
                continue
            }
            layers.effect[gene] = fit.effect
            layers.standardError[gene] = error
            layers.intercept[gene] = intercept[gene]
            layers.zScore[gene] = fit.effect / error
            layers.pValue[gene] = NormalDistribution.twoSidedPValue(z: fit.effect / error)
        }
        return PerturbationRow(
            perturbation: perturbation,
            bytes: layers.encoded(options: options)
        )
    }
}

/// The values of one row before they are put into schema order.
private struct RowLayers {
    var effect: [Double]
    var standardError: [Double]
    var intercept: [Double]
    var zScore: [Double]
    var pValue: [Double]
    var converged: [Float]
    var iterations: [Float]
    var share: [Float]

    init(geneCount: Int) {
        let untested = [Double](repeating: .nan, count: geneCount)
        let zeros = [Float](repeating: 0, count: geneCount)
        effect = untested
        standardError = untested
        intercept = untested
        zScore = untested
        pValue = untested
        converged = zeros
        iterations = zeros
        share = zeros
    }

    func encoded(options: AnalysisOptions) -> [UInt8] {
        let unit = options.foldChangeBase == .log2 ? RealFunctions.log(2) : 1
        let foldChange = effect.map { $0 / unit }
        return RowSchema.nbGLM.encoded(geneCount: effect.count) { layer in
            switch layer {
            case "X", "logfoldchanges", "logfoldchange_raw": .doubles(foldChange)
            case "z_score": .doubles(zScore)
            case "pvalue": .doubles(pValue)
            case "pvalue_adj": .doubles(MultipleTesting.adjust(pValue, by: options.correction))
            case "logfoldchange_raw_ln": .doubles(effect)
            case "intercept": .doubles(intercept)
            case "standard_error": .doubles(standardError.map { $0 / unit })
            case "standard_error_ln": .doubles(standardError)
            case "converged": .singles(converged)
            case "iterations": .singles(iterations)
            case "pts": .singles(share)
            default: preconditionFailure("the schema names a layer without values: \(layer)")
            }
        }
    }
}
