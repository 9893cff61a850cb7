package import CountBlocks
package import Statistics

/// The nonzero counts of one group of cells, regrouped by gene.
///
/// Within a gene the cells stay in file order. Held for a range of genes only, so that a large
/// control fits any memory in several tiles.
package struct GeneMajorCounts: Sendable {
    /// The genes held.
    package let genes: Range<Int>
    /// Start of each gene's nonzeros, one more than genes; shape `[genes + 1]`.
    private var starts: [Int]
    private var positions: [UInt32]
    private var counts: [UInt32]

    /// An empty table for a range of genes, ready for ``fill(from:firstCell:group:)``.
    ///
    /// - Parameters:
    ///   - genes: The genes to hold.
    ///   - detections: Nonzeros of each of them; shape `[genes]`.
    package init(genes: Range<Int>, detections: [Int]) {
        precondition(genes.count == detections.count)
        self.genes = genes
        starts = [0]
        starts.reserveCapacity(genes.count + 1)
        for count in detections { starts.append(starts[starts.count - 1] + count) }
        let total = starts[genes.count]
        positions = [UInt32](repeating: 0, count: total)
        counts = [UInt32](repeating: 0, count: total)
    }

    /// Adds the cells of one segment; segments come in file order.
    ///
    /// - Parameters:
    ///   - segment: Decoded cells.
    ///   - firstCell: Position of the segment's first cell within the group, in file order.
    ///   - group: Gives each cell its position by size factor; nil leaves cells in file order.
    ///   - cursors: Next free place of each gene, starting as ``starts``; shape `[genes]`.
    private mutating func fill(
        from segment: DecodedSegment,
        firstCell: Int,
        group: GroupOffsets?,
        cursors: inout [Int]
    ) {
        let genes = self.genes
        positions.withUnsafeMutableBufferPointer { positions in
            counts.withUnsafeMutableBufferPointer { counts in
                cursors.withUnsafeMutableBufferPointer { cursors in
                    segment.withCells { cells in
                        for cell in 0..<cells.rows.count {
                            let position =
                                group?.position[firstCell + cell] ?? UInt32(firstCell + cell)
                            for index in cells.starts[cell]..<cells.starts[cell + 1] {
                                let gene = Int(cells.genes[index])
                                guard genes.contains(gene) else { continue }
                                let place = cursors[gene - genes.lowerBound]
                                positions[place] = position
                                counts[place] = cells.counts[index]
                                cursors[gene - genes.lowerBound] = place + 1
                            }
                        }
                    }
                }
            }
        }
    }

    /// Regroups a group's segments, which `next` decodes one after the other.
    ///
    /// - Parameters:
    ///   - genes: The genes to hold.
    ///   - detections: Nonzeros of each of them; shape `[genes]`.
    ///   - group: The group's size factors.
    ///   - segmentCount: Number of segments.
    ///   - decode: Decodes the segment with the given index.
    /// - Throws: What `decode` throws.
    package init(
        genes: Range<Int>,
        detections: [Int],
        group: GroupOffsets,
        segmentCount: Int,
        decode: (Int, inout DecodedSegment) throws(CountBlockError) -> Void
    ) throws(CountBlockError) {
        self.init(genes: genes, detections: detections)
        var cursors = Array(starts.dropLast())
        var segment = DecodedSegment()
        var firstCell = 0
        for index in 0..<segmentCount {
            try decode(index, &segment)
            fill(from: segment, firstCell: firstCell, group: group, cursors: &cursors)
            firstCell += segment.cellCount
        }
    }

    /// Regroups segments that are all in memory.
    ///
    /// - Parameters:
    ///   - genes: The genes to hold.
    ///   - detections: Nonzeros of each of them; shape `[genes]`.
    ///   - group: The group's size factors; nil makes positions places in file order.
    ///   - segments: The group's cells in file order.
    package init(
        genes: Range<Int>,
        detections: [Int],
        group: GroupOffsets?,
        segments: [DecodedSegment]
    ) {
        self.init(genes: genes, detections: detections)
        var cursors = Array(starts.dropLast())
        var firstCell = 0
        for segment in segments {
            fill(from: segment, firstCell: firstCell, group: group, cursors: &cursors)
            firstCell += segment.cellCount
        }
    }

    /// Regroups segments that are all in memory, with positions that are places in file order.
    ///
    /// - Parameters:
    ///   - genes: The genes to hold.
    ///   - segments: The group's cells in file order; nonzeros of other genes are left out.
    package init(genes: Range<Int>, segments: [DecodedSegment]) {
        var detections = [Int](repeating: 0, count: genes.count)
        for segment in segments {
            segment.withCells { cells in
                for gene in cells.genes where genes.contains(Int(gene)) {
                    detections[Int(gene) - genes.lowerBound] += 1
                }
            }
        }
        self.init(genes: genes, detections: detections, group: nil, segments: segments)
    }

    /// Calls `body` with the counts of one gene.
    package func withGene<Result>(_ gene: Int, _ body: (GeneCounts) -> Result) -> Result {
        let range = starts[gene - genes.lowerBound]..<starts[gene - genes.lowerBound + 1]
        return positions.withUnsafeBufferPointer { positions in
            counts.withUnsafeBufferPointer { counts in
                body(
                    GeneCounts(
                        positions: UnsafeBufferPointer(rebasing: positions[range]),
                        counts: UnsafeBufferPointer(rebasing: counts[range])
                    )
                )
            }
        }
    }

    /// Cells that express a gene.
    package func expressingCells(_ gene: Int) -> Int {
        starts[gene - genes.lowerBound + 1] - starts[gene - genes.lowerBound]
    }
}
