package import Digests

/// The pieces in which workers get the control cells: tiles of genes, and runs of whole cells.
///
/// Frozen with the run, so that every worker sees the same pieces; nothing of a result depends on
/// where they are cut.
package struct ControlPieces: Equatable, Sendable {
    /// All control cells, with the nonzeros of a range of genes alone.
    package struct Tile: Equatable, Sendable {
        /// The genes.
        package var genes: Range<Int>
        /// Nonzeros of these genes.
        package var nonzeroCount: Int
        /// Bytes of the tile's block.
        package var byteCount: Int
        /// Digest of the tile's block.
        package var digest: Digest128

        /// Gathers what is known of a tile.
        package init(genes: Range<Int>, nonzeroCount: Int, byteCount: Int, digest: Digest128) {
            self.genes = genes
            self.nonzeroCount = nonzeroCount
            self.byteCount = byteCount
            self.digest = digest
        }
    }

    /// Consecutive segments of the control's own block: whole cells with all their genes.
    package struct CellRun: Equatable, Sendable {
        /// Position of the first cell among the control cells.
        package var firstCell: Int
        /// Nonzeros of the cells.
        package var nonzeroCount: Int
        /// Where the run's bytes lie in the control's block.
        package var bytes: Range<Int>
        /// Digest of the run's segments.
        package var digest: Digest128

        /// Gathers what is known of a run.
        package init(firstCell: Int, nonzeroCount: Int, bytes: Range<Int>, digest: Digest128) {
            self.firstCell = firstCell
            self.nonzeroCount = nonzeroCount
            self.bytes = bytes
            self.digest = digest
        }
    }

    /// Tiles in the order of their genes; together they hold every gene once.
    package var tiles: [Tile]
    /// Runs in the order of their cells; together they hold every control cell once.
    package var cellRuns: [CellRun]

    /// No pieces, for methods that read no control cells.
    package static let none = ControlPieces(tiles: [], cellRuns: [])

    /// Fits that a process has in progress at once.
    ///
    /// One for each thread when all pieces stay in its memory; otherwise more, because every round
    /// over the pieces serves all of them.
    package static func fitsAtOnce(threads: Int, fitInMemory: Bool) -> Int {
        fitInMemory ? threads : 8 * threads
    }

    /// Gathers pieces.
    package init(tiles: [Tile], cellRuns: [CellRun]) {
        self.tiles = tiles
        self.cellRuns = cellRuns
    }

    /// The pieces as bytes: both counts, then each tile and run as numbers of eight bytes.
    package func encoded() -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(littleEndian: UInt64(tiles.count))
        bytes.append(littleEndian: UInt64(cellRuns.count))
        func add(_ numbers: [Int], _ digest: Digest128) {
            for number in numbers { bytes.append(littleEndian: UInt64(number)) }
            bytes.append(littleEndian: digest.high)
            bytes.append(littleEndian: digest.low)
        }
        for tile in tiles {
            add(
                [tile.genes.lowerBound, tile.genes.upperBound, tile.nonzeroCount, tile.byteCount],
                tile.digest
            )
        }
        for run in cellRuns {
            add(
                [run.firstCell, run.nonzeroCount, run.bytes.lowerBound, run.bytes.upperBound],
                run.digest
            )
        }
        return bytes
    }

    /// Reads what ``encoded()`` wrote.
    ///
    /// - Parameters:
    ///   - bytes: The encoded pieces; may come from anywhere.
    ///   - geneCount: Genes of the screen, which the tiles must cover in order.
    ///
    /// Gives nil for anything but pieces of such a screen.
    package init?(bytes: [UInt8], geneCount: Int) {
        guard bytes.count >= 16 else { return nil }
        var reader = LittleEndianReader(bytes: bytes)
        func count() -> Int? {
            let number = reader.next(UInt64.self)
            return number <= UInt64(bytes.count / 48) ? Int(number) : nil
        }
        guard let tileCount = count(), let runCount = count(),
            bytes.count == 16 + 48 * (tileCount + runCount)
        else { return nil }
        func entry() -> (numbers: [Int], digest: Digest128)? {
            var numbers: [Int] = []
            for _ in 0..<4 {
                let number = reader.next(UInt64.self)
                guard number < 1 << 48 else { return nil }
                numbers.append(Int(number))
            }
            let high = reader.next(UInt64.self)
            return (numbers, Digest128(high: high, low: reader.next(UInt64.self)))
        }
        tiles = []
        cellRuns = []
        var nextGene = 0
        for _ in 0..<tileCount {
            guard let (numbers, digest) = entry(), numbers[0] == nextGene, numbers[1] > nextGene
            else { return nil }
            nextGene = numbers[1]
            tiles.append(
                Tile(
                    genes: numbers[0]..<numbers[1],
                    nonzeroCount: numbers[2],
                    byteCount: numbers[3],
                    digest: digest
                )
            )
        }
        guard tileCount == 0 || nextGene == geneCount else { return nil }
        var nextCell = 0
        var nextByte = 0
        for index in 0..<runCount {
            guard let (numbers, digest) = entry(), numbers[2] == nextByte, numbers[3] > nextByte,
                index == 0 ? numbers[0] == 0 : numbers[0] > nextCell
            else { return nil }
            nextCell = numbers[0]
            nextByte = numbers[3]
            cellRuns.append(
                CellRun(
                    firstCell: numbers[0],
                    nonzeroCount: numbers[1],
                    bytes: numbers[2]..<numbers[3],
                    digest: digest
                )
            )
        }
    }
}
