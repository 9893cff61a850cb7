/// Sums of one gene over one group at the unclamped fitted means, from nodes.
///
/// Where a bound of ``UnclampedMeans`` binds in some cell the sums are made cell by cell.
package struct MeasuredComparison {
    private let predictor: Double
    private let scale: Double
    private let isUnbounded: Bool

    /// Prepares the sums at one predictor.
    ///
    /// - Parameters:
    ///   - predictor: b, natural log of the fitted mean at size factor 1.
    ///   - group: Size factors of the group.
    package init(predictor: Double, group: borrowing GroupOffsets) {
        self.predictor = predictor
        scale = RealFunctions.exp(predictor)
        if let deepest = group.offsets.first, let shallowest = group.offsets.last {
            isUnbounded =
                predictor + deepest < 29.9
                && predictor + shallowest > Self.logFloor
        } else {
            isUnbounded = true
        }
    }

    // Somewhat above the floor itself, so that rounding cannot bring a node below it.
    private static let logFloor = RealFunctions.log(UnclampedMeans.floor) + 0.1
    private static let logSquareFloor = 0.5 * RealFunctions.log(UnclampedMeans.squareFloor)

    /// Σ μ/(1 + αμ).
    package func weight(
        dispersion: Double,
        group: borrowing GroupOffsets,
        nodes: borrowing SizeFactorNodes
    ) -> Double {
        guard isUnbounded else {
            return UnclampedMeans.weight(
                predictor: predictor,
                dispersion: dispersion,
                group: group
            )
        }
        return NodeSums(
            scale: scale,
            dispersion: dispersion,
            minimum: UnclampedMeans.floor,
            freeCells: group.count,
            freeCounts: 0,
            group: group,
            nodes: nodes,
            gene: nil
        ).weight
    }

    /// Σ D, D = ((Y - μ)² - Y)/max(μ², 1e-10).
    package func moments(group: borrowing GroupOffsets, gene: MeasuredGene) -> Double {
        guard isUnbounded, let shallowest = group.offsets.last,
            predictor + shallowest > Self.logSquareFloor
        else {
            return UnclampedMeans.moments(predictor: predictor, group: group, gene: gene.counts)
        }
        let (scaled, excess) = gene.scaledSums(before: gene.nonzeros, group)
        return Double(group.count) + excess / (scale * scale) - 2 * scaled / scale
    }

    /// The log-likelihood at ρ = 1/α without the terms that depend on counts alone.
    ///
    /// - Parameters:
    ///   - rho: ρ, above 0.
    ///   - group: Size factors of the group.
    ///   - nodes: Its nodes.
    ///   - gene: The gene's counts in the group.
    /// - Returns: Σ of what ``NegativeBinomialLikelihood`` says of cells and units of counts.
    package func logLikelihood(
        rho: Double,
        group: borrowing GroupOffsets,
        nodes: borrowing SizeFactorNodes,
        gene: MeasuredGene
    ) -> Double {
        guard isUnbounded else { return cellwise(rho: rho, group: group, gene: gene) }
        let guardTerm = NegativeBinomialLikelihood.guardTerm
        var cellLanes = SIMD2<Double>(repeating: 0)
        var countLanes = cellLanes
        let inverse = 1 / rho
        withNodes(nodes) { sizes, offsets, weights in
            for index in stride(from: 0, to: sizes.count, by: 2) {
                let mean = scale * Self.load2(sizes, index)
                let logRatio = RealFunctions.log1pOfNonnegative((mean + guardTerm) * inverse)
                cellLanes += Self.load2(weights, index) * logRatio
                // ln(μ/q + ε) with q = ρ + μ + ε is ln μ - ln q + ln(1 + ε q/μ), and ln q needs no
                // logarithm of its own.
                let small = guardTerm * (rho + mean + guardTerm) / mean
                let correction =
                    small.max() < 1e-9 ? small : RealFunctions.log1pOfNonnegative(small)
                countLanes +=
                    Self.load2(gene.nodeWeights, index)
                    * (predictor + Self.load2(offsets, index) - logRatio + correction)
            }
        }
        let cells = cellLanes[0] + cellLanes[1]
        let counts = countLanes[0] + countLanes[1]
        return counts - rho * cells - gene.countSum * RealFunctions.log(rho)
    }

    private func withNodes(
        _ nodes: borrowing SizeFactorNodes,
        _ body: (
            _ sizes: UnsafeBufferPointer<Double>,
            _ offsets: UnsafeBufferPointer<Double>,
            _ weights: UnsafeBufferPointer<Double>
        ) -> Void
    ) {
        nodes.sizeFactors.withUnsafeBufferPointer { sizes in
            nodes.offsets.withUnsafeBufferPointer { offsets in
                nodes.cellWeights.withUnsafeBufferPointer { body(sizes, offsets, $0) }
            }
        }
    }

    /// Two neighbouring elements; nodes come in fours.
    @inline(__always)
    private static func load2(_ values: UnsafeBufferPointer<Double>, _ index: Int) -> SIMD2<Double>
    {
        SIMD2(values[index], values[index + 1])
    }

    private func cellwise(
        rho: Double,
        group: borrowing GroupOffsets,
        gene: MeasuredGene
    ) -> Double {
        var sum = 0.0
        for factor in group.sizeFactors {
            sum += NegativeBinomialLikelihood.cellTerm(mean: mean(factor), rho: rho)
        }
        for index in 0..<gene.nonzeros {
            let factor = group.sizeFactors[Int(gene.counts.positions[index])]
            sum +=
                Double(gene.counts.counts[index])
                * NegativeBinomialLikelihood.countTerm(mean: mean(factor), rho: rho)
        }
        return sum
    }

    private func mean(_ sizeFactor: Double) -> Double {
        min(max(scale * sizeFactor, UnclampedMeans.floor), UnclampedMeans.ceiling)
    }
}

extension MeasuredGene {
    /// Σ D of a gene whose fitted mean is 1e-10 in every cell, as it is where nothing was fitted.
    ///
    /// - Parameter group: Size factors of the group.
    /// - Returns: The sum over all cells of the group.
    package func momentsWithoutFit(group: borrowing GroupOffsets) -> Double {
        let all = rest(from: 0, group)
        let floor = UnclampedMeans.floor
        return Double(group.count) * UnclampedMeans.emptyMoment(mean: floor)
            + (all.excess - 2 * floor * all.counts) / UnclampedMeans.squareFloor
    }
}
