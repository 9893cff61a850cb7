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
