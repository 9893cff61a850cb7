import Foundation
import Statistics

/// A random comparison: cells with covariates, size factors and the counts of one gene, and its design
/// written out as a matrix without patterns.
struct SampleComparison {
    /// Which covariates there are.
    enum Covariates: CaseIterable {
        case none
        case levels
        case numbers
        case both
    }

    let model: ComparisonModel
    /// The design by cell, control first; shape `[cells][fitted columns]`.
    let design: [[Double]]
    let sizeFactors: [Double]
    let counts: [UInt32]
    let columnCount: Int
    private let control: PatternOffsets
    private let perturbed: PatternOffsets
    private let controlCells: Int

    /// Draws a comparison; `levelsAsNumbers` makes its dummies enter as numeric covariates.
    init(
        _ kind: Covariates,
        controlCells: Int = 40,
        perturbedCells: Int = 25,
        depthSpread: Double = 3,
        mean: Double = 1,
        levelsAsNumbers: Bool = false,
        seed: UInt64
    ) {
        var random = SeededGenerator(seed: seed)
        let cells = controlCells + perturbedCells
        let isPerturbed = (0..<cells).map { $0 >= controlCells }
        let batch = (0..<cells).map { _ in Int32(random.next() % 4) - 1 }
        let lane = (0..<cells).map { _ in Int32(random.next() % 2) }
        let age = (0..<cells).map { _ in random.uniform(-1, 2) }
        let dose = (0..<cells).map { _ in random.uniform(-1, 1) }
        sizeFactors = (0..<cells).map { _ in random.logUniform(1 / depthSpread, depthSpread) }
        counts = sizeFactors.map { factor in
            random.uniform(0, 1) < 0.4
                ? 0 : UInt32(min(4e9, random.logUniform(1, 1 + 8 * factor * mean)))
        }
        var covariates: [CovariateTable.Covariate] = []
        var columns: [[Double]] = [
            [Double](repeating: 1, count: cells), isPerturbed.map { $0 ? 1 : 0 },
        ]
        func addDummy(_ codes: [Int32], _ level: Int32) {
            columns.append(codes.map { $0 == level ? 1 : 0 })
            guard levelsAsNumbers else { return }
            covariates.append(
                .init(name: "dummy", values: .numeric(codes.map { $0 == level ? 1 : 0 }))
            )
        }
        if kind == .levels || kind == .both {
            for level in [Int32(1), 2] { addDummy(batch, level) }
            addDummy(lane, 1)
            if !levelsAsNumbers {
                covariates += [
                    Self.levels("batch", batch, ["a", "b", "c", "nowhere"], keepsUnused: true),
                    Self.levels("lane", lane, ["x", "y", "z"], keepsUnused: false),
                ]
            }
        }
        if kind == .numbers || kind == .both {
            covariates.append(.init(name: "age", values: .numeric(age)))
            covariates.append(.init(name: "dose", values: .numeric(dose)))
            columns += [age, dose]
        }
        let table = CovariateTable(cellCount: cells, covariates: covariates)
        control = Self.offsets(0..<controlCells, table, sizeFactors)
        perturbed = Self.offsets(controlCells..<cells, table, sizeFactors)
        model = ComparisonModel(control: control, perturbed: perturbed, covariates: table)
        design = (0..<cells).map { cell in columns.map { $0[cell] } }
        self.controlCells = controlCells
        // The level that no cell has is a column too.
        let hasUnused = (kind == .levels || kind == .both) && !levelsAsNumbers
        columnCount = columns.count + (hasUnused ? 1 : 0)
    }

    private static func levels(
        _ name: String,
        _ codes: [Int32],
        _ names: [String],
        keepsUnused: Bool
    ) -> CovariateTable.Covariate {
        CovariateTable.Covariate(
            name: name,
            values: .levels(.init(codes: codes, names: names, keepsUnused: keepsUnused))
        )
    }

    private static func offsets(
        _ cells: Range<Int>,
        _ table: CovariateTable,
        _ sizeFactors: [Double]
    ) -> PatternOffsets {
        PatternOffsets(
            patterns: CellPatterns(rows: cells.map { UInt32($0) }, covariates: table),
            sizeFactors: Array(sizeFactors[cells])
        )
    }

    /// Calls `body` with the gene's counts by pattern.
    func withGene<Result>(_ body: (DesignCounts, DesignScratch) -> Result) -> Result {
        let scratch = DesignScratch(model: model)
        return Self.withCounts(counts[..<controlCells]) { first in
            Self.withCounts(counts[controlCells...]) { second in
                body(
                    scratch.regroup(control: first, perturbed: second, control, perturbed),
                    scratch
                )
            }
        }
    }

    private static func withCounts<Result>(
        _ counts: ArraySlice<UInt32>,
        _ body: (GeneCounts) -> Result
    ) -> Result {
        let cells = counts.indices.filter { counts[$0] > 0 }
        let positions = cells.map { UInt32($0 - counts.startIndex) }
        let values = cells.map { counts[$0] }
        return positions.withUnsafeBufferPointer { positions in
            values.withUnsafeBufferPointer { values in
                body(GeneCounts(positions: positions, counts: values))
            }
        }
    }
}

/// The formulas of docs/numbers.md, E14 to E16 evaluated cell by cell with dense matrices.
struct DirectDesign {
    let sample: SampleComparison
    let minimum: Double

    /// Σ w x xᵀ, Σ w z x and Σ D.
    func equations(
        _ beta: [Double],
        dispersion: Double,
        floorsWeights: Bool
    ) -> (matrix: [[Double]], right: [Double], terms: Double) {
        let size = beta.count
        var matrix = [[Double]](repeating: [Double](repeating: 0, count: size), count: size)
        var right = [Double](repeating: 0, count: size)
        var terms = 0.0
        for (cell, row) in sample.design.enumerated() {
            let found = DirectFormulas.cell(
                predictor: zip(row, beta).reduce(0) { $0 + $1.0 * $1.1 },
                offset: log(sample.sizeFactors[cell]),
                dispersion: dispersion,
                minimum: minimum,
                count: Double(sample.counts[cell])
            )
            let weight = floorsWeights ? max(found.weight, minimum) : found.weight
            terms += found.moment
            for first in 0..<size {
                right[first] += weight * found.response * row[first]
                for second in 0..<size {
                    matrix[first][second] += weight * row[first] * row[second]
                }
            }
        }
        return (matrix, right, terms)
    }

    /// Solves with ridge by elimination without pivoting, which a ridged Gram matrix allows.
    func solve(_ matrix: [[Double]], _ right: [Double]) -> [Double] {
        var a = matrix
        var b = right
        let size = b.count
        for index in 0..<size { a[index][index] += 1e-6 }
        for pivot in 0..<size {
            for row in (pivot + 1)..<max(size, pivot + 1) {
                let share = a[row][pivot] / a[pivot][pivot]
                for column in pivot..<size { a[row][column] -= share * a[pivot][column] }
                b[row] -= share * b[pivot]
            }
        }
        for row in (0..<size).reversed() {
            for column in (row + 1)..<max(size, row + 1) { b[row] -= a[row][column] * b[column] }
            b[row] /= a[row][row]
        }
        return b
    }

    /// The log-likelihood at α with given means, without Σ ln Γ(Y + 1).
    func logLikelihood(_ means: [Double], dispersion: Double) -> Double {
        let rho = 1 / dispersion
        var sum = 0.0
        for (mean, count) in zip(means, sample.counts) {
            let y = Double(count)
            sum += lgamma(y + rho) - lgamma(rho) + rho * (log(rho) - log(rho + mean + 1e-12))
            sum += y * log(mean / (rho + mean + 1e-12) + 1e-12)
        }
        return sum
    }

    /// Fitted means within limits.
    func means(_ beta: [Double], least: Double, logLeast: Double, logMost: Double) -> [Double] {
        sample.design.enumerated().map { cell, row in
            let eta = zip(row, beta).reduce(log(sample.sizeFactors[cell])) { $0 + $1.0 * $1.1 }
            return max(exp(min(max(eta, logLeast), logMost)), least)
        }
    }
}
