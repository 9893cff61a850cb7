import CountBlocks
import DifferentialExpression
import Digests
import Testing

@Suite("The control cells cut into pieces")
struct ControlTilerTests {
    /// A nonzero of a control cell: file row, gene and the value's bits.
    private struct Nonzero: Hashable {
        var row: UInt32
        var gene: UInt32
        var bits: UInt64
    }

    private func nonzeros(_ segments: [DecodedSegment]) -> [Nonzero] {
        segments.flatMap { segment -> [Nonzero] in
            func all<Value>(
                _ rows: UnsafeBufferPointer<UInt32>,
                _ starts: UnsafeBufferPointer<Int>,
                _ genes: UnsafeBufferPointer<UInt32>,
                _ values: UnsafeBufferPointer<Value>,
                _ bits: (Value) -> UInt64
            ) -> [Nonzero] {
                rows.indices.flatMap { cell in
                    (starts[cell]..<starts[cell + 1]).map {
                        Nonzero(row: rows[cell], gene: genes[$0], bits: bits(values[$0]))
                    }
                }
            }
            switch segment.kind {
            case .integerCounts:
                return segment.withCells {
                    all($0.rows, $0.starts, $0.genes, $0.counts) { UInt64($0) }
                }
            case .float32Values:
                return segment.withValues(of: Float.self) {
                    all($0.rows, $0.starts, $0.genes, $0.values) { UInt64($0.bitPattern) }
                }
            case .float64Values:
                return segment.withValues(of: Double.self) {
                    all($0.rows, $0.starts, $0.genes, $0.values) { $0.bitPattern }
                }
            }
        }
    }

    private func rows(_ segments: [DecodedSegment]) -> [UInt32] {
        segments.flatMap { segment -> [UInt32] in
            switch segment.kind {
            case .integerCounts: segment.withCells { Array($0.rows) }
            case .float32Values: segment.withValues(of: Float.self) { Array($0.rows) }
            case .float64Values: segment.withValues(of: Double.self) { Array($0.rows) }
            }
        }
    }

    private func decoded(
        _ store: BlockStore,
        group: Int,
        bytes: Range<Int>,
        _ digest: Digest128
    ) throws
        -> [DecodedSegment]
    {
        var raw: [UInt8] = []
        try store.read(group: group, offset: bytes.lowerBound, length: bytes.count, into: &raw)
        return try DecodedSegment.all(
            of: raw,
            geneCount: store.geneCount,
            kind: store.kind,
            digest: digest
        )
    }

    /// Checks every promise about the pieces of a screen, and gives back the list.
    @discardableResult
    private func expectWhole(
        _ screen: ScreenCounts,
        tileNonzeros: Int = 1,
        memoryBytes: Int = 1 << 30
    ) throws -> ControlPieces {
        let tiled = try ControlTiler(
            screen: screen,
            memoryBytes: memoryBytes,
            scratchDirectory: "/tmp"
        ).run(tileNonzeros: tileNonzeros)
        let pieces = tiled.pieces
        let control = try screen.segments(screen.controlGroup)
        let expected = nonzeros(control)
        let rows = rows(control)
        #expect(pieces.tiles.count == tiled.tiles.count && pieces.tiles.count <= 64)
        #expect(pieces.tiles.first?.genes.lowerBound == 0)
        #expect(pieces.tiles.last?.genes.upperBound == screen.geneCount)
        var found: [Nonzero] = []
        for (index, (tile, store)) in zip(pieces.tiles, tiled.tiles).enumerated() {
            if index > 0 {
                #expect(tile.genes.lowerBound == pieces.tiles[index - 1].genes.upperBound)
            }
            #expect(store.blocks[0].byteCount == tile.byteCount)
            let segments = try decoded(store, group: 0, bytes: 0..<tile.byteCount, tile.digest)
            let nonzeros = nonzeros(segments)
            #expect(nonzeros.allSatisfy { tile.genes.contains(Int($0.gene)) })
            #expect(nonzeros.count == tile.nonzeroCount)
            #expect(self.rows(segments) == rows, "every tile has all cells, empty ones too")
            found += nonzeros
        }
        #expect(found.count == expected.count)
        #expect(Set(found) == Set(expected))
        var inRuns: [Nonzero] = []
        var cells = 0
        var byte = 0
        for run in pieces.cellRuns {
            #expect(run.firstCell == cells && run.bytes.lowerBound == byte)
            let segments = try decoded(
                screen.blocks,
                group: screen.controlGroup,
                bytes: run.bytes,
                run.digest
            )
            let nonzeros = nonzeros(segments)
            #expect(nonzeros.count == run.nonzeroCount)
            inRuns += nonzeros
            cells += segments.reduce(0) { $0 + $1.cellCount }
            byte = run.bytes.upperBound
        }
        #expect(inRuns == expected)
        #expect(cells == rows.count)
        #expect(byte == screen.blocks.blocks[screen.controlGroup].byteCount)
        #expect(ControlPieces(bytes: pieces.encoded(), geneCount: screen.geneCount) == pieces)
        return pieces
    }

    @Test("a tile is as large as is wanted, has one gene at least, and there are 64 at most")
    func sizes() throws {
        let screen = try SampleScreen(
            sizes: [40, 9, 7],
            unlabelled: 4,
            geneCount: 100,
            seed: 3
        ).screen()
        let total = screen.blocks.blocks[0].nonzeroCount
        let whole = try expectWhole(screen, tileNonzeros: 1 << 30)
        #expect(whole.tiles.count == 1 && whole.cellRuns.count == 1)
        let small = try expectWhole(screen, tileNonzeros: 1)
        #expect((32...64).contains(small.tiles.count))
        let largest = total / 64 + 1
        for tile in small.tiles.dropLast() {
            #expect(tile.nonzeroCount <= largest || tile.genes.count == 1)
        }
        let quarters = try expectWhole(screen, tileNonzeros: total / 4)
        #expect((4...8).contains(quarters.tiles.count))
        for tile in quarters.tiles { #expect(tile.nonzeroCount <= total / 4) }
    }

    @Test("counts, with and without spilling", arguments: [0, 1 << 30])
    func counts(memoryBytes: Int) throws {
        let screen = SampleScreen(sizes: [2300, 60], unlabelled: 40, geneCount: 300, seed: 5)
        let counts = try screen.screen(memoryBytes: memoryBytes)
        #expect((counts.blocks.bytesSpilled > 0) == (memoryBytes == 0))
        let pieces = try expectWhole(counts, memoryBytes: memoryBytes)
        let total = counts.blocks.blocks[0].nonzeroCount
        #expect(total > 1 << 18)
        #expect(pieces.tiles.count >= 2, "\(total) nonzeros are more than the smallest tile")
        // Tiles are even in nonzeros.
        for tile in pieces.tiles { #expect(tile.nonzeroCount <= 1 << 18) }
        // Where they are cut does not depend on the memory.
        #expect(try expectWhole(counts, memoryBytes: 1 << 20) == pieces)
        // A tile may be as large as is wanted.
        let large = try expectWhole(counts, tileNonzeros: 1 << 30).tiles
        #expect(large.count < pieces.tiles.count && large.count >= total >> 18)
    }

    @Test("values of both kinds, negative ones too", arguments: [true, false])
    func values(isSingle: Bool) throws {
        let screen = ExpressionScreen(
            sizes: [2000, 50],
            unlabelled: 10,
            geneCount: 320,
            negative: true,
            seed: 7
        )
        let counts =
            isSingle ? try screen.screen(of: Float.self) : try screen.screen(of: Double.self)
        let pieces = try expectWhole(counts)
        #expect(pieces.tiles.count >= 2)
        // A run holds four MiB at most, unless one segment is larger.
        if !isSingle { #expect(pieces.cellRuns.count >= 1) }
    }

    @Test("genes that nobody expresses are in a tile too")
    func silentGenes() throws {
        var screen = SampleScreen(sizes: [30, 5], geneCount: 20, seed: 9)
        for cell in screen.counts.indices {
            for gene in [0, 1, 10, 18, 19] { screen.counts[cell][gene] = 0 }
        }
        // A cell without any count is a cell all the same.
        screen.counts[3] = [UInt32](repeating: 0, count: 20)
        try expectWhole(try screen.screen())
    }
}
