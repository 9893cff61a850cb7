import Foundation
import Statistics
import Testing

/// A kind of covariates and a floor of fitted means.
struct DesignCase: Sendable, CustomTestStringConvertible {
    let kind: SampleComparison.Covariates
    let minimum: Double
    var testDescription: String { "\(kind), floor \(minimum)" }

    static let all = SampleComparison.Covariates.allCases.flatMap { kind in
        [0.0, 0.1, 0.5, 3.0].map { DesignCase(kind: kind, minimum: $0) }
    }
}

@Suite("The full design of a comparison")
struct ComparisonModelTests {
    private func withPointer<Result>(
        _ values: [Double],
        _ body: (UnsafeMutablePointer<Double>) -> Result
    ) -> Result {
        var copy = values
        return copy.withUnsafeMutableBufferPointer { body($0.baseAddress.unsafelyUnwrapped) }
    }

    private func coefficients(_ sample: SampleComparison, _ seed: UInt64) -> [Double] {
        var random = SeededGenerator(seed: seed)
        return sample.design[0].map { _ in random.uniform(-1, 1) }
    }

    @Test("has a column for every level but the first, used or not where the file lists them")
    func columns() {
        for kind in SampleComparison.Covariates.allCases {
            let sample = SampleComparison(kind, seed: 1)
            #expect(sample.model.columnCount == sample.columnCount)
            #expect(sample.model.fittedColumns.count == sample.design[0].count)
            #expect(sample.model.cellCount == 65)
            #expect(sample.model.hasEmptyColumn == (kind == .levels || kind == .both))
        }
        let both = SampleComparison(.both, seed: 1).model
        // 1, perturbation, batch b, c, nowhere, lane y, age, dose.
        #expect(both.fittedColumns == [0, 1, 2, 3, 5, 6, 7])
        #expect(both.numericColumns == [5, 6])
    }

    @Test("of texts drops the first level that occurs in the comparison")
    func texts() {
        func model(keepsUnused: Bool) -> ComparisonModel {
            let table = CovariateTable(
                cellCount: 4,
                covariates: [
                    .init(
                        name: "lane",
                        values: .levels(
                            .init(
                                codes: [1, 2, 1, 2],
                                names: ["x", "y", "z"],
                                keepsUnused: keepsUnused
                            )
                        )
                    )
                ]
            )
            func offsets(_ rows: [UInt32]) -> PatternOffsets {
                PatternOffsets(
                    patterns: CellPatterns(rows: rows, covariates: table),
                    sizeFactors: [1, 2]
                )
            }
            return ComparisonModel(
                control: offsets([0, 1]),
                perturbed: offsets([2, 3]),
                covariates: table
            )
        }
        #expect(model(keepsUnused: false).columnCount == 3)
        #expect(
            model(keepsUnused: false).patterns.map(\.columns) == [
                [0], [0, 2], [0, 1], [0, 1, 2],
            ]
        )
        // Level x takes the place of the dropped one; y and z have columns.
        #expect(model(keepsUnused: true).columnCount == 4)
        #expect(
            model(keepsUnused: true).patterns.map(\.columns) == [
                [0, 2], [0, 3], [0, 1, 2], [0, 1, 3],
            ]
        )
    }

    @Test("makes the normal equations that a loop over cells makes", arguments: DesignCase.all)
    func equations(_ design: DesignCase) {
        for seed in UInt64(1)...6 {
            // Means from far below the floor to the ceiling of the predictor.
            let shift = [-4.0, -1, 0, 1, 3, 19.5][Int(seed) - 1]
            let sample = SampleComparison(design.kind, depthSpread: 4, seed: seed)
            let direct = DirectDesign(sample: sample, minimum: design.minimum)
            var beta = coefficients(sample, seed + 50)
            beta[0] += shift
            for dispersion in [0, 1e-8, 0.3, 2.5] {
                for floorsWeights in [false, true] {
                    let wanted = direct.equations(
                        beta,
                        dispersion: dispersion,
                        floorsWeights: floorsWeights
                    )
                    sample.withGene { gene, scratch in
                        let terms = withPointer(beta) {
                            sample.model.makeEquations(
                                coefficients: $0,
                                weighting: .init(
                                    dispersion: dispersion,
                                    floor: MeanFloor(minimum: design.minimum),
                                    floorsWeights: floorsWeights
                                ),
                                gene: gene,
                                withDispersionTerms: true,
                                scratch: scratch
                            )
                        }
                        let size = beta.count
                        for row in 0..<size {
                            let scale = wanted.matrix[0][0] * 30
                            #expect(
                                isNear(scratch.right[row], wanted.right[row], 1e-12, scale: scale)
                            )
                            for column in 0..<size {
                                #expect(
                                    isNear(
                                        scratch.matrix[row * size + column],
                                        wanted.matrix[row][column],
                                        1e-12,
                                        scale: scale
                                    )
                                )
                            }
                        }
                        let scale = 1e3 + wanted.terms.magnitude
                        #expect(isNear(terms, wanted.terms, 1e-11, scale: scale))
                    }
                }
            }
        }
    }

    @Test("is fitted as a loop over cells fits it", arguments: DesignCase.all)
    func fits(_ design: DesignCase) {
        let sample = SampleComparison(design.kind, controlCells: 150, perturbedCells: 90, seed: 4)
        let direct = DirectDesign(sample: sample, minimum: design.minimum)
        let isTwo = design.kind == .none
        var beta = [Double](repeating: 0, count: sample.design[0].count)
        for _ in 0..<3 {
            let (matrix, right, _) = direct.equations(beta, dispersion: 0, floorsWeights: true)
            beta = direct.solve(matrix, right)
        }
        var dispersion = 0.1
        var iterations = 0
        var change = Double.infinity
        while change >= 1e-6, iterations < 25 {
            let (matrix, right, terms) = direct.equations(
                beta,
                dispersion: dispersion,
                floorsWeights: !isTwo
            )
            let next = direct.solve(matrix, right)
            change = zip(next, beta).reduce(0) { max($0, ($1.0 - $1.1).magnitude) }
            beta = next
            if !isTwo {
                dispersion = min(max(terms / Double(240 - sample.columnCount), 1e-8), 1e6)
            }
            iterations += 1
        }
        sample.withGene { gene, scratch in
            var state = FullDesignState()
            let found = fitted(sample, design, &state, gene, scratch)
            #expect(state.iterations == iterations)
            #expect(state.convergedAt == (change < 1e-6 ? iterations : nil))
            #expect(isNear(state.dispersion, dispersion, 1e-9, scale: dispersion))
            for (one, other) in zip(found, beta) { #expect(isNear(one, other, 1e-9, scale: 1)) }
        }
    }

    private func fitted(
        _ sample: SampleComparison,
        _ design: DesignCase,
        _ state: inout FullDesignState,
        _ gene: DesignCounts,
        _ scratch: DesignScratch
    ) -> [Double] {
        var beta = [Double](repeating: 7, count: sample.design[0].count)
        let options = FullDesignOptions(
            minimumMean: design.minimum,
            tolerance: 1e-6,
            maximumIterations: 25,
            poissonIterations: 3
        )
        beta.withUnsafeMutableBufferPointer { beta in
            let pointer = beta.baseAddress.unsafelyUnwrapped
            sample.model.fitPoisson(
                coefficients: pointer,
                iterations: 3,
                options: options,
                gene: gene,
                scratch: scratch,
                noteBelow: { _ in }
            )
            if sample.columnCount == 2 {
                sample.model.fitTwoColumns(
                    coefficients: pointer,
                    state: &state,
                    options: options,
                    gene: gene,
                    scratch: scratch
                )
            } else {
                sample.model.fitManyColumns(
                    coefficients: pointer,
                    state: &state,
                    until: nil,
                    options: options,
                    gene: gene,
                    scratch: scratch
                )
            }
        }
        return beta
    }

    @Test("tells in which Poisson iterations a gene would have stopped")
    func poissonStops() {
        let sample = SampleComparison(.none, seed: 3)
        sample.withGene { gene, scratch in
            var noted: [Int] = []
            var beta = [0.0, 0]
            let options = FullDesignOptions(
                minimumMean: 0.5,
                tolerance: 1e-6,
                maximumIterations: 25,
                poissonIterations: 40
            )
            beta.withUnsafeMutableBufferPointer {
                sample.model.fitPoisson(
                    coefficients: $0.baseAddress.unsafelyUnwrapped,
                    iterations: 40,
                    options: options,
                    gene: gene,
                    scratch: scratch,
                    noteBelow: { noted.append($0) }
                )
            }
            // Once below the tolerance it stays there, up to the last iteration.
            let first = noted.first ?? 0
            #expect(first > 2 && first < 20)
            #expect(noted == Array(first...40))
        }
    }

    @Test("carries a converged gene on to its batch's last iteration")
    func joint() {
        let sample = SampleComparison(.levels, controlCells: 80, perturbedCells: 60, seed: 8)
        let design = DesignCase(kind: .levels, minimum: 0.1)
        sample.withGene { gene, scratch in
            var state = FullDesignState()
            var beta = fitted(sample, design, &state, gene, scratch)
            let alone = beta
            let stopped = state.iterations
            let options = FullDesignOptions(
                minimumMean: 0.1,
                tolerance: 1e-6,
                maximumIterations: 25,
                poissonIterations: 3
            )
            beta.withUnsafeMutableBufferPointer {
                sample.model.fitManyColumns(
                    coefficients: $0.baseAddress.unsafelyUnwrapped,
                    state: &state,
                    until: stopped + 3,
                    options: options,
                    gene: gene,
                    scratch: scratch
                )
            }
            #expect(state.iterations == stopped + 3)
            #expect(state.convergedAt == stopped)
            #expect(beta != alone)
            for (one, other) in zip(beta, alone) { #expect(isNear(one, other, 1e-5, scale: 1)) }
        }
    }

    @Test("gives the same whether levels are patterns or numbers")
    func patternsOrNumbers() {
        for seed in UInt64(1)...4 {
            let patterns = SampleComparison(.levels, seed: seed)
            let numbers = SampleComparison(.levels, levelsAsNumbers: true, seed: seed)
            #expect(numbers.model.patterns.count == 2)
            #expect(patterns.model.patterns.count > 8)
            let beta = coefficients(patterns, seed)
            let floor = MeanFloor(minimum: 0.5)
            let posterior = PosteriorDispersion(cells: 65, priorVariance: 0.7)
            let found = [patterns, numbers].map { sample in
                sample.withGene { gene, scratch in
                    withPointer(beta) { beta -> [Double] in
                        let model = sample.model
                        let dispersion = model.posteriorDispersion(
                            posterior,
                            trend: 0.3,
                            coefficients: beta,
                            gene: gene,
                            scratch: scratch
                        )
                        return [
                            dispersion,
                            model.unclampedMoments(
                                coefficients: beta,
                                gene: gene,
                                scratch: scratch
                            ),
                            model.unclampedStandardError(
                                coefficients: beta,
                                dispersion: dispersion,
                                gene: gene,
                                scratch: scratch
                            ) ?? .nan,
                            model.standardError(
                                coefficients: beta,
                                dispersion: 0.2,
                                floor: floor,
                                gene: gene,
                                scratch: scratch
                            ),
                            model.scaledMean(gene: gene),
                            model.scaledCountMoments(gene: gene),
                        ]
                    }
                }
            }
            for (one, other) in zip(found[0], found[1]) {
                #expect(isNear(one, other, 1e-9, scale: one.magnitude))
            }
        }
    }
}
