extension WorkingSums {
    /// Computes the sums with weights w = max(W, m) in place of W, for one gene in one group.
    ///
    /// W grows with μ, so that in descending order of size factor the cells whose weight is floored
    /// are a suffix: their sums are closed forms. At the floor of the mean W is below m, so
    /// that the cells there are among them.
    ///
    /// - Parameters:
    ///   - predictor: b, natural log.
    ///   - dispersion: α, at least 0.
    ///   - floor: The floor m of fitted mean and weight.
    ///   - group: Size factors of the group.
    ///   - gene: Nonzero counts of the gene in the group.
    ///   - withDispersionTerms: Whether Σ D is wanted.
    package init(
        flooringWeightsAt predictor: Double,
        dispersion: Double,
        floor: MeanFloor,
        group: borrowing GroupOffsets,
        gene: GeneCounts,
        withDispersionTerms: Bool
    ) {
        let minimum = floor.minimum
        let ceilingCount = group.leadingCount(
            offsetAtLeast: (MeanFloor.predictorCeiling - predictor).nextUp
        )
        let floorStart = max(
            ceilingCount,
            group.leadingCount(offsetAtLeast: floor.logMinimum - predictor)
        )
        let weightStart = min(
            floorStart,
            max(
                ceilingCount,
                Self.unflooredWeights(predictor, dispersion, minimum, group)
            )
        )
        let scale = RealFunctions.exp(predictor)
        if ceilingCount > 0 {
            let mu = MeanFloor.meanCeiling
            let one = max(mu / (1 + dispersion * mu), minimum)
            weight += Double(ceilingCount) * one
            let offsetSum = group.suffixOffsetSums[0] - group.suffixOffsetSums[ceilingCount]
            weightedResponse +=
                one * (Double(ceilingCount) * (MeanFloor.predictorCeiling - 1) - offsetSum)
        }
        if weightStart > ceilingCount {
            let sum = group.sizeFactors.withUnsafeBufferPointer {
                Self.freeWeights(
                    UnsafeBufferPointer(rebasing: $0[ceilingCount..<weightStart]),
                    scale,
                    dispersion,
                    minimum
                )
            }
            weight += sum
            weightedResponse += (predictor - 1) * sum
        }
        if floorStart > weightStart {
            let sum = Double(floorStart - weightStart) * minimum
            weight += sum
            weightedResponse += (predictor - 1) * sum
        }
        if floorStart < group.count {
            let count = Double(group.count - floorStart)
            weight += count * minimum
            weightedResponse +=
                minimum * (count * (floor.logMinimum - 1) - group.suffixOffsetSums[floorStart])
        }
        weightedResponse += Self.flooredCounts(gene, scale, dispersion, minimum, group)
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

    /// The number of leading cells whose weight μ/(1 + αμ) is at least m.
    private static func unflooredWeights(
        _ predictor: Double,
        _ dispersion: Double,
        _ minimum: Double,
        _ group: borrowing GroupOffsets
    ) -> Int {
        guard minimum > 0 else { return group.count }
        // Weights stay below 1/α, however large the mean.
        let room = 1 - dispersion * minimum
        guard room > 0 else { return 0 }
        return group.leadingCount(
            offsetAtLeast: RealFunctions.log(minimum / room) - predictor
        )
    }

    /// What the counts add to Σ w z: w·Y/μ.
    private static func flooredCounts(
        _ gene: GeneCounts,
        _ scale: Double,
        _ dispersion: Double,
        _ minimum: Double,
        _ group: borrowing GroupOffsets
    ) -> Double {
        let ceiling = MeanFloor.meanCeiling
        return group.sizeFactors.withUnsafeBufferPointer { factors in
            var sum = 0.0
            for index in 0..<gene.counts.count {
                let factor = factors[Int(gene.positions[index])]
                let mu = min(max(scale * factor, minimum), ceiling)
                let weight = max(mu / (1 + dispersion * mu), minimum)
                sum += weight / mu * Double(gene.counts[index])
            }
            return sum
        }
    }
}
