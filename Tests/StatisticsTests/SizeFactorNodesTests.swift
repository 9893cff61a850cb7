import Foundation
import Statistics
import Testing

/// A group of cells with nodes and one measured gene.
struct MeasuredSample {
    let gene: SampleGene
    let nodes: SizeFactorNodes
    let counts: MeasuredCounts

    init(_ gene: SampleGene) {
        self.gene = gene
        let nodes = SizeFactorNodes(group: gene.group)
        self.nodes = nodes
        counts = Self.counts(of: gene, nodes: nodes)
    }

    /// The gene's counts as gene 0 of a table of its own.
    static func counts(of gene: SampleGene, nodes: SizeFactorNodes) -> MeasuredCounts {
        var byPosition = [UInt32](repeating: 0, count: gene.counts.count)
        for (cell, count) in gene.counts.enumerated() {
            byPosition[Int(gene.group.position[cell])] = count
        }
        return MeasuredCounts(
            genes: 0..<1,
            detections: [byPosition.count { $0 > 0 }],
            group: gene.group,
            nodes: nodes
        ) { visit in
            for (position, count) in byPosition.enumerated() where count > 0 {
                visit(0, UInt32(position), count)
            }
        }
    }

    func sums(_ predictor: Double, _ dispersion: Double, _ minimum: Double) -> WorkingSums {
        counts.withGene(0) {
            WorkingSums(
                predictor: predictor,
                dispersion: dispersion,
                floor: MeanFloor(minimum: minimum),
                group: gene.group,
                nodes: nodes,
                gene: $0
            )
        }
    }
}

@Suite("Sums over nodes equal sums over cells")
struct SizeFactorNodesTests {
    /// Size factors of one kind: the shapes that screens have, and the worst that could be.
    private static func factors(
        _ kind: Int,
        _ cells: Int,
        _ random: inout SeededGenerator
    ) -> [Double] {
        (0..<cells).map { cell in
            switch kind {
            case 0: 1.3
            case 1: random.logUniform(0.5, 2)
            case 2: random.logUniform(0.05, 20)
            case 3: random.logUniform(1e-8, 1e3)
            // One cell far from all others, at either end.
            case 4: cell == 0 ? 40 : random.logUniform(0.9, 1.1)
            case 5: cell == 0 ? 0.02 : random.logUniform(0.9, 1.1)
            // Few distinct values.
            default: [0.25, 0.5, 1, 2, 4][Int(random.uniform(0, 5))]
            }
        }
    }

    private func expectEqual(
        _ sample: MeasuredSample,
        _ predictor: Double,
        _ dispersion: Double,
        _ minimum: Double,
        _ worst: inout (Double, Double, Double)
    ) {
        let direct = DirectFormulas.sums(
            predictor: predictor,
            dispersion: dispersion,
            minimum: minimum,
            sizeFactors: sample.gene.sizeFactors,
            counts: sample.gene.counts
        )
        let sums = sample.sums(predictor, dispersion, minimum)
        let errors = (
            (sums.weight - direct.weight).magnitude / direct.weight,
            (sums.weightedResponse - direct.weightedResponse).magnitude / direct.responseScale,
            (sums.dispersionTerms - direct.dispersionTerms).magnitude / direct.momentScale
        )
        worst = (max(worst.0, errors.0), max(worst.1, errors.1), max(worst.2, errors.2))
        #expect(
            errors.0 <= 1e-13 && errors.1 <= 1e-13 && errors.2 <= 1e-13,
            "\(errors): b \(predictor), α \(dispersion), m \(minimum), \(sample.nodes.count) nodes"
        )
    }

    @Test("of any spread of size factors, any number of cells and any cut", arguments: 0..<7)
    func randomCases(_ kind: Int) {
        var random = SeededGenerator(seed: UInt64(kind) + 40)
        var worst = (0.0, 0.0, 0.0)
        for round in 0..<60 {
            let cells = round < 30 ? Int(random.uniform(1, 70)) : Int(random.uniform(70, 3000))
            let gene = SampleGene(
                sizeFactors: Self.factors(kind, cells, &random),
                counts: (0..<cells).map { _ in
                    random.uniform(0, 1) < 0.6 ? 0 : UInt32(random.logUniform(1, 400))
                }
            )
            let sample = MeasuredSample(gene)
            for _ in 0..<12 {
                let minimum = [0, 0.1, 0.5, 1, 3.7][Int(random.uniform(0, 5))]
                let centre = Double([-6, -1, 0, 1, 6][Int(random.uniform(0, 5))])
                let predictor = centre + random.uniform(-2, 2)
                let dispersion = random.logUniform(1e-8, 1e6)
                expectEqual(sample, predictor, dispersion, minimum, &worst)
            }
        }
    }

    @Test("with the floor at every single cell")
    func everyCut() {
        var random = SeededGenerator(seed: 3)
        let sizes = (0..<200).map { _ in random.logUniform(0.2, 5) }
        let counts = (0..<200).map { _ in UInt32(random.uniform(0, 2.5)) }
        let sample = MeasuredSample(SampleGene(sizeFactors: sizes, counts: counts))
        var worst = (0.0, 0.0, 0.0)
        for factor in sizes {
            let predictor = log(0.5 / factor)
            for shift in [-1e-12, 1e-12] {
                expectEqual(sample, predictor + shift, 0.4, 0.5, &worst)
            }
        }
    }

    @Test("sums of any function of ln s without singularities nearer than π")
    func smoothFunctions() {
        var random = SeededGenerator(seed: 9)
        for kind in 0..<7 {
            let cells = 2000
            let counts = (0..<cells).map { _ in UInt32(random.uniform(0, 4)) }
            let factors = Self.factors(kind, cells, &random)
            let sample = MeasuredSample(SampleGene(sizeFactors: factors, counts: counts))
            let functions: [(Double) -> Double] = [
                { _ in 1 }, { $0 }, { 1 / (1 + 5 * $0) }, { log(1 + 30 * $0) },
                { -20 * log1p($0 / 20) },
            ]
            for (index, function) in functions.enumerated() {
                let expected = factors.reduce(0) { $0 + function($1) }
                let found = zip(sample.nodes.sizeFactors, sample.nodes.cellWeights)
                    .reduce(0) { $0 + $1.1 * function($1.0) }
                #expect(
                    isNear(found, expected, 1e-13, scale: expected.magnitude),
                    "\(kind) \(index)"
                )
                let counted = zip(factors, counts).reduce(0) {
                    $0 + Double($1.1) * function($1.0)
                }
                let measured = sample.counts.withGene(0) { gene in
                    zip(sample.nodes.sizeFactors, gene.nodeWeights)
                        .reduce(0) { $0 + $1.1 * function($1.0) }
                }
                #expect(
                    isNear(measured, counted, 1e-13, scale: counted.magnitude),
                    "\(kind) \(index)"
                )
            }
        }
    }

    @Test("a large group has few nodes, a small one no more than its cells")
    func nodeCounts() {
        var random = SeededGenerator(seed: 5)
        let large = GroupOffsets(sizeFactors: (0..<5000).map { _ in random.logUniform(0.2, 5) })
        #expect(SizeFactorNodes(group: large).count <= 32)
        let small = GroupOffsets(sizeFactors: [1, 2, 3, 0.1, 7])
        #expect(SizeFactorNodes(group: small).count == 8)
        let equal = GroupOffsets(sizeFactors: [Double](repeating: 2, count: 900))
        #expect(SizeFactorNodes(group: equal).count == 4)
    }
}
