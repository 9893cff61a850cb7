import CountBlocks
import Statistics

/// The cells of one group: size factors by depth and the nodes that stand for them.
struct GroupCells: Sendable {
    let offsets: GroupOffsets
    let nodes: SizeFactorNodes

    /// Gathers the cells of all segments of a group.
    ///
    /// - Parameters:
    ///   - segments: The group's cells in file order.
    ///   - sizeFactors: Size factors by file row.
    init(segments: [DecodedSegment], sizeFactors: [Double]) {
        let factors = segments.flatMap { segment in
            segment.withCells { cells in cells.rows.map { sizeFactors[Int($0)] } }
        }
        offsets = GroupOffsets(sizeFactors: factors)
        nodes = SizeFactorNodes(group: offsets)
    }

    var count: Int { offsets.count }

    /// Regroups the counts of some genes by gene and depth.
    ///
    /// - Parameters:
    ///   - genes: The genes to hold.
    ///   - segments: The cells in file order; nonzeros of other genes are passed over.
    /// - Returns: The counts, prepared for sums.
    func counts(of genes: Range<Int>, in segments: [DecodedSegment]) -> MeasuredCounts {
        var detections = [Int](repeating: 0, count: genes.count)
        for segment in segments {
            segment.withCells { cells in
                for gene in cells.genes where genes.contains(Int(gene)) {
                    detections[Int(gene) - genes.lowerBound] += 1
                }
            }
        }
        var cellAtPosition = [Int32](repeating: 0, count: count)
        for (cell, position) in offsets.position.enumerated() {
            cellAtPosition[Int(position)] = Int32(cell)
        }
        var segmentOfCell: [(segment: Int32, cell: Int32)] = []
        segmentOfCell.reserveCapacity(count)
        for (index, segment) in segments.enumerated() {
            for cell in 0..<segment.cellCount { segmentOfCell.append((Int32(index), Int32(cell))) }
        }
        return MeasuredCounts(
            genes: genes,
            detections: detections,
            group: offsets,
            nodes: nodes
        ) { visit in
            for position in 0..<count {
                let place = segmentOfCell[Int(cellAtPosition[position])]
                segments[Int(place.segment)].withCells { cells in
                    let cell = Int(place.cell)
                    for index in cells.starts[cell]..<cells.starts[cell + 1] {
                        let gene = Int(cells.genes[index])
                        guard genes.contains(gene) else { continue }
                        visit(gene, UInt32(position), cells.counts[index])
                    }
                }
            }
        }
    }
}
