import Digests
import Foundation
import RunFiles

/// A prepared run of a few perturbations in a directory of its own.
final class SampleRun {
    static let rowBytes = 40
    static let units = 6

    let directory: String
    var run: PreparedRun
    var folder: SegmentFolder { SegmentFolder(directory) }

    init() throws {
        directory = NSTemporaryDirectory() + "/run-files-" + UUID().uuidString
        try FileManager.default.createDirectory(
            atPath: directory,
            withIntermediateDirectories: true
        )
        run = PreparedRun(
            build: "test",
            runID: "00112233445566778899aabbccddeeff",
            fingerprint: "ffeeddccbbaa99887766554433221100",
            options: "{}",
            rowSchemaVersion: 1,
            geneCount: 5,
            rowBytes: Self.rowBytes,
            common: [],
            resources: "",
            input: "screen.h5ad",
            output: "result.h5ad",
            perturbations: (0..<Self.units).map { .init(name: "GENE\($0)", cost: 1) }
        )
        try folder.create()
    }

    deinit { try? FileManager.default.removeItem(atPath: directory) }

    /// The one row that a perturbation has.
    static func row(_ perturbation: UInt32) -> [UInt8] {
        var random = SeededGenerator(seed: UInt64(perturbation) + 7)
        return (0..<rowBytes).map { _ in UInt8.random(in: 0...255, using: &random) }
    }

    /// Writes a segment with the rows of some perturbations; returns its path.
    func segment(
        _ shard: Shard,
        _ write: (inout SegmentWriter) throws -> Void
    ) throws -> String {
        var writer = try folder.newSegment(shard, of: run)
        try write(&writer)
        try writer.save()
        return writer.path
    }

    /// Rows of all segments.
    func harvest() throws -> (rows: [UInt32: [UInt8]], harvest: RowHarvest) {
        var rows: [UInt32: [UInt8]] = [:]
        let harvest = try RowHarvest(folder, of: run) { record, bytes in
            rows[record.perturbation] = bytes
        }
        return (rows, harvest)
    }

    /// Makes the segments what they are called, each of some bytes.
    func replace(_ path: String, _ bytes: [UInt8]) throws {
        try Data(bytes).write(to: URL(filePath: path))
    }

    func bytes(_ path: String) throws -> [UInt8] {
        Array(try Data(contentsOf: URL(filePath: path)))
    }
}

/// The part of that number; the tests name only parts that exist.
func shard(_ index: Int, _ count: Int) -> Shard {
    guard let shard = Shard(index: index, count: count) else {
        preconditionFailure("no such part")
    }
    return shard
}
