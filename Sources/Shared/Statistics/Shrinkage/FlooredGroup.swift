/// The counts of one gene in one group where a floor of the mean cuts off the shallowest cells.
struct FlooredGroup {
    let part: TwoGroupShrinkage.GroupPart
    let gene: MeasuredGene

    /// What one group adds to J, and the derivative in its predictor.
    struct Sums {
        var value = 0.0
        var slope = 0.0
    }

    /// Σ [-Y η + (Y + ρ) ln(e^η + ρ)] with η floored at ln m; cells at the floor have no slope.
    ///
    /// - Parameters:
    ///   - predictor: b, so that η = max(b + o, ln m).
    ///   - size: ρ.
    ///   - floor: The floor m.
    /// - Returns: The sum and its derivative in b.
    func sums(predictor: Double, size: Double, floor: MeanFloor) -> Sums {
        let group = part.offsets
        let freeCells = group.leadingCount(offsetAtLeast: floor.logMinimum - predictor)
        let freeCounts =
            freeCells == group.count ? gene.nonzeros : gene.nonzeros(before: freeCells)
        let rest = gene.rest(from: freeCounts, group).counts
        var sums = Sums()
        if freeCells > 0 {
            sums = freeSums(predictor, size, cells: freeCells, nonzeros: freeCounts)
            let total = gene.countSum - rest
            sums.value -= predictor * total
            sums.slope -= total
        }
        if freeCells < group.count {
            let logSum = RealFunctions.log(floor.minimum + size)
            sums.value += Double(group.count - freeCells) * size * logSum
            sums.value += rest * (logSum - floor.logMinimum)
        }
        return sums
    }

    /// The cells above the floor, apart from the terms in Σ Y.
    private func freeSums(_ predictor: Double, _ size: Double, cells: Int, nonzeros: Int) -> Sums {
        let nodes = part.nodes
        return withUnsafeTemporaryAllocation(of: Double.self, capacity: 2 * nodes.count) { room in
            room.initialize(repeating: 0)
            let cellWeights = UnsafeMutableBufferPointer(rebasing: room[..<nodes.count])
            let countWeights = UnsafeMutableBufferPointer(rebasing: room[nodes.count...])
            weighCells(cells, into: cellWeights)
            weighCounts(nonzeros, into: countWeights)
            let scale = RealFunctions.exp(predictor)
            var sums = Sums()
            for node in 0..<nodes.count {
                let weight = size * cellWeights[node] + countWeights[node]
                let mean = scale * nodes.sizeFactors[node]
                sums.value += weight * RealFunctions.log(mean + size)
                sums.value -= countWeights[node] * nodes.offsets[node]
                sums.slope += weight * (mean / (mean + size))
            }
            return sums
        }
    }

    /// The nodes' weights for the deepest cells alone.
    private func weighCells(_ count: Int, into weights: UnsafeMutableBufferPointer<Double>) {
        let nodes = part.nodes
        guard let base = weights.baseAddress else { return }
        guard count < part.offsets.count else {
            for node in 0..<nodes.count { base[node] = nodes.cellWeights[node] }
            return
        }
        let start = count - count % SizeFactorNodes.checkpointDistance
        let interval = nodes.interval(ofPosition: start)
        for node in 0..<interval.nodes.lowerBound { base[node] = nodes.cellWeights[node] }
        nodes.withCheckpoint(start / SizeFactorNodes.checkpointDistance) { known in
            for node in 0..<interval.nodes.count {
                base[interval.nodes.lowerBound + node] = known[node]
            }
        }
        for position in start..<count {
            let own = nodes.interval(ofPosition: position)
            nodes.addBasis(
                ofPosition: position,
                in: own,
                times: 1,
                to: base + own.nodes.lowerBound
            )
        }
    }

    /// The nodes' weights for the first nonzero counts alone.
    private func weighCounts(_ count: Int, into weights: UnsafeMutableBufferPointer<Double>) {
        let nodes = part.nodes
        guard let base = weights.baseAddress else { return }
        guard count < gene.nonzeros else {
            for node in 0..<nodes.count { base[node] = gene.nodeWeights[node] }
            return
        }
        let positions = gene.counts.positions
        let start = count - count % SizeFactorNodes.checkpointDistance
        let interval = nodes.interval(ofPosition: Int(positions[start]))
        for node in 0..<interval.nodes.lowerBound { base[node] = gene.nodeWeights[node] }
        let known =
            gene.record(start / SizeFactorNodes.checkpointDistance)
            + MeasuredCounts.RecordField.count
        for node in 0..<interval.nodes.count {
            base[interval.nodes.lowerBound + node] = known[node]
        }
        for index in start..<count {
            let position = Int(positions[index])
            let own = nodes.interval(ofPosition: position)
            nodes.addBasis(
                ofPosition: position,
                in: own,
                times: Double(gene.counts.counts[index]),
                to: base + own.nodes.lowerBound
            )
        }
    }
}
