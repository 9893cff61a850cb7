import ComputeThreads
import CountBlocks
import Synchronization

/// One pass over segments of a screen, many at a time, with sums added in one fixed order.
///
/// Each segment gets its own partial sums; they are added segment by segment in summation order.
/// The result therefore depends neither on threads nor on what lies in memory or in a spill file.
struct SegmentSweep {
    let screen: ScreenCounts
    let team: ThreadTeam

    /// Calls `body` for every segment and returns Σ over segments of what it adds to its partial.
    ///
    /// - Parameters:
    ///   - groups: Groups whose segments are read, in this order.
    ///   - fields: Number of sums per gene.
    ///   - body: Gets a segment's cells and zeroed sums of shape `[fields * genes]`.
    /// - Returns: Sums of shape `[fields * genes]`.
    /// - Throws: `CountBlockError` when a spilled block cannot be read back.
    func sums(
        over groups: [Int],
        fields: Int,
        body: @escaping @Sendable (SegmentCells, UnsafeMutableBufferPointer<Double>) -> Void
    ) throws(CountBlockError) -> [Double] {
        let width = fields * screen.geneCount
        let segments = screen.segments(of: groups)
        let failure = FirstFailure()
        let slots = (0..<min(max(2 * team.threadCount, 2), max(segments.count, 1))).map { _ in
            SweepSlot(width: width)
        }
        let total = SweepSlot(width: width)
        for start in stride(from: 0, to: segments.count, by: slots.count) {
            let batch = Array(segments[start..<min(start + slots.count, segments.count)])
            team.forEach(batch.count) { index in
                let slot = slots[index]
                slot.clear()
                failure.record {
                    () throws(CountBlockError) in
                    try slot.load(batch[index].group, batch[index].index, screen)
                    slot.segment.withCells { body($0, slot.sums) }
                }
            }
            try failure.rethrow()
            guard width > 0 else { continue }
            let chunk = 2048
            team.forEach((width + chunk - 1) / chunk) { part in
                let range = part * chunk..<min((part + 1) * chunk, width)
                for slot in slots[..<batch.count] {
                    for index in range { total.sums[index] += slot.sums[index] }
                }
            }
        }
        return Array(total.sums)
    }
}

/// The buffers of one segment in flight.
///
/// `@unchecked`: between two barriers of the team a slot belongs to the one index that uses it.
final class SweepSlot: @unchecked Sendable {
    private(set) var segment = DecodedSegment()
    let sums: UnsafeMutableBufferPointer<Double>
    private var bytes: [UInt8] = []

    init(width: Int) {
        sums = .allocate(capacity: width)
        sums.initialize(repeating: 0)
    }

    deinit { sums.deallocate() }

    func clear() {
        sums.update(repeating: 0)
    }

    func load(_ group: Int, _ index: Int, _ screen: ScreenCounts) throws(CountBlockError) {
        try screen.blocks.decodeSegment(group: group, index: index, into: &segment, buffer: &bytes)
    }
}

/// Keeps the first error that any thread of a loop meets.
final class FirstFailure: Sendable {
    private let error = Mutex<CountBlockError?>(nil)

    func record(_ body: () throws(CountBlockError) -> Void) {
        do throws(CountBlockError) {
            try body()
        } catch let found {
            error.withLock { if $0 == nil { $0 = found } }
        }
    }

    func rethrow() throws(CountBlockError) {
        if let found = error.withLock({ $0 }) { throw found }
    }
}
