import ComputeThreads
package import CountBlocks
import Digests

/// The control cells cut into pieces, with the bytes of the tiles.
package struct TiledControl: Sendable {
    /// What the pieces are.
    package let pieces: ControlPieces
    /// One store for each tile, whose only group holds all control cells.
    package let tiles: [BlockStore]
}

/// Cuts the control cells into tiles of genes and runs of cells.
///
/// One pass over the control's block, which is encoded again tile by tile. Tiles are even in
/// nonzeros; where they are cut depends on the control cells and the wanted size alone.
package struct ControlTiler {
    /// Most tiles: each has a scratch file of its own when it is spilled.
    private static let mostTiles = 64
    /// Nonzeros of a tile below which more tiles are of no use to threads; a smaller wanted size counts
    /// all the same, because memory asks for it.
    private static let fewestNonzeros = 1 << 18
    /// Bytes of a run of cells.
    private static let runBytes = 4 << 20

    private let screen: ScreenCounts
    private let memoryBytes: Int
    private let scratchDirectory: String

    /// Prepares the cutting.
    ///
    /// - Parameters:
    ///   - screen: The screen's blocks.
    ///   - memoryBytes: Budget for the tiles' bytes; what does not fit is spilled.
    ///   - scratchDirectory: Where to spill.
    package init(screen: ScreenCounts, memoryBytes: Int, scratchDirectory: String) {
        self.screen = screen
        self.memoryBytes = memoryBytes
        self.scratchDirectory = scratchDirectory
    }

    /// Cuts.
    ///
    /// - Parameter tileNonzeros: Nonzeros that a tile should not exceed if it can be helped: a tile
    ///   has at least one gene, and there are at most 64 tiles.
    /// - Returns: Tiles and runs that hold every control cell.
    /// - Throws: `CountBlockError` about scratch files.
    package func run(tileNonzeros: Int) throws(CountBlockError) -> TiledControl {
        let detections = try detections()
        let total = detections.reduce(0, +)
        let size = max(
            min(tileNonzeros, max(total / Self.mostTiles, Self.fewestNonzeros)),
            (total + Self.mostTiles - 1) / Self.mostTiles
        )
        let ranges = Self.cut(detections, size: size, most: Self.mostTiles)
        let tiles = try encode(ranges)
        let described = zip(ranges, tiles).map { genes, store in
            let block = store.blocks[0]
            return ControlPieces.Tile(
                genes: genes,
                nonzeroCount: block.nonzeroCount,
                byteCount: block.byteCount,
                digest: block.digest
            )
        }
        return TiledControl(
            pieces: ControlPieces(tiles: described, cellRuns: try cellRuns()),
            tiles: tiles
        )
    }

    /// Control cells that express each gene.
    private func detections() throws(CountBlockError) -> [Int] {
        var detections = [Int](repeating: 0, count: screen.geneCount)
        try forEachSegment { segment throws(CountBlockError) in
            segment.withGenes { genes in
                for gene in genes { detections[Int(gene)] += 1 }
            }
        }
        return detections
    }

    private func forEachSegment(
        _ body: (DecodedSegment) throws(CountBlockError) -> Void
    ) throws(CountBlockError) {
        var segment = DecodedSegment()
        var buffer: [UInt8] = []
        for index in 0..<screen.blocks.segmentCount(screen.controlGroup) {
            try screen.blocks.decodeSegment(
                group: screen.controlGroup,
                index: index,
                into: &segment,
                buffer: &buffer
            )
            try body(segment)
        }
    }

    /// Ranges of genes of at most `size` nonzeros, at most `most` of them.
    static func cut(_ detections: [Int], size: Int, most: Int) -> [Range<Int>] {
        var ranges: [Range<Int>] = []
        var start = 0
        var nonzeros = 0
        for gene in detections.indices {
            let grown = nonzeros + detections[gene]
            if gene > start, grown > size, ranges.count < most - 1 {
                ranges.append(start..<gene)
                start = gene
                nonzeros = 0
            }
            nonzeros += detections[gene]
        }
        if start < detections.count { ranges.append(start..<detections.count) }
        return ranges
    }

    private func encode(_ ranges: [Range<Int>]) throws(CountBlockError) -> [BlockStore] {
        let builders = ranges.map { _ in
            BlockBuilder(
                groupCount: 1,
                geneCount: screen.geneCount,
                kind: screen.blocks.kind,
                memoryBytes: memoryBytes / ranges.count,
                scratchDirectory: scratchDirectory
            )
        }
        let encoder = CellEncoder(geneCount: screen.geneCount)
        try forEachSegment { segment throws(CountBlockError) in
            let groups = [Int32](repeating: 0, count: segment.cellCount)
            for (tile, cells) in encoder.cut(segment, at: ranges).enumerated() {
                try groups.withUnsafeBufferPointer { groups throws(CountBlockError) in
                    try builders[tile].append(cells, groups: groups)
                }
            }
        }
        var stores: [BlockStore] = []
        for builder in builders { stores.append(try builder.finish()) }
        return stores
    }

    /// Consecutive segments of the control's block, a few megabytes at a time.
    private func cellRuns() throws(CountBlockError) -> [ControlPieces.CellRun] {
        var runs: [ControlPieces.CellRun] = []
        var segments: [SegmentSummary] = []
        var (firstCell, start) = (0, 0)
        func close() {
            guard !segments.isEmpty else { return }
            let digester = Digester()
            for segment in segments { digester.update(segment.digest) }
            let bytes = segments.reduce(0) { $0 + $1.byteCount }
            runs.append(
                ControlPieces.CellRun(
                    firstCell: firstCell,
                    nonzeroCount: segments.reduce(0) { $0 + $1.nonzeroCount },
                    bytes: start..<start + bytes,
                    digest: digester.finish()
                )
            )
            firstCell += segments.reduce(0) { $0 + $1.cellCount }
            start += bytes
            segments = []
        }
        for index in 0..<screen.blocks.segmentCount(screen.controlGroup) {
            let segment = try screen.blocks.summary(group: screen.controlGroup, index: index)
            let bytes = segments.reduce(segment.byteCount) { $0 + $1.byteCount }
            if bytes > Self.runBytes { close() }
            segments.append(segment)
        }
        close()
        return runs
    }
}
