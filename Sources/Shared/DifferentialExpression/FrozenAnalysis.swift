package import CountBlocks
import Statistics

/// The result of one perturbation: every per-pair layer of the row schema, by gene.
package struct PerturbationRow: Sendable {
    /// Position of the perturbation in the result.
    package let perturbation: UInt32
    /// All per-pair layers in schema order, little-endian.
    package let bytes: [UInt8]

    /// Takes a row's bytes.
    package init(perturbation: UInt32, bytes: [UInt8]) {
        self.perturbation = perturbation
        self.bytes = bytes
    }
}

/// Fits one perturbation at a time against a frozen control (docs/numbers.md, E5).
package struct FrozenAnalysis: Sendable {
    private let geneCount: Int
    private let intercept: [Double]
    private let dispersion: [Double]
    private let controlWeight: [Double]
    private let control: ControlExpression
    private let options: AnalysisOptions
    private let floor: MeanFloor

    /// Prepares fits with one cache and one set of options.
    package init(cache: ControlCache, options: AnalysisOptions) {
        geneCount = cache.geneCount
        intercept = cache[.intercept]
        dispersion = cache[.dispersion]
        controlWeight = cache[.controlWeight]
        control = ControlExpression(cache: cache, filter: options.filter)
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
            return control.admits(
                gene: gene,
                expressingCells: counts.expressingCells(gene),
                scaledSum: scaled,
                cells: group.count
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
            layers.share[gene] = control.share(
                gene: gene,
                expressingCells: counts.expressingCells(gene),
                cells: group.count
            )
        }
        for (index, gene) in tested.enumerated() {
            let fit = fits[index]
            layers.setIterations(gene, done: fit.iterations, convergedAt: fit.convergedAt)
            guard fit.convergedAt != nil else { continue }
            let error = WaldTest.standardError(
                controlWeight: controlWeight[gene],
                groupWeight: fit.weight
            )
            layers.setTest(
                gene,
                effect: fit.effect,
                standardError: error,
                intercept: intercept[gene]
            )
        }
        return PerturbationRow(
            perturbation: perturbation,
            bytes: layers.encoded(options: options)
        )
    }
}
