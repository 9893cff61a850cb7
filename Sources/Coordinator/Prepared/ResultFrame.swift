import AnnData
import Digests
import Glibc

/// All of a result file that is written once, without the room for its rows.
///
/// `prepare` keeps it in the run directory and `merge` makes the unpublished result of it, beside
/// whatever output is asked for: the same bytes as a file that is laid out there.
enum ResultFrame {
    private static let chunkBytes = 1 << 20

    /// Lays out a result and takes everything but its rows.
    ///
    /// - Parameters:
    ///   - layout: Labels, genes, layers and further values.
    ///   - path: Where the file may lie meanwhile; it takes little room and is removed.
    /// - Returns: The bytes, where everything lies, and their digest.
    /// - Throws: ``RunFailure`` when the layout is impossible or cannot be written.
    static func make(
        _ layout: ResultLayout,
        at path: String
    ) throws(RunFailure) -> (bytes: [UInt8], map: ResultFileMap, digest: Digest128) {
        defer { unlink(path) }
        let map = try RunFailure.wrapping { () throws(AnnDataWriteError) in
            try ResultFile.create(path: path, layout: layout, reserve: { _, _ in 0 })
        }
        let file = try PlainFile(path, flags: 0)
        var bytes: [UInt8] = []
        for range in fixedRanges(map) {
            bytes += try file.read(range.count, at: range.lowerBound)
        }
        return (bytes, map, try FrameDigest.compute(path: path, map: map))
    }

    /// Makes an unpublished result whose rows are not written yet.
    ///
    /// - Parameters:
    ///   - bytes: What ``make(_:at:)`` took.
    ///   - map: Where everything lies.
    ///   - path: Where; an existing file is replaced.
    /// - Throws: ``RunFailure`` when it cannot be written or there is no room.
    static func lay(
        _ bytes: [UInt8],
        _ map: ResultFileMap,
        at path: String
    ) throws(RunFailure) {
        let file = try PlainFile(path, flags: O_CREAT | O_TRUNC)
        try file.reserve(map.byteCount)
        var done = 0
        for range in fixedRanges(map) {
            guard range.count <= bytes.count - done else { break }
            try file.write(Array(bytes[done..<done + range.count]), at: range.lowerBound)
            done += range.count
        }
        // Status codes of rows that nobody has settled.
        try file.write([UInt8](repeating: 0xFF, count: map.rowCount), at: map.statusOffset)
    }

    private static func fixedRanges(_ map: ResultFileMap) -> [Range<Int>] {
        var ranges: [Range<Int>] = []
        var position = 0
        for range in map.changingRanges + [map.byteCount..<map.byteCount] {
            if position < range.lowerBound { ranges.append(position..<range.lowerBound) }
            position = max(position, range.upperBound)
        }
        return ranges
    }
}
