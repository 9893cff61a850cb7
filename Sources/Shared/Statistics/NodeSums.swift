/// Sums over the cells of a group above the floor, from nodes.
struct NodeSums {
    /// Σ μ/(1 + αμ) over the cells.
    private(set) var weight = 0.0
    /// Σ Y/(1 + αμ) over the cells.
    private(set) var counts = 0.0

    /// Computes the sums.
    ///
    /// - Parameters:
    ///   - scale: exp b.
    ///   - dispersion: α, at least 0.
    ///   - minimum: m.
    ///   - freeCells: Leading cells of the group that are summed.
    ///   - freeCounts: The gene's nonzeros in them.
    ///   - group: Size factors of the group.
    ///   - nodes: Its nodes.
    ///   - gene: The gene's counts; nil for the weight alone.
    init(
        scale: Double,
        dispersion: Double,
        minimum: Double,
        freeCells: Int,
        freeCounts: Int,
        group: borrowing GroupOffsets,
        nodes: borrowing SizeFactorNodes,
        gene: MeasuredGene?
    ) {
        let cellPart = CutPart(freeCells, of: group.count)
        let countPart = CutPart(freeCounts, of: gene?.nonzeros ?? 0)
        let cellInterval = cellPart.isWhole ? nil : nodes.interval(ofPosition: cellPart.start)
        let countInterval: SizeFactorNodes.Interval?
        if let gene, !countPart.isWhole {
            let position = Int(gene.counts.positions[countPart.start])
            countInterval = nodes.interval(ofPosition: position)
        } else {
            countInterval = nil
        }
        let needed = max(
            cellInterval?.nodes.upperBound ?? nodes.count,
            gene == nil ? 0 : countInterval?.nodes.upperBound ?? nodes.count
        )
        // 1/(1 + αμ) at the nodes.
        withUnsafeTemporaryAllocation(of: SIMD4<Double>.self, capacity: needed / 4) { factors in
            nodes.sizeFactors.withUnsafeBufferPointer { sizes in
                let alphaScale = dispersion * scale
                for index in 0..<(needed / 4) {
                    factors[index] = 1 / (1 + alphaScale * load4(sizes, 4 * index))
                }
            }
            weight = scale * Self.cellSum(cellPart, cellInterval, nodes, factors)
            if let gene {
                counts = Self.countSum(gene, countPart, countInterval, factors)
            }
        }
        addRest(
            scale,
            dispersion,
            minimum,
            (cellPart, freeCells),
            (countPart, freeCounts),
            group,
            gene
        )
    }

    /// Σ s/(1 + αμ) over whole intervals and checked cells.
    private static func cellSum(
        _ part: CutPart,
        _ interval: SizeFactorNodes.Interval?,
        _ nodes: borrowing SizeFactorNodes,
        _ factors: UnsafeMutableBufferPointer<SIMD4<Double>>
    ) -> Double {
        var lanes = SIMD4<Double>(repeating: 0)
        nodes.sizeFactors.withUnsafeBufferPointer { sizes in
            nodes.cellWeights.withUnsafeBufferPointer { weights in
                let whole = interval?.nodes.lowerBound ?? weights.count
                for index in 0..<(whole / 4) {
                    lanes +=
                        load4(weights, 4 * index) * (load4(sizes, 4 * index) * factors[index])
                }
            }
            guard let interval else { return }
            nodes.withCheckpoint(part.checkpoint) { weights in
                let first = interval.nodes.lowerBound
                for index in 0..<(interval.nodes.count / 4) {
                    lanes +=
                        load4(weights, 4 * index)
                        * (load4(sizes, first + 4 * index) * factors[first / 4 + index])
                }
            }
        }
        return fold(lanes)
    }

    /// Σ Y/(1 + αμ) over whole intervals and checked nonzeros.
    private static func countSum(
        _ gene: MeasuredGene,
        _ part: CutPart,
        _ interval: SizeFactorNodes.Interval?,
        _ factors: UnsafeMutableBufferPointer<SIMD4<Double>>
    ) -> Double {
        var lanes = SIMD4<Double>(repeating: 0)
        let whole = interval?.nodes.lowerBound ?? gene.nodeWeights.count
        for index in 0..<(whole / 4) {
            lanes += load4(gene.nodeWeights, 4 * index) * factors[index]
        }
        if let interval {
            let weights = gene.record(part.checkpoint) + MeasuredCounts.RecordField.count
            let first = interval.nodes.lowerBound / 4
            for index in 0..<(interval.nodes.count / 4) {
                lanes += load4(weights, 4 * index) * factors[first + index]
            }
        }
        return fold(lanes)
    }

    /// Cells and nonzeros between the last checkpoint and the cut.
    private mutating func addRest(
        _ scale: Double,
        _ dispersion: Double,
        _ minimum: Double,
        _ cells: (part: CutPart, end: Int),
        _ nonzeros: (part: CutPart, end: Int),
        _ group: borrowing GroupOffsets,
        _ gene: MeasuredGene?
    ) {
        group.sizeFactors.withUnsafeBufferPointer { factors in
            var lanes = SIMD4<Double>(repeating: 0)
            for start in stride(from: cells.part.start, to: cells.end, by: 4) {
                // A lane without a cell has mean 0 and adds nothing.
                var mu = SIMD4<Double>(repeating: 0)
                for lane in 0..<min(4, cells.end - start) {
                    mu[lane] = max(scale * factors[start + lane], minimum)
                }
                lanes += mu / (1 + dispersion * mu)
            }
            weight += fold(lanes)
            guard let gene else { return }
            lanes = SIMD4(repeating: 0)
            for start in stride(from: nonzeros.part.start, to: nonzeros.end, by: 4) {
                var (mu, y) = (SIMD4<Double>(repeating: 0), SIMD4<Double>(repeating: 0))
                for lane in 0..<min(4, nonzeros.end - start) {
                    let factor = factors[Int(gene.counts.positions[start + lane])]
                    mu[lane] = max(scale * factor, minimum)
                    y[lane] = Double(gene.counts.counts[start + lane])
                }
                lanes += y / (1 + dispersion * mu)
            }
            counts += fold(lanes)
        }
    }
}

/// How a number of leading elements is made up: checkpoints, then one by one.
private struct CutPart {
    /// Whether it is all elements, so that whole weights apply.
    let isWhole: Bool
    /// The checkpoint at or before the cut.
    let checkpoint: Int
    /// The first element that is taken by itself.
    let start: Int

    init(_ count: Int, of all: Int) {
        isWhole = count == all
        checkpoint = count / SizeFactorNodes.checkpointDistance
        start = isWhole ? count : checkpoint * SizeFactorNodes.checkpointDistance
    }
}

/// Four neighbouring elements, read without a check of the range.
@inline(__always)
private func load4(_ values: UnsafeBufferPointer<Double>, _ index: Int) -> SIMD4<Double> {
    load4(values.baseAddress.unsafelyUnwrapped, index)
}

@inline(__always)
private func load4(_ values: UnsafePointer<Double>, _ index: Int) -> SIMD4<Double> {
    UnsafeRawPointer(values + index).loadUnaligned(as: SIMD4<Double>.self)
}

@inline(__always)
private func fold(_ lanes: SIMD4<Double>) -> Double {
    (lanes[0] + lanes[2]) + (lanes[1] + lanes[3])
}
