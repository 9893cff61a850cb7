import ComputeThreads
import CountBlocks
import Statistics

/// Fits every gene to the control cells, in tiles of genes that fit the memory budget.
///
/// All genes stop at the same iteration, the first at which every gene changed less than the
/// tolerance. A tile is run until it alone is satisfied; tiles that stopped earlier than the latest
/// are loaded again and carried on. Once all stand at the same satisfied iteration the fit is what
/// running all genes side by side gives, bit for bit.
struct ControlStage {
    let screen: ScreenCounts
    let options: AnalysisOptions
    let team: ThreadTeam
    let memoryBytes: Int

    /// Fitted values of each gene; shape `[genes]`.
    struct Fitted {
        var intercept: [Double]
        var dispersion: [Double]
        var weight: [Double]
    }

    private struct Tile {
        let genes: Range<Int>
        var iterations = 0
        var isSatisfied = false
    }

    /// Runs the fit.
    ///
    /// - Parameters:
    ///   - control: Size factors of the control cells.
    ///   - detections: Control cells with a nonzero count of each gene.
    ///   - countSums: Σ Y over the control cells of each gene.
    /// - Returns: The fitted values.
    /// - Throws: `CountBlockError` when a spilled block cannot be read back.
    func run(
        control: GroupOffsets,
        detections: [Int],
        countSums: [Double]
    ) throws(CountBlockError) -> Fitted {
        let meanSizeFactor = FixedOrderSums.mean(control.sizeFactors)
        let fits = GeneFits(
            countSums.map {
                ControlFit(
                    meanCount: $0 / Double(control.count),
                    meanSizeFactor: meanSizeFactor
                )
            }
        )
        let floor = MeanFloor(minimum: options.minimumMean)
        var tiles = Self.tiles(detections: detections, memoryBytes: memoryBytes)
        var loaded: (tile: Int, counts: GeneMajorCounts)?
        func counts(_ tile: Int) throws(CountBlockError) -> GeneMajorCounts {
            if let loaded, loaded.tile == tile { return loaded.counts }
            loaded = nil
            let counts = try load(tiles[tile].genes, control: control, detections: detections)
            loaded = (tile, counts)
            return counts
        }
        var target = options.maximumIterations == 0 ? 0 : 1
        while let behind = tiles.firstIndex(where: { isBehind($0, target) }) {
            let counts = try counts(behind)
            while isBehind(tiles[behind], target) {
                tiles[behind].isSatisfied = advance(
                    tiles[behind].genes,
                    fits,
                    floor,
                    control,
                    counts
                )
                tiles[behind].iterations += 1
            }
            target = max(target, tiles[behind].iterations)
        }
        let byTolerance = tiles.allSatisfy(\.isSatisfied)
        var weight = [Double](repeating: 0, count: detections.count)
        for tile in tiles.indices {
            // The weight depends on size factors alone, so that no counts need be loaded.
            let fitted = finish(tiles[tile].genes, fits, byTolerance, floor, control)
            weight.replaceSubrange(tiles[tile].genes, with: fitted)
        }
        return Fitted(
            intercept: fits.values.map(\.intercept),
            dispersion: fits.values.map(\.dispersion),
            weight: weight
        )
    }

    private func isBehind(_ tile: Tile, _ target: Int) -> Bool {
        tile.iterations < options.maximumIterations
            && (tile.iterations < target || !tile.isSatisfied)
    }

    /// One iteration of all genes of a tile; whether every one changed less than the tolerance.
    private func advance(
        _ genes: Range<Int>,
        _ fits: GeneFits,
        _ floor: MeanFloor,
        _ control: GroupOffsets,
        _ counts: GeneMajorCounts
    ) -> Bool {
        forEachChunk(genes) { chunk in
            for gene in chunk {
                counts.withGene(gene) {
                    fits.values[gene].step(floor: floor, control: control, gene: $0)
                }
            }
        }
        return genes.allSatisfy { fits.values[$0].change < options.tolerance }
    }

    private func finish(
        _ genes: Range<Int>,
        _ fits: GeneFits,
        _ byTolerance: Bool,
        _ floor: MeanFloor,
        _ control: GroupOffsets
    ) -> [Double] {
        let weights = GeneWeights(count: genes.count)
        forEachChunk(genes) { chunk in
            let none = GeneCounts(
                positions: UnsafeBufferPointer(start: nil, count: 0),
                counts: UnsafeBufferPointer(start: nil, count: 0)
            )
            for gene in chunk {
                fits.values[gene].finish(stoppedByTolerance: byTolerance)
                weights.values[gene - genes.lowerBound] = fits.values[gene].weight(
                    floor: floor,
                    control: control,
                    gene: none
                )
            }
        }
        return Array(weights.values)
    }

    private func forEachChunk(_ genes: Range<Int>, _ body: @escaping @Sendable (Range<Int>) -> Void)
    {
        let size = 32
        team.forEach((genes.count + size - 1) / size) { chunk in
            let start = genes.lowerBound + chunk * size
            body(start..<min(start + size, genes.upperBound))
        }
    }

    /// Regroups the control's counts of some genes.
    private func load(
        _ genes: Range<Int>,
        control: GroupOffsets,
        detections: [Int]
    ) throws(CountBlockError) -> GeneMajorCounts {
        let slot = SweepSlot(width: 0)
        return try GeneMajorCounts(
            genes: genes,
            detections: Array(detections[genes]),
            group: control,
            segmentCount: screen.blocks.segmentCount(screen.controlGroup)
        ) { index, segment throws(CountBlockError) in
            try slot.load(screen.controlGroup, index, screen)
            segment = slot.segment
        }
    }

    /// Cuts the genes into tiles of at most `memoryBytes` of nonzeros, at least one gene each.
    private static func tiles(detections: [Int], memoryBytes: Int) -> [Tile] {
        let bytesPerNonzero = 8
        var tiles: [Tile] = []
        var start = 0
        var nonzeros = 0
        for gene in detections.indices {
            let grown = (nonzeros + detections[gene]) * bytesPerNonzero
            if gene > start, grown > memoryBytes {
                tiles.append(Tile(genes: start..<gene))
                start = gene
                nonzeros = 0
            }
            nonzeros += detections[gene]
        }
        if start < detections.count { tiles.append(Tile(genes: start..<detections.count)) }
        return tiles
    }
}

/// The fits of all genes, each touched by one thread at a time.
///
/// `@unchecked`: a loop over chunks of genes gives each gene to one thread, and loops are separated
/// by barriers.
private final class GeneFits: @unchecked Sendable {
    let values: UnsafeMutableBufferPointer<ControlFit>

    init(_ fits: [ControlFit]) {
        values = .allocate(capacity: fits.count)
        _ = values.initialize(from: fits)
    }

    deinit { values.deallocate() }
}

/// One number per gene of a tile; `@unchecked` for the same reason as ``GeneFits``.
private final class GeneWeights: @unchecked Sendable {
    let values: UnsafeMutableBufferPointer<Double>

    init(count: Int) {
        values = .allocate(capacity: count)
        values.initialize(repeating: 0)
    }

    deinit { values.deallocate() }
}
