extension WorkingSums {
    /// Computes the sums for one gene in one group from nodes instead of cells.
    ///
    /// Equal to the sums over cells to rounding. Cost: one division per node, and up to 31 cells and
    /// nonzeros one by one at each end of what the floor cuts off.
    ///
    /// - Parameters:
    ///   - predictor: b, natural log.
    ///   - dispersion: α, at least 0.
    ///   - floor: The floor m of the fitted mean.
    ///   - group: Size factors of the group.
    ///   - nodes: Its nodes.
    ///   - gene: The gene's counts in the group.
    package init(
        predictor: Double,
        dispersion: Double,
        floor: MeanFloor,
        group: borrowing GroupOffsets,
        nodes: borrowing SizeFactorNodes,
        gene: MeasuredGene
    ) {
        guard let deepest = group.offsets.first,
            deepest <= MeanFloor.predictorCeiling - predictor
        else {
            // Means at the ceiling are no case to be fast in.
            self.init(
                predictor: predictor,
                dispersion: dispersion,
                floor: floor,
                group: group,
                gene: gene.counts,
                withDispersionTerms: true
            )
            return
        }
        self.init()
        let freeCells = group.leadingCount(offsetAtLeast: floor.logMinimum - predictor)
        let freeCounts =
            freeCells == group.count ? gene.nonzeros : gene.nonzeros(before: freeCells)
        let scale = RealFunctions.exp(predictor)
        if freeCells > 0 {
            let sums = NodeSums(
                scale: scale,
                dispersion: dispersion,
                minimum: floor.minimum,
                freeCells: freeCells,
                freeCounts: freeCounts,
                group: group,
                nodes: nodes,
                gene: gene
            )
            weight = sums.weight
            weightedResponse = (predictor - 1) * sums.weight + sums.counts
        }
        let floored = gene.rest(from: freeCounts, group)
        if freeCells < group.count {
            let one = floor.minimum / (1 + dispersion * floor.minimum)
            let count = Double(group.count - freeCells)
            weight += count * one
            weightedResponse +=
                one * (count * (floor.logMinimum - 1) - group.suffixOffsetSums[freeCells])
            weightedResponse += floored.counts / (1 + dispersion * floor.minimum)
        }
        addMoments(gene, floored, (freeCells, freeCounts), predictor, scale, floor, group)
    }

    /// Σ D by regions of falling size factor: μ² above m, μ² below m, μ at m.
    private mutating func addMoments(
        _ gene: MeasuredGene,
        _ floored: MeasuredGene.Rest,
        _ free: (cells: Int, counts: Int),
        _ predictor: Double,
        _ scale: Double,
        _ floor: MeanFloor,
        _ group: borrowing GroupOffsets
    ) {
        let minimum = floor.minimum
        let squareFloor = max(minimum * minimum, minimum)
        let squareCut =
            minimum < 1 && minimum > 0
            ? min(free.cells, group.leadingCount(offsetAtLeast: floor.logMinimum / 2 - predictor))
            : free.cells
        var total = Double(squareCut)
        var deepCounts = free.counts
        if squareCut < free.cells {
            let squares =
                group.suffixSquareSums[squareCut] - group.suffixSquareSums[free.cells]
            total += scale * scale * squares / minimum
            deepCounts = gene.nonzeros(before: squareCut)
        }
        if free.cells < group.count {
            total += Double(group.count - free.cells) * (minimum * minimum / squareFloor)
        }
        if deepCounts > 0 {
            let (scaled, excess) = gene.scaledSums(before: deepCounts, group)
            total += excess / (scale * scale) - 2 * scaled / scale
        }
        if deepCounts < free.counts {
            let shallow = gene.rest(from: deepCounts, group)
            total += shallow.excess / minimum
            total -= 2 * scale * (shallow.products - floored.products) / minimum
            total -= 2 * minimum * floored.counts / squareFloor
        } else if free.counts < gene.nonzeros {
            total += (floored.excess - 2 * minimum * floored.counts) / squareFloor
        }
        dispersionTerms = total
    }
}

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
                let whole = cellInterval?.nodes.lowerBound ?? nodes.count
                var lanes = SIMD4<Double>(repeating: 0)
                nodes.cellWeights.withUnsafeBufferPointer { weights in
                    for index in 0..<(whole / 4) {
                        lanes +=
                            load4(weights, 4 * index) * (load4(sizes, 4 * index) * factors[index])
                    }
                }
                if let cellInterval {
                    nodes.withCheckpoint(cellPart.checkpoint) { weights in
                        let first = cellInterval.nodes.lowerBound
                        for index in 0..<(cellInterval.nodes.count / 4) {
                            lanes +=
                                load4(weights, 4 * index)
                                * (load4(sizes, first + 4 * index) * factors[first / 4 + index])
                        }
                    }
                }
                weight = scale * fold(lanes)
            }
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
