internal import Digests

/// The segment of one group that still takes cells.
///
/// Its payload lies in chunks of a pool; what was spilled before the segment is full lies in the
/// scratch file, in front of what is in memory.
struct OpenSegment {
    /// Where spilled payload lies in the scratch file.
    struct Extent {
        let offset: Int
        var count: Int
    }

    private(set) var rows: [UInt32] = []
    private(set) var nonzeroCounts: [UInt32] = []
    private(set) var nonzeroCount = 0

    /// Payload bytes in memory.
    private(set) var memoryByteCount = 0

    private var chunks: [UnsafeMutableRawPointer] = []
    private var extents: [Extent] = []
    private var spilledDigester: Digester?

    var isEmpty: Bool { rows.isEmpty }

    var isFull: Bool {
        rows.count >= SegmentLimits.cellCount || nonzeroCount >= SegmentLimits.nonzeroCount
    }

    /// Adds one cell.
    mutating func append(
        row: UInt32,
        nonzeros: UInt32,
        payload: UnsafeRawBufferPointer,
        pool: ChunkPool
    ) {
        rows.append(row)
        nonzeroCounts.append(nonzeros)
        nonzeroCount += Int(nonzeros)
        let chunkBytes = pool.chunkBytes
        var done = 0
        while done < payload.count {
            let room = chunks.count * chunkBytes - memoryByteCount
            guard room > 0, let chunk = chunks.last else {
                chunks.append(pool.take())
                continue
            }
            let part = UnsafeRawBufferPointer(
                rebasing: payload[done..<min(done + room, payload.count)]
            )
            UnsafeMutableRawBufferPointer(
                start: chunk + (chunkBytes - room),
                count: room
            ).copyMemory(from: part)
            memoryByteCount += part.count
            done += part.count
        }
    }

    /// Writes the payload in memory to the scratch file, whose `end` moves behind it, and gives the
    /// chunks back.
    mutating func spill(
        to file: ScratchFile,
        end: inout Int,
        pool: ChunkPool
    ) throws(CountBlockError) {
        let digester = spilledDigester ?? Digester()
        spilledDigester = digester
        if let last = extents.last, last.offset + last.count == end {
            extents[extents.count - 1].count += memoryByteCount
        } else {
            extents.append(Extent(offset: end, count: memoryByteCount))
        }
        for part in parts(pool) {
            try file.write(part, at: end)
            digester.update(part)
            end += part.count
        }
        dropChunks(pool)
    }

    /// Closes the segment and becomes an empty one.
    mutating func seal(
        group: Int,
        kind: SegmentHeader.Kind,
        geneCount: Int,
        pool: ChunkPool
    ) -> StoredSegment {
        let spilledByteCount = extents.reduce(0) { $0 + $1.count }
        let parts = parts(pool)
        let digester = spilledDigester ?? Digester()
        for part in parts {
            digester.update(part)
        }
        var header = SegmentHeader(
            kind: kind,
            geneCount: geneCount,
            cellCount: rows.count,
            nonzeroCount: nonzeroCount,
            payloadByteCount: spilledByteCount + memoryByteCount
        )
        var head: [UInt8] = []
        let spills = !extents.isEmpty
        head.reserveCapacity(header.payloadOffset + (spills ? 0 : memoryByteCount))
        header.appendDigestedPart(to: &head)
        header.digest = Self.digest(head, rows, nonzeroCounts, payload: digester.finish())
        head.append(contentsOf: header.digest.bytes)
        rows.withUnsafeBytes { head.append(contentsOf: $0) }
        nonzeroCounts.withUnsafeBytes { head.append(contentsOf: $0) }

        var pieces: [StoredSegment.Piece] = []
        if spills {
            var tail: [UInt8] = []
            tail.reserveCapacity(memoryByteCount)
            for part in parts {
                tail.append(contentsOf: part)
            }
            pieces.append(.memory(head))
            pieces += extents.map { .file(offset: $0.offset, count: $0.count) }
            if !tail.isEmpty { pieces.append(.memory(tail)) }
        } else {
            for part in parts {
                head.append(contentsOf: part)
            }
            pieces.append(.memory(head))
        }
        let segment = StoredSegment(
            group: group,
            cellCount: rows.count,
            nonzeroCount: nonzeroCount,
            byteCount: header.segmentByteCount,
            digest: header.digest,
            pieces: pieces
        )
        clear(pool)
        return segment
    }

    /// Gives all memory back to the pool, losing the content.
    mutating func clear(_ pool: ChunkPool) {
        dropChunks(pool)
        rows.removeAll(keepingCapacity: true)
        nonzeroCounts.removeAll(keepingCapacity: true)
        nonzeroCount = 0
        extents = []
        spilledDigester = nil
    }

    private mutating func dropChunks(_ pool: ChunkPool) {
        pool.giveBack(chunks)
        chunks.removeAll(keepingCapacity: true)
        memoryByteCount = 0
    }

    /// The payload in memory, in order.
    private func parts(_ pool: ChunkPool) -> [UnsafeRawBufferPointer] {
        var rest = memoryByteCount
        return chunks.map { chunk in
            let count = min(rest, pool.chunkBytes)
            rest -= count
            return UnsafeRawBufferPointer(start: chunk, count: count)
        }
    }

    private static func digest(
        _ header: [UInt8],
        _ rows: [UInt32],
        _ nonzeroCounts: [UInt32],
        payload: Digest128
    ) -> Digest128 {
        let digester = Digester()
        header.withUnsafeBytes { digester.update($0) }
        rows.withUnsafeBytes { digester.update($0) }
        nonzeroCounts.withUnsafeBytes { digester.update($0) }
        digester.update(payload)
        return digester.finish()
    }
}
