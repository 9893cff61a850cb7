import Foundation
import Statistics

/// The formulas of docs/numbers.md, E1 to E5 evaluated cell by cell with the system's functions.
///
/// No closed forms, no sorting, no sharing of code with what is tested.
enum DirectFormulas {
    static func power(_ base: Double, _ exponent: Double) -> Double { pow(base, exponent) }

    /// What one cell contributes.
    struct Cell {
        var weight: Double
        var response: Double
        var moment: Double
        /// Largest magnitude among the parts of `response`, which may cancel.
        var responseScale: Double
        /// Largest magnitude among the parts of `moment`.
        var momentScale: Double
    }

    /// The clamped working quantities of one cell.
    static func cell(
        predictor: Double,
        offset: Double,
        dispersion: Double,
        minimum: Double,
        count: Double
    ) -> Cell {
        let eta = min(max(predictor + offset, minimum > 0 ? log(minimum) : -.infinity), 20)
        let mu = max(exp(eta), minimum)
        let variance = max(mu + dispersion * mu * mu, minimum)
        let divisor = max(mu, minimum)
        let square = max(mu * mu, minimum)
        return Cell(
            weight: mu * mu / variance,
            response: eta + (count - mu) / divisor - offset,
            moment: ((count - mu) * (count - mu) - count) / square,
            responseScale: eta.magnitude + count / divisor + 1 + offset.magnitude,
            momentScale: (count * count + count + 2 * count * mu + mu * mu) / square
        )
    }

    /// The sums over a group, each with the size of what was added up.
    struct Sums {
        var weight = 0.0
        var weightedResponse = 0.0
        var dispersionTerms = 0.0
        var responseScale = 0.0
        var momentScale = 0.0
    }

    static func sums(
        predictor: Double,
        dispersion: Double,
        minimum: Double,
        sizeFactors: [Double],
        counts: [UInt32]
    ) -> Sums {
        var sums = Sums()
        for (factor, count) in zip(sizeFactors, counts) {
            let cell = cell(
                predictor: predictor,
                offset: log(max(factor, 1e-8)),
                dispersion: dispersion,
                minimum: minimum,
                count: Double(count)
            )
            sums.weight += cell.weight
            sums.weightedResponse += cell.weight * cell.response
            sums.dispersionTerms += cell.moment
            sums.responseScale += cell.weight * cell.responseScale
            sums.momentScale += cell.momentScale
        }
        return sums
    }

    /// The moment estimate of dispersion over all cells of a screen (docs/numbers.md, E3).
    static func globalDispersion(
        normalizedMean: Double,
        sizeFactors: [Double],
        counts: [UInt32]
    ) -> (dispersion: Double, scale: Double) {
        let meanFactor = sizeFactors.reduce(0, +) / Double(sizeFactors.count)
        let level = log(max(normalizedMean * meanFactor, 1e-10))
        var (total, scale) = (0.0, 0.0)
        for (factor, count) in zip(sizeFactors, counts) {
            let mu = max(exp(min(max(level + log(factor), -30), 30)), 1e-10)
            let y = Double(count)
            let square = max(mu * mu, 1e-10)
            total += ((y - mu) * (y - mu) - y) / square
            scale += (y * y + y + 2 * y * mu + mu * mu) / square
        }
        let degrees = Double(max(sizeFactors.count - 1, 1))
        return (min(max(total / degrees, 1e-8), 10), scale / degrees)
    }
}

/// One gene's counts in a group of cells, both in file order and as the fits want them.
struct SampleGene {
    let sizeFactors: [Double]
    let counts: [UInt32]
    let group: GroupOffsets

    init(sizeFactors: [Double], counts: [UInt32]) {
        self.sizeFactors = sizeFactors
        self.counts = counts
        group = GroupOffsets(sizeFactors: sizeFactors)
    }

    /// Draws `cells` size factors and counts with the given share of zeros.
    init(
        cells: Int,
        depthSpread: Double,
        zeroShare: Double,
        largest: Double,
        from random: inout SeededGenerator
    ) {
        let factors = (0..<cells).map { _ in random.logUniform(1 / depthSpread, depthSpread) }
        let counts = (0..<cells).map { _ -> UInt32 in
            random.uniform(0, 1) < zeroShare ? 0 : UInt32(random.logUniform(1, largest))
        }
        self.init(sizeFactors: factors, counts: counts)
    }

    /// Lends the nonzero counts.
    func withCounts<Result>(_ body: (GeneCounts) -> Result) -> Result {
        let cells = counts.indices.filter { counts[$0] > 0 }
        let positions = cells.map { group.position[$0] }
        let values = cells.map { counts[$0] }
        return positions.withUnsafeBufferPointer { positions in
            values.withUnsafeBufferPointer { values in
                body(GeneCounts(positions: positions, counts: values))
            }
        }
    }
}

/// Whether two numbers differ by at most a share of a scale.
func isNear(_ a: Double, _ b: Double, _ tolerance: Double, scale: Double) -> Bool {
    a == b || (a - b).magnitude <= tolerance * scale
}
