internal import Digests

/// Regroups encoded cells into one block for each group.
///
/// A block is the cells of one group (a perturbation, the control, or the rest) in file order, as
/// a sequence of segments. Which cells a segment has, and so its bytes, depends on the cells of
/// the group alone: not on slabs, threads, memory or spilling.
///
/// Payload and sealed segments stay in memory until they pass the budget; then sealed segments,
/// oldest first, and after them the largest open ones go to one scratch file. Not in the budget:
/// file rows and nonzeros of the cells of open segments, at most 8 KiB a group, and about 150
/// bytes for each segment.
///
/// Belongs to one thread at a time. After an error it can only be dropped.
package final class BlockBuilder {
    private let groupCount: Int
    private let geneCount: Int
    private let kind: SegmentHeader.Kind
    private let memoryBytes: Int
    private let scratchDirectory: String
    private let pool: ChunkPool
    private var open: [OpenSegment]
    private var nextRow: UInt32 = 0
    private var isFinished = false

    private var sealed: [StoredSegment] = []
    private var sealedMemoryBytes = 0
    private var firstSealedInMemory = 0

    private var scratch: ScratchFile?
    private var scratchEnd = 0

    /// Makes a builder with empty blocks.
    ///
    /// - Parameters:
    ///   - groupCount: Number of groups, at least 0.
    ///   - geneCount: Genes of the screen, 1 to ``SegmentLimits/geneCount``.
    ///   - kind: Kind of the values of all cells.
    ///   - memoryBytes: Budget for payload and sealed segments in memory.
    ///   - scratchDirectory: Where to make the scratch file, once it is needed.
    package convenience init(
        groupCount: Int,
        geneCount: Int,
        kind: SegmentHeader.Kind = .integerCounts,
        memoryBytes: Int,
        scratchDirectory: String
    ) {
        self.init(
            groupCount: groupCount,
            geneCount: geneCount,
            kind: kind,
            memoryBytes: memoryBytes,
            scratchDirectory: scratchDirectory,
            scratch: nil
        )
    }

    /// Makes a builder that spills to a file that is already there.
    package convenience init(
        groupCount: Int,
        geneCount: Int,
        kind: SegmentHeader.Kind = .integerCounts,
        memoryBytes: Int,
        scratch: ScratchFile
    ) {
        self.init(
            groupCount: groupCount,
            geneCount: geneCount,
            kind: kind,
            memoryBytes: memoryBytes,
            scratchDirectory: scratch.directory,
            scratch: scratch
        )
    }

    private init(
        groupCount: Int,
        geneCount: Int,
        kind: SegmentHeader.Kind,
        memoryBytes: Int,
        scratchDirectory: String,
        scratch: ScratchFile?
    ) {
        precondition(groupCount >= 0 && memoryBytes >= 0)
        precondition(geneCount >= 1 && geneCount <= SegmentLimits.geneCount)
        self.groupCount = groupCount
        self.geneCount = geneCount
        self.kind = kind
        self.memoryBytes = memoryBytes
        self.scratchDirectory = scratchDirectory
        self.scratch = scratch
        // Half a chunk a group is unused on average: an eighth of the budget at most, unless the
        // budget is tiny.
        let share = max(memoryBytes / max(groupCount, 1) / 4, 1)
        pool = ChunkPool(chunkBytes: min(max(share, 1 << 10), 1 << 17))
        open = [OpenSegment](repeating: OpenSegment(), count: groupCount)
    }

    deinit {
        for group in open.indices {
            open[group].clear(pool)
        }
    }

    /// Adds the cells of one slab to their groups.
    ///
    /// - Parameters:
    ///   - cells: Cells that come after all earlier ones in the file.
    ///   - groups: Group of each cell, -1 for cells that no block has; shape `[cellCount]`.
    /// - Throws: `CountBlockError` about the scratch file.
    package func append(
        _ cells: EncodedCells,
        groups: UnsafeBufferPointer<Int32>
    ) throws(CountBlockError) {
        precondition(!isFinished && cells.geneCount == geneCount && cells.kind == kind)
        precondition(groups.count == cells.cellCount, "one group for each cell")
        precondition(cells.firstRow >= nextRow, "cells out of file order")
        nextRow = cells.cellCount > 0 ? cells.row(cells.cellCount - 1) + 1 : nextRow
        try cells.bytes.withRawBytes { bytes throws(CountBlockError) in
            for cell in 0..<groups.count where groups[cell] >= 0 {
                let group = Int(groups[cell])
                precondition(group < groupCount, "group \(group) of \(groupCount)")
                open[group].append(
                    row: cells.row(cell),
                    nonzeros: cells.nonzeroCounts[cell],
                    payload: UnsafeRawBufferPointer(
                        rebasing: bytes[cells.offsets[cell]..<cells.offsets[cell + 1]]
                    ),
                    pool: pool
                )
                if open[group].isFull { seal(group) }
                try keepBudget()
            }
        }
    }

    /// Seals what is open and gives the blocks; the builder takes no more cells.
    ///
    /// - Throws: `CountBlockError` about the scratch file.
    package func finish() throws(CountBlockError) -> BlockStore {
        precondition(!isFinished)
        isFinished = true
        for group in 0..<groupCount where !open[group].isEmpty {
            seal(group)
            try keepBudget()
        }
        pool.releaseFree(keeping: 0)
        let store = BlockStore(
            groupCount: groupCount,
            geneCount: geneCount,
            kind: kind,
            segments: sealed,
            scratch: scratch,
            bytesSpilled: scratchEnd
        )
        sealed = []
        return store
    }

    /// Bytes of payload and sealed segments in memory, parts of chunks not yet filled included.
    package var bytesInMemory: Int { pool.usedBytes + sealedMemoryBytes }

    /// Bytes written to the scratch file.
    package var bytesSpilled: Int { scratchEnd }

    private func seal(_ group: Int) {
        let segment = open[group].seal(
            group: group,
            kind: kind,
            geneCount: geneCount,
            pool: pool
        )
        sealedMemoryBytes += segment.memoryByteCount
        sealed.append(segment)
    }

    private func keepBudget() throws(CountBlockError) {
        if bytesInMemory > memoryBytes {
            // A quarter is freed at once, so that looking for what to spill stays rare.
            try spill(downTo: memoryBytes - memoryBytes / 4)
        }
        pool.releaseFree(keeping: memoryBytes - min(bytesInMemory, memoryBytes))
    }

    private func spill(downTo target: Int) throws(CountBlockError) {
        let file: ScratchFile
        if let scratch {
            file = scratch
        } else {
            file = try ScratchFile(directory: scratchDirectory)
            scratch = file
        }
        while bytesInMemory > target, firstSealedInMemory < sealed.count {
            try spillSealed(firstSealedInMemory, to: file)
            firstSealedInMemory += 1
        }
        guard bytesInMemory > target else { return }
        let largestFirst = open.indices
            .filter { open[$0].memoryByteCount > 0 }
            .sorted { (open[$0].memoryByteCount, $1) > (open[$1].memoryByteCount, $0) }
        for group in largestFirst where bytesInMemory > target {
            try open[group].spill(to: file, end: &scratchEnd, pool: pool)
        }
    }

    private func spillSealed(_ index: Int, to file: ScratchFile) throws(CountBlockError) {
        for piece in sealed[index].pieces.indices {
            guard case .memory(let bytes) = sealed[index].pieces[piece] else { continue }
            try bytes.withRawBytes { bytes throws(CountBlockError) in
                try file.write(bytes, at: scratchEnd)
            }
            sealed[index].pieces[piece] = .file(offset: scratchEnd, count: bytes.count)
            scratchEnd += bytes.count
            sealedMemoryBytes -= bytes.count
        }
    }
}
