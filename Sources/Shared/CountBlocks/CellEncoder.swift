/// Encodes the counts or the values of cells, one cell after the other.
///
/// The bytes of a cell depend on its genes and counts (values) and on the screen's number of genes
/// alone.
/// An encoder belongs to one thread at a time; it keeps its buffers, which grow to the largest
/// slab it has seen.
package final class CellEncoder {
    /// Number of genes of the screen.
    package let geneCount: Int

    /// Finds the distinct values of a cell.
    private(set) lazy var dictionary = CellDictionary()

    private let bitmapByteCount: Int
    private var buffer: UnsafeMutableRawBufferPointer

    /// Makes an encoder for a screen with `geneCount` genes, 1 to ``SegmentLimits/geneCount``.
    package init(geneCount: Int) {
        precondition(geneCount >= 1 && geneCount <= SegmentLimits.geneCount)
        self.geneCount = geneCount
        bitmapByteCount = CellCoding.bitmapByteCount(geneCount: geneCount)
        buffer = .allocate(byteCount: 1 << 16, alignment: 16)
    }

    deinit {
        buffer.deallocate()
    }

    /// Appends the payload of one cell to `output`.
    ///
    /// - Parameters:
    ///   - genes: Positions of the genes with counts, strictly ascending, below `geneCount`.
    ///   - counts: Counts of these genes, at least 1; same length.
    ///   - output: Receives the payload at its end; nothing for a cell without nonzeros.
    package func encode(
        genes: UnsafeBufferPointer<UInt32>,
        counts: UnsafeBufferPointer<UInt32>,
        into output: inout [UInt8]
    ) {
        let end = encode(genes: genes, counts: counts, at: 0)
        output.append(contentsOf: bytes(end))
    }

    /// Encodes consecutive cells of a file.
    ///
    /// - Parameters:
    ///   - firstRow: File row of the first cell.
    ///   - starts: Where each cell's nonzeros begin in `genes` and `counts`, and the end of the
    ///     last; shape `[cellCount + 1]`, not descending.
    ///   - genes: Positions of genes, strictly ascending within a cell, below `geneCount`.
    ///   - counts: Counts, at least 1; same length as `genes`.
    /// - Returns: The payloads of all cells and where each begins.
    package func encode(
        firstRow: UInt32,
        starts: UnsafeBufferPointer<Int>,
        genes: UnsafeBufferPointer<UInt32>,
        counts: UnsafeBufferPointer<UInt32>
    ) -> EncodedCells {
        precondition(genes.count == counts.count)
        return encode(
            .integerCounts,
            firstRow: firstRow,
            starts: starts,
            nonzeroCount: genes.count
        ) { range, offset in
            encode(
                genes: UnsafeBufferPointer(rebasing: genes[range]),
                counts: UnsafeBufferPointer(rebasing: counts[range]),
                at: offset
            )
        }
    }

    /// Encodes consecutive cells; `encodeCell` writes one into the buffer and returns its end.
    @inline(__always)
    func encode(
        _ kind: SegmentHeader.Kind,
        firstRow: UInt32,
        starts: UnsafeBufferPointer<Int>,
        nonzeroCount: Int,
        encodeCell: (_ range: Range<Int>, _ offset: Int) -> Int
    ) -> EncodedCells {
        precondition(!starts.isEmpty, "starts end with the end of the last cell")
        let cellCount = starts.count - 1
        precondition(cellCount <= Int(UInt32.max - firstRow))
        var nonzeroCounts: [UInt32] = []
        nonzeroCounts.reserveCapacity(cellCount)
        var offsets: [Int] = [0]
        offsets.reserveCapacity(cellCount + 1)
        var end = 0
        for cell in 0..<cellCount {
            let range = starts[cell]..<starts[cell + 1]
            precondition(range.lowerBound >= 0 && range.upperBound <= nonzeroCount)
            end = encodeCell(range, end)
            nonzeroCounts.append(UInt32(range.count))
            offsets.append(end)
        }
        return EncodedCells(
            kind: kind,
            geneCount: geneCount,
            firstRow: firstRow,
            nonzeroCounts: nonzeroCounts,
            offsets: offsets,
            bytes: bytes(end)
        )
    }

    /// The first `count` bytes of what was encoded.
    func bytes(_ count: Int) -> [UInt8] {
        [UInt8](buffer[..<count])
    }

    /// Encodes one cell into the buffer and returns the offset of its end.
    private func encode(
        genes: UnsafeBufferPointer<UInt32>,
        counts: UnsafeBufferPointer<UInt32>,
        at offset: Int
    ) -> Int {
        precondition(genes.count == counts.count)
        guard let firstCount = counts.baseAddress, !genes.isEmpty else { return offset }
        let start = beginCell(.integerCounts, nonzeroCount: genes.count, at: offset)
        var end = writeGenes(genes, to: start)
        end = Self.writeCounts(firstCount, genes.count, to: end)
        return offset + (end - start)
    }

    /// Writes the form and the genes of a cell with nonzeros and returns the end.
    func writeGenes(
        _ genes: UnsafeBufferPointer<UInt32>,
        to start: UnsafeMutablePointer<UInt8>
    ) -> UnsafeMutablePointer<UInt8> {
        let nonzeroCount = genes.count
        guard let firstGene = genes.baseAddress else { return start }
        precondition(Self.areAscending(firstGene, nonzeroCount), "genes of a cell not ascending")
        let lastGene = Int(firstGene[nonzeroCount - 1])
        precondition(lastGene < geneCount, "gene \(lastGene) of a screen with \(geneCount)")
        guard bitmapIsSmaller(firstGene, nonzeroCount) else {
            start.pointee = CellCoding.deltaForm
            return Self.writeDeltas(firstGene, nonzeroCount, to: start + 1)
        }
        start.pointee = CellCoding.bitmapForm
        Self.writeBitmap(firstGene, nonzeroCount, bitmapByteCount, to: start + 1)
        return start + 1 + bitmapByteCount
    }

    /// Makes room for the largest cell with so many nonzeros, keeping what is before `offset`, and
    /// returns where the cell begins.
    func beginCell(
        _ kind: SegmentHeader.Kind,
        nonzeroCount: Int,
        at offset: Int
    ) -> UnsafeMutablePointer<UInt8> {
        let most = CellCoding.maximumByteCount(
            kind: kind,
            cellCount: 1,
            nonzeroCount: nonzeroCount,
            geneCount: geneCount
        )
        // A bitmap is written in whole words, up to seven bytes more than it has.
        let needed = offset + most + 8
        if buffer.count < needed {
            let larger = UnsafeMutableRawBufferPointer.allocate(
                byteCount: max(needed, buffer.count * 2),
                alignment: 16
            )
            larger.copyMemory(from: UnsafeRawBufferPointer(rebasing: buffer[..<offset]))
            buffer.deallocate()
            buffer = larger
        }
        return UnsafeMutableRawBufferPointer(rebasing: buffer[offset...])
            .assumingMemoryBound(to: UInt8.self)
            .baseAddress.unsafelyUnwrapped
    }

    private static func areAscending(_ genes: UnsafePointer<UInt32>, _ nonzeroCount: Int) -> Bool {
        var descents: UInt32 = 0
        for i in 1..<max(nonzeroCount, 1) {
            descents |= genes[i] <= genes[i - 1] ? 1 : 0
        }
        return descents == 0
    }

    private func bitmapIsSmaller(_ genes: UnsafePointer<UInt32>, _ nonzeroCount: Int) -> Bool {
        if nonzeroCount >= bitmapByteCount { return true }
        // Skips cannot be more than this, so most sparse cells are decided without a look at them.
        let mostSkips = Int(genes[nonzeroCount - 1]) / Int(CellCoding.skipByte)
        if nonzeroCount + mostSkips < bitmapByteCount { return false }
        var skips = 0
        var nextGene: UInt32 = 0
        for i in 0..<nonzeroCount {
            skips += Int((genes[i] - nextGene) / UInt32(CellCoding.skipByte))
            nextGene = genes[i] + 1
        }
        return bitmapByteCount <= nonzeroCount + skips
    }
}
