/// Encodes the counts of cells, one cell after the other.
///
/// The bytes of a cell depend on its genes and counts and on the screen's number of genes alone.
/// An encoder belongs to one thread at a time; it keeps one buffer, which grows to the largest
/// slab it has seen.
package final class CellEncoder {
    /// Number of genes of the screen.
    package let geneCount: Int

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
        output.append(contentsOf: buffer[..<end])
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
        precondition(!starts.isEmpty && genes.count == counts.count)
        let cellCount = starts.count - 1
        precondition(cellCount <= Int(UInt32.max - firstRow))
        var nonzeroCounts: [UInt32] = []
        nonzeroCounts.reserveCapacity(cellCount)
        var offsets: [Int] = [0]
        offsets.reserveCapacity(cellCount + 1)
        var end = 0
        for cell in 0..<cellCount {
            let range = starts[cell]..<starts[cell + 1]
            precondition(range.lowerBound >= 0 && range.upperBound <= genes.count)
            end = encode(
                genes: UnsafeBufferPointer(rebasing: genes[range]),
                counts: UnsafeBufferPointer(rebasing: counts[range]),
                at: end
            )
            nonzeroCounts.append(UInt32(range.count))
            offsets.append(end)
        }
        return EncodedCells(
            geneCount: geneCount,
            firstRow: firstRow,
            nonzeroCounts: nonzeroCounts,
            offsets: offsets,
            bytes: [UInt8](buffer[..<end])
        )
    }

    /// Encodes one cell into the buffer and returns the offset of its end.
    private func encode(
        genes: UnsafeBufferPointer<UInt32>,
        counts: UnsafeBufferPointer<UInt32>,
        at offset: Int
    ) -> Int {
        precondition(genes.count == counts.count)
        guard let firstGene = genes.baseAddress, let firstCount = counts.baseAddress,
            !genes.isEmpty
        else { return offset }
        let nonzeroCount = genes.count
        precondition(Self.areAscending(firstGene, nonzeroCount), "genes of a cell not ascending")
        let lastGene = Int(firstGene[nonzeroCount - 1])
        precondition(lastGene < geneCount, "gene \(lastGene) of a screen with \(geneCount)")

        reserve(nonzeroCount: nonzeroCount, at: offset)
        guard let base = buffer.baseAddress else { return offset }
        let start = (base + offset).assumingMemoryBound(to: UInt8.self)
        var end = start + 1
        if bitmapIsSmaller(firstGene, nonzeroCount) {
            start.pointee = CellCoding.bitmapForm
            Self.writeBitmap(firstGene, nonzeroCount, bitmapByteCount, to: end)
            end += bitmapByteCount
        } else {
            start.pointee = CellCoding.deltaForm
            end = Self.writeDeltas(firstGene, nonzeroCount, to: end)
        }
        end = Self.writeCounts(firstCount, nonzeroCount, to: end)
        return offset + (end - start)
    }

    /// Makes room for the largest cell with so many nonzeros, keeping what is before `offset`.
    private func reserve(nonzeroCount: Int, at offset: Int) {
        let most = CellCoding.maximumByteCount(
            cellCount: 1,
            nonzeroCount: nonzeroCount,
            geneCount: geneCount
        )
        // A bitmap is written in whole words, up to seven bytes more than it has.
        let needed = offset + most + 8
        guard buffer.count < needed else { return }
        let larger = UnsafeMutableRawBufferPointer.allocate(
            byteCount: max(needed, buffer.count * 2),
            alignment: 16
        )
        larger.copyMemory(from: UnsafeRawBufferPointer(rebasing: buffer[..<offset]))
        buffer.deallocate()
        buffer = larger
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
