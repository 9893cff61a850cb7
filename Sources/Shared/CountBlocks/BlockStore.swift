internal import Digests

/// The finished blocks of all groups, in memory or in a scratch file.
///
/// Immutable; any number of threads may read at once. The scratch file lives as long as the store.
package final class BlockStore: Sendable {
    /// Genes of the screen.
    package let geneCount: Int

    /// Kind of the values of all blocks.
    package let kind: SegmentHeader.Kind

    /// The blocks by group.
    package let blocks: [BlockSummary]

    /// Bytes of segments that are in memory.
    package let bytesInMemory: Int

    /// Bytes of segments that are in the scratch file.
    package let bytesSpilled: Int

    private let scratch: ScratchFile?

    /// All segments, by group, in order within a group.
    private let segments: [StoredSegment]

    /// Where each group's segments begin, and the end of the last; shape `[groupCount + 1]`.
    private let groupStarts: [Int]

    /// Offset of each segment in its block; parallel to `segments`.
    private let segmentOffsets: [Int]

    /// Number of groups.
    package var groupCount: Int { blocks.count }

    /// Takes over all segments, `sealed` in the order in which they were sealed.
    init(
        groupCount: Int,
        geneCount: Int,
        kind: SegmentHeader.Kind,
        segments sealed: [StoredSegment],
        scratch: ScratchFile?,
        bytesSpilled: Int
    ) {
        var starts = [Int](repeating: 0, count: groupCount + 1)
        for segment in sealed {
            starts[segment.group + 1] += 1
        }
        for group in 0..<groupCount {
            starts[group + 1] += starts[group]
        }
        var next = starts
        var order = [Int](repeating: 0, count: sealed.count)
        for (index, segment) in sealed.enumerated() {
            order[next[segment.group]] = index
            next[segment.group] += 1
        }
        let segments = order.map { sealed[$0] }

        var blocks: [BlockSummary] = []
        blocks.reserveCapacity(groupCount)
        var offsets: [Int] = []
        offsets.reserveCapacity(segments.count)
        let digester = Digester()
        for group in 0..<groupCount {
            digester.reset()
            var byteCount = 0
            let block = segments[starts[group]..<starts[group + 1]]
            for segment in block {
                offsets.append(byteCount)
                byteCount += segment.byteCount
                digester.update(segment.digest)
            }
            blocks.append(
                BlockSummary(
                    cellCount: block.reduce(0) { $0 + $1.cellCount },
                    nonzeroCount: block.reduce(0) { $0 + $1.nonzeroCount },
                    segmentCount: block.count,
                    byteCount: byteCount,
                    digest: digester.finish()
                )
            )
        }
        self.geneCount = geneCount
        self.kind = kind
        self.blocks = blocks
        self.segments = segments
        self.scratch = scratch
        self.bytesSpilled = bytesSpilled
        groupStarts = starts
        segmentOffsets = offsets
        bytesInMemory = segments.reduce(0) { $0 + $1.memoryByteCount }
    }

    /// Number of segments of a group's block.
    package func segmentCount(_ group: Int) -> Int {
        blocks[group].segmentCount
    }

    /// What is known of a segment without reading it.
    ///
    /// - Throws: `CountBlockError.noSuchSegment`.
    package func summary(group: Int, index: Int) throws(CountBlockError) -> SegmentSummary {
        let segment = segments[try position(group: group, index: index)]
        return SegmentSummary(
            cellCount: segment.cellCount,
            nonzeroCount: segment.nonzeroCount,
            byteCount: segment.byteCount,
            digest: segment.digest
        )
    }

    /// Reads one segment.
    ///
    /// - Parameters:
    ///   - group: Group of the block.
    ///   - index: Position of the segment in the block.
    ///   - output: Receives exactly the segment; what it had before is lost, its memory is used
    ///     again.
    /// - Throws: `CountBlockError.noSuchSegment` or `.scratchReadFailed`.
    package func readSegment(
        group: Int,
        index: Int,
        into output: inout [UInt8]
    ) throws(CountBlockError) {
        let segment = segments[try position(group: group, index: index)]
        Self.resize(&output, to: segment.byteCount)
        try output.withMutableRawBytes { output throws(CountBlockError) in
            try read(segment, from: 0, into: output)
        }
    }

    /// Reads and decodes one segment.
    ///
    /// - Parameters:
    ///   - group: Group of the block.
    ///   - index: Position of the segment in the block.
    ///   - segment: Receives the cells.
    ///   - buffer: Memory for bytes from the scratch file, used again by the next call.
    /// - Throws: `CountBlockError` when the segment does not exist, cannot be read, or is damaged.
    package func decodeSegment(
        group: Int,
        index: Int,
        into segment: inout DecodedSegment,
        buffer: inout [UInt8]
    ) throws(CountBlockError) {
        let stored = segments[try position(group: group, index: index)]
        if stored.pieces.count == 1, case .memory(let bytes) = stored.pieces[0] {
            try bytes.withRawBytes { bytes throws(CountBlockError) in
                try segment.decode(bytes: bytes, geneCount: geneCount, kind: kind)
            }
            return
        }
        try readSegment(group: group, index: index, into: &buffer)
        try buffer.withRawBytes { bytes throws(CountBlockError) in
            try segment.decode(bytes: bytes, geneCount: geneCount, kind: kind)
        }
    }

    /// Reads part of a group's block, that is of its segments one after the other.
    ///
    /// - Parameters:
    ///   - group: Group of the block.
    ///   - offset: First byte of the block to read.
    ///   - length: Number of bytes.
    ///   - output: Receives exactly these bytes; what it had before is lost.
    /// - Throws: `CountBlockError.rangeOutsideBlock` or `.scratchReadFailed`.
    package func read(
        group: Int,
        offset: Int,
        length: Int,
        into output: inout [UInt8]
    ) throws(CountBlockError) {
        try checkRange(group: group, offset: offset, length: length)
        Self.resize(&output, to: length)
        try output.withMutableRawBytes { output throws(CountBlockError) in
            try read(group: group, offset: offset, into: output)
        }
    }

    /// Reads as many bytes of a group's block, from `offset`, as `output` has room for.
    ///
    /// - Throws: `CountBlockError.rangeOutsideBlock` or `.scratchReadFailed`.
    package func read(
        group: Int,
        offset: Int,
        into output: UnsafeMutableRawBufferPointer
    ) throws(CountBlockError) {
        try checkRange(group: group, offset: offset, length: output.count)
        var done = 0
        var index = output.isEmpty ? 0 : segmentIndex(group: group, offset: offset)
        while done < output.count {
            let segment = segments[index]
            let start = offset + done - segmentOffsets[index]
            let count = min(segment.byteCount - start, output.count - done)
            try read(
                segment,
                from: start,
                into: UnsafeMutableRawBufferPointer(rebasing: output[done..<done + count])
            )
            done += count
            index += 1
        }
    }

    /// Reads `output.count` bytes of a segment, which has so many from `start`.
    private func read(
        _ segment: StoredSegment,
        from start: Int,
        into output: UnsafeMutableRawBufferPointer
    ) throws(CountBlockError) {
        var skip = start
        var done = 0
        for piece in segment.pieces where done < output.count {
            if skip >= piece.count {
                skip -= piece.count
                continue
            }
            let count = min(piece.count - skip, output.count - done)
            let target = UnsafeMutableRawBufferPointer(rebasing: output[done..<done + count])
            switch piece {
            case .memory(let bytes):
                bytes.withUnsafeBytes { bytes in
                    target.copyMemory(
                        from: UnsafeRawBufferPointer(rebasing: bytes[skip..<skip + count])
                    )
                }
            case .file(let offset, _):
                try scratch?.read(into: target, at: offset + skip)
            }
            skip = 0
            done += count
        }
    }

    private func position(group: Int, index: Int) throws(CountBlockError) -> Int {
        guard blocks.indices.contains(group), index >= 0, index < blocks[group].segmentCount else {
            throw .noSuchSegment(group: group, index: index)
        }
        return groupStarts[group] + index
    }

    private func checkRange(group: Int, offset: Int, length: Int) throws(CountBlockError) {
        let byteCount = blocks.indices.contains(group) ? blocks[group].byteCount : 0
        guard offset >= 0, length >= 0, offset <= byteCount, length <= byteCount - offset else {
            throw .rangeOutsideBlock(
                group: group,
                offset: offset,
                length: length,
                blockBytes: byteCount
            )
        }
    }

    /// The position in `segments` of the segment that has a byte of a block.
    private func segmentIndex(group: Int, offset: Int) -> Int {
        var low = groupStarts[group]
        var high = groupStarts[group + 1]
        while high - low > 1 {
            let middle = (low + high) / 2
            if segmentOffsets[middle] <= offset { low = middle } else { high = middle }
        }
        return low
    }

    private static func resize(_ output: inout [UInt8], to count: Int) {
        if output.count > count {
            output.removeLast(output.count - count)
        } else if output.count < count {
            output.append(contentsOf: repeatElement(0, count: count - output.count))
        }
    }
}
