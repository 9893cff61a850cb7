/// The nonzero counts of one gene within one group of cells.
package struct GeneCounts {
    /// Positions of the cells in ``GroupOffsets``; shape `[nonzeros]`.
    package let positions: UnsafeBufferPointer<UInt32>
    /// Counts, at least 1, of those cells; shape `[nonzeros]`.
    package let counts: UnsafeBufferPointer<UInt32>

    /// Pairs positions with counts of equal length.
    package init(
        positions: UnsafeBufferPointer<UInt32>,
        counts: UnsafeBufferPointer<UInt32>
    ) {
        precondition(positions.count == counts.count)
        self.positions = positions
        self.counts = counts
    }
}

/// Sums over one group of cells of the working quantities of a negative binomial fit.
///
/// With predictor h = b + o, floor m and dispersion α (docs/numbers.md, E1; McCullagh & Nelder 1989, §2.5):
/// η = clip(h, ln m, 20), μ = max(exp η, m), W = μ²/max(μ + αμ², m),
/// z = η + (Y - μ)/μ - o and D = ((Y - μ)² - Y)/max(μ², m).
/// Because μ ≥ m, W is μ/(1 + αμ); where no clamp binds, η - o is b itself.
package struct WorkingSums: Equatable {
    /// Σ W.
    package var weight = 0.0
    /// Σ W z.
    package var weightedResponse = 0.0
    /// Σ D, only where asked for; otherwise 0.
    package var dispersionTerms = 0.0
}

/// What the floor of the fitted mean implies, computed once per fit.
package struct MeanFloor: Sendable {
    /// m, the smallest fitted mean in counts; at least 0.
    package let minimum: Double
    /// ln m; -infinity for m = 0.
    package let logMinimum: Double

    /// The ceiling of the linear predictor (docs/numbers.md, E1).
    static let predictorCeiling = 20.0
    /// exp of ``predictorCeiling``.
    static let meanCeiling = RealFunctions.exp(predictorCeiling)

    /// A floor of `minimum` counts.
    package init(minimum: Double) {
        self.minimum = minimum
        logMinimum = minimum > 0 ? RealFunctions.log(minimum) : -.infinity
    }
}

extension WorkingSums {
    /// Computes the sums for one gene in one group.
    ///
    /// Cost: one division per cell above the floor and per nonzero; cells at the floor are free.
    ///
    /// - Parameters:
    ///   - predictor: b, natural log.
    ///   - dispersion: α, at least 0.
    ///   - floor: The floor m of the fitted mean.
    ///   - group: Size factors of the group.
    ///   - gene: Nonzero counts of the gene in the group.
    ///   - withDispersionTerms: Whether Σ D is wanted.
    package init(
        predictor: Double,
        dispersion: Double,
        floor: MeanFloor,
        group: borrowing GroupOffsets,
        gene: GeneCounts,
        withDispersionTerms: Bool
    ) {
        let ceilingCount = group.leadingCount(
            offsetAtLeast: (MeanFloor.predictorCeiling - predictor).nextUp
        )
        let floorStart = max(
            ceilingCount,
            group.leadingCount(offsetAtLeast: floor.logMinimum - predictor)
        )
        let scale = RealFunctions.exp(predictor)
        addFree(
            ceilingCount..<floorStart,
            predictor,
            scale,
            dispersion,
            floor.minimum,
            group
        )
        if ceilingCount > 0 { addCeiling(ceilingCount, dispersion, group) }
        if floorStart < group.count { addFloored(floorStart, dispersion, floor, group) }
        addCounts(gene, scale, dispersion, floor.minimum, group)
        if withDispersionTerms {
            addDispersionTerms(
                gene,
                (ceilingCount, floorStart),
                predictor,
                scale,
                floor,
                group
            )
        }
    }

    /// Cells between floor and ceiling, as if their counts were 0.
    private mutating func addFree(
        _ range: Range<Int>,
        _ predictor: Double,
        _ scale: Double,
        _ dispersion: Double,
        _ minimum: Double,
        _ group: borrowing GroupOffsets
    ) {
        guard !range.isEmpty else { return }
        let sum = group.sizeFactors.withUnsafeBufferPointer { factors in
            Self.freeWeights(
                UnsafeBufferPointer(rebasing: factors[range]),
                scale,
                dispersion,
                minimum
            )
        }
        weight += sum
        weightedResponse += (predictor - 1) * sum
    }

    /// Σ μ/(1 + αμ) with μ = max(scale·s, minimum), in the fixed order of ``FixedOrderSums``.
    static func freeWeights(
        _ factors: UnsafeBufferPointer<Double>,
        _ scale: Double,
        _ dispersion: Double,
        _ minimum: Double
    ) -> Double {
        let scales = SIMD8<Double>(repeating: scale)
        let floors = SIMD8<Double>(repeating: minimum)
        let alphas = SIMD8<Double>(repeating: dispersion)
        let ones = SIMD8<Double>(repeating: 1)
        var lanes = SIMD8<Double>(repeating: 0)
        let whole = factors.count & ~7
        var index = 0
        while index < whole {
            var mu = scales * FixedOrderSums.load8(factors, index)
            mu.replace(with: floors, where: mu .< floors)
            lanes += mu / (ones + alphas * mu)
            index += 8
        }
        var tail = SIMD8<Double>(repeating: 0)
        while index < factors.count {
            let mu = max(scale * factors[index], minimum)
            tail[index - whole] = mu / (1 + dispersion * mu)
            index += 1
        }
        return FixedOrderSums.fold(lanes + tail)
    }

    /// Cells whose predictor exceeds the ceiling, as if their counts were 0.
    private mutating func addCeiling(
        _ count: Int,
        _ dispersion: Double,
        _ group: borrowing GroupOffsets
    ) {
        let mu = MeanFloor.meanCeiling
        let one = mu / (1 + dispersion * mu)
        weight += Double(count) * one
        let offsetSum = group.suffixOffsetSums[0] - group.suffixOffsetSums[count]
        weightedResponse +=
            one * (Double(count) * (MeanFloor.predictorCeiling - 1) - offsetSum)
    }

    /// Cells at the floor, as if their counts were 0.
    private mutating func addFloored(
        _ start: Int,
        _ dispersion: Double,
        _ floor: MeanFloor,
        _ group: borrowing GroupOffsets
    ) {
        let mu = floor.minimum
        let one = mu / (1 + dispersion * mu)
        let count = Double(group.count - start)
        weight += count * one
        weightedResponse += one * (count * (floor.logMinimum - 1) - group.suffixOffsetSums[start])
    }

    /// What the counts add to Σ W z: W·Y/μ = Y/(1 + αμ).
    private mutating func addCounts(
        _ gene: GeneCounts,
        _ scale: Double,
        _ dispersion: Double,
        _ minimum: Double,
        _ group: borrowing GroupOffsets
    ) {
        let ceiling = MeanFloor.meanCeiling
        let sum = group.sizeFactors.withUnsafeBufferPointer { factors in
            var lanes = SIMD4<Double>(repeating: 0)
            let whole = gene.counts.count & ~3
            var index = 0
            while index < gene.counts.count {
                // Unused lanes hold 1: 0 times an infinite scale would spoil the sum.
                var mu = SIMD4<Double>(repeating: 1)
                var y = SIMD4<Double>(repeating: 0)
                let lanesHere = index < whole ? 4 : gene.counts.count - whole
                for lane in 0..<lanesHere {
                    mu[lane] = factors[Int(gene.positions[index + lane])]
                    y[lane] = Double(gene.counts[index + lane])
                }
                mu *= scale
                mu.replace(with: minimum, where: mu .< minimum)
                mu.replace(with: ceiling, where: mu .> ceiling)
                lanes += y / (1 + dispersion * mu)
                index += 4
            }
            return (lanes[0] + lanes[2]) + (lanes[1] + lanes[3])
        }
        weightedResponse += sum
    }

    /// Σ D: zero cells by region in closed form, then what the counts add.
    mutating func addDispersionTerms(
        _ gene: GeneCounts,
        _ regions: (ceilingCount: Int, floorStart: Int),
        _ predictor: Double,
        _ scale: Double,
        _ floor: MeanFloor,
        _ group: borrowing GroupOffsets
    ) {
        let minimum = floor.minimum
        let ceiling = MeanFloor.meanCeiling
        // Above this position μ² ≥ m, so that a zero count adds exactly 1.
        let squareCut = min(
            regions.floorStart,
            max(
                regions.ceilingCount,
                group.leadingCount(offsetAtLeast: floor.logMinimum / 2 - predictor)
            )
        )
        var total = Double(regions.ceilingCount)
        if ceiling * ceiling < minimum { total *= ceiling * ceiling / minimum }
        total += Double(squareCut - regions.ceilingCount)
        if squareCut < regions.floorStart {
            let squares =
                group.suffixSquareSums[squareCut] - group.suffixSquareSums[regions.floorStart]
            total += scale * scale * squares / minimum
        }
        if regions.floorStart < group.count {
            total +=
                Double(group.count - regions.floorStart)
                * (minimum * minimum / max(minimum * minimum, minimum))
        }
        group.sizeFactors.withUnsafeBufferPointer { factors in
            for index in 0..<gene.counts.count {
                let factor = factors[Int(gene.positions[index])]
                let mu = min(max(scale * factor, minimum), ceiling)
                let y = Double(gene.counts[index])
                total += (y * y - y - 2 * y * mu) / max(mu * mu, minimum)
            }
        }
        dispersionTerms = total
    }
}
