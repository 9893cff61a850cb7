import AnnData
import Digests

/// The digest of everything in a result file that is written once, when it is laid out: labels,
/// genes, `uns` and the library's own structures.
///
/// Rows have digests of their own, and the status codes and the statistics in scanpy's form are
/// written last; with this the whole file is covered, so that damage to an unfinished result is
/// never published.
enum FrameDigest {
    private static let chunkBytes = 1 << 20

    /// Reads all bytes outside the ranges that change.
    ///
    /// - Parameters:
    ///   - path: The result file.
    ///   - map: Where the changing ranges lie.
    /// - Returns: The digest.
    /// - Throws: ``RunFailure`` when the file cannot be read.
    static func compute(path: String, map: ResultFileMap) throws(RunFailure) -> Digest128 {
        let file = try PlainFile(path, flags: 0)
        let digester = Digester()
        var position = 0
        for range in map.changingRanges + [map.byteCount..<map.byteCount] {
            while position < range.lowerBound {
                let count = min(chunkBytes, range.lowerBound - position)
                let bytes = try file.read(count, at: position)
                bytes.withUnsafeBytes { digester.update($0) }
                position += count
            }
            position = max(position, range.upperBound)
        }
        return digester.finish()
    }
}
