import ComputeThreads
import CountBlocks

/// One pass over the cells of one group in file order, with the genes shared among threads.
///
/// Segments are decoded many at a time; then each thread goes through all their cells for its own
/// genes. Every sum of a gene is therefore made by one thread in file order.
struct GroupSweep {
    let screen: ScreenCounts
    let team: ThreadTeam

    /// The genes of each part, ascending.
    var geneRanges: [Range<Int>] {
        let parts = team.threadCount > 1 ? min(2 * team.threadCount, screen.geneCount) : 1
        return (0..<parts).map {
            $0 * screen.geneCount / parts..<($0 + 1) * screen.geneCount / parts
        }
    }

    /// Calls `body` for every part and segment, with the segments of a part in file order.
    ///
    /// - Parameters:
    ///   - group: The group.
    ///   - body: Gets the number of a part of ``geneRanges`` and a segment with all genes; called
    ///     at once for different parts.
    /// - Throws: `CountBlockError` when a spilled block cannot be read back.
    func visit(
        group: Int,
        body: @escaping @Sendable (_ part: Int, _ segment: DecodedSegment) -> Void
    ) throws(CountBlockError) {
        let segments = screen.blocks.segmentCount(group)
        let parts = geneRanges.count
        let failure = FirstFailure()
        let slots = (0..<min(max(2 * team.threadCount, 2), max(segments, 1))).map { _ in
            SweepSlot(width: 0)
        }
        for start in stride(from: 0, to: segments, by: slots.count) {
            let batch = min(slots.count, segments - start)
            team.forEach(batch) { index in
                failure.record { () throws(CountBlockError) in
                    try slots[index].load(group, start + index, screen)
                }
            }
            try failure.rethrow()
            team.forEach(parts) { part in
                for slot in slots[..<batch] { body(part, slot.segment) }
            }
        }
    }
}
