internal import Foundation
internal import Glibc

/// The folder of a run directory that holds the segments, `rows/`.
///
/// A segment is named `SHARD-of-COUNT.RANDOM.rows`: every attempt has a file of its own, so that
/// two processes with the same part of the work never write into one file.
package struct SegmentFolder: Sendable {
    /// What a segment begins with: a mark, and the version of its layout.
    static let header: [UInt8] = Array("CYXROWS1".utf8) + [1, 0, 0, 0, 0, 0, 0, 0]

    /// Where it lies.
    package let path: String

    /// Names the folder of a run directory.
    package init(_ directory: String) { path = directory + "/rows" }

    /// Makes the folder.
    ///
    /// - Throws: ``RunFilesError/system(path:action:code:)``.
    package func create() throws(RunFilesError) {
        guard mkdir(path, 0o755) == 0 || errno == EEXIST else {
            throw .system(path: path, action: "create", code: errno)
        }
        try StoredFile.synchronizeDirectory((path as NSString).deletingLastPathComponent)
    }

    /// Removes the folder and all segments.
    package func remove() {
        for segment in segments { unlink(segment.path) }
        rmdir(path)
    }

    /// The segments that are there, in the order of their names.
    package var segments: [(path: String, shard: Shard)] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
        return names.sorted().compactMap { name in
            let parts = name.split(separator: ".")
            guard parts.count == 3, parts[2] == "rows" else { return nil }
            let numbers = parts[0].split(separator: "-")
            guard numbers.count == 3, numbers[1] == "of", let index = Int(numbers[0]),
                let count = Int(numbers[2]), let shard = Shard(index: index, count: count)
            else { return nil }
            return ("\(path)/\(name)", shard)
        }
    }

    /// Makes the segment of a new attempt.
    ///
    /// - Parameters:
    ///   - shard: The part of the work.
    ///   - run: The run.
    /// - Returns: The segment, ready for records.
    /// - Throws: ``RunFilesError``.
    package func newSegment(
        _ shard: Shard,
        of run: PreparedRun
    ) throws(RunFilesError) -> SegmentWriter {
        let attempt = segments.count { $0.shard == shard } + 1
        let name = String(
            format: "%05d-of-%05d.%016lx.rows",
            shard.index,
            shard.count,
            UInt64.random(in: .min ... .max)
        )
        return try SegmentWriter.create(
            "\(path)/\(name)",
            directory: path,
            seal: run.seal,
            attempt: UInt32(clamping: attempt)
        )
    }
}
