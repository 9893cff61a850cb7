/// Fitted means after a fit, without the floor that the fit itself applies.
///
/// μ = max(exp(clip(b + o, -30, 30)), 1e-10) for the predictor b and a cell's offset o
/// (docs/numbers.md, E9).
package enum UnclampedMeans {
    /// The smallest mean.
    package static let floor = 1e-10
    /// The largest mean.
    package static let ceiling = RealFunctions.exp(30)
    /// Floor of μ² in moments.
    package static let squareFloor = 1e-10

    /// The mean at a predictor with offset.
    package static func mean(logMean: Double) -> Double {
        max(RealFunctions.exp(min(max(logMean, -30), 30)), floor)
    }

    /// What a count adds to ΣD, D = ((Y - μ)² - Y)/max(μ², 1e-10), beyond a count of 0.
    @inline(__always)
    package static func momentExcess(count: Double, mean: Double) -> Double {
        (count * count - count - 2 * count * mean) / max(mean * mean, squareFloor)
    }

    /// What a cell without a count adds to ΣD.
    @inline(__always)
    package static func emptyMoment(mean: Double) -> Double {
        mean * mean / max(mean * mean, squareFloor)
    }

    /// ΣD of one gene in one group.
    ///
    /// - Parameters:
    ///   - predictor: b, natural log.
    ///   - group: Size factors of the group.
    ///   - gene: Nonzero counts of the gene in the group.
    /// - Returns: The sum over all cells of the group.
    package static func moments(
        predictor: Double,
        group: borrowing GroupOffsets,
        gene: GeneCounts
    ) -> Double {
        let scale = RealFunctions.exp(predictor)
        var total = emptyMoments(predictor: predictor, group: group)
        group.sizeFactors.withUnsafeBufferPointer { factors in
            for index in 0..<gene.counts.count {
                let mean = scale * factors[Int(gene.positions[index])]
                total += momentExcess(
                    count: Double(gene.counts[index]),
                    mean: min(max(mean, floor), ceiling)
                )
            }
        }
        return total
    }

    /// ΣD of a gene without counts, by regions of the group: 1 where μ ≥ 1e-5.
    package static func emptyMoments(predictor: Double, group: borrowing GroupOffsets) -> Double {
        let squareCut = group.leadingCount(
            offsetAtLeast: 0.5 * RealFunctions.log(squareFloor) - predictor
        )
        guard squareCut < group.count else { return Double(squareCut) }
        let scale = RealFunctions.exp(predictor)
        let floorCut = max(
            squareCut,
            group.leadingCount(offsetAtLeast: RealFunctions.log(floor) - predictor)
        )
        let squares = group.suffixSquareSums[squareCut] - group.suffixSquareSums[floorCut]
        return Double(squareCut) + scale * scale * squares / squareFloor
            + Double(group.count - floorCut) * (floor * floor / squareFloor)
    }

    /// Σ μ/(1 + αμ) of one gene in one group.
    ///
    /// - Parameters:
    ///   - predictor: b, natural log.
    ///   - dispersion: α, at least 0.
    ///   - group: Size factors of the group.
    /// - Returns: The sum over all cells of the group.
    package static func weight(
        predictor: Double,
        dispersion: Double,
        group: borrowing GroupOffsets
    ) -> Double {
        let scale = RealFunctions.exp(predictor)
        let (floor, ceiling) = (Self.floor, Self.ceiling)
        return group.sizeFactors.withUnsafeBufferPointer { factors in
            var lanes = SIMD8<Double>(repeating: 0)
            let whole = factors.count & ~7
            var index = 0
            while index < factors.count {
                // A lane without a cell has mean 0 and adds nothing.
                var mu = SIMD8<Double>(repeating: 0)
                if index < whole {
                    mu = scale * FixedOrderSums.load8(factors, index)
                    mu.replace(with: floor, where: mu .< floor)
                    mu.replace(with: ceiling, where: mu .> ceiling)
                } else {
                    for lane in 0..<(factors.count - whole) {
                        mu[lane] = min(max(scale * factors[index + lane], floor), ceiling)
                    }
                }
                lanes += mu / (1 + dispersion * mu)
                index += 8
            }
            return FixedOrderSums.fold(lanes)
        }
    }
}
