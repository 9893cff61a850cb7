package import Digests

/// The rows of all segments of a run: the first whole one of each perturbation.
package struct RowHarvest: Sendable {
    /// Digest of the row of each perturbation that has one.
    package private(set) var digests: [UInt32: Digest128] = [:]
    /// Why a perturbation without a row has none, as far as its fits said.
    package private(set) var failures: [UInt32: [String]] = [:]
    /// Perturbations without a row that were given up because processes died with them.
    package private(set) var givenUp: Set<UInt32> = []
    /// Perturbations of which two fits gave different rows; the first is kept.
    package private(set) var contradicted: Set<UInt32> = []
    /// Segments with damage, for a warning.
    package private(set) var damaged: [String] = []

    /// Goes through all segments and hands over the rows.
    ///
    /// - Parameters:
    ///   - folder: The segments.
    ///   - run: The run.
    ///   - store: Receives each perturbation's first whole row.
    /// - Throws: ``RunFilesError`` when a segment cannot be read, what `store` throws.
    package init(
        _ folder: SegmentFolder,
        of run: PreparedRun,
        store: (SegmentRecord, [UInt8]) throws -> Void
    ) throws {
        for segment in folder.segments {
            var reader = try SegmentReader(segment.path, of: run)
            while let found = try reader.next() { try take(found, &reader, store) }
            if reader.damagedBytes > 0 { damaged.append(reader.path) }
        }
        for perturbation in digests.keys {
            failures[perturbation] = nil
            givenUp.remove(perturbation)
        }
    }

    /// Perturbations of which some segment has a record that settles them, by heads alone: quickly
    /// found, and not to be relied on.
    ///
    /// - Throws: ``RunFilesError`` when a segment cannot be read.
    package static func announced(
        _ folder: SegmentFolder,
        of run: PreparedRun
    ) throws(RunFilesError) -> Set<UInt32> {
        var announced: Set<UInt32> = []
        for segment in folder.segments {
            var reader = try SegmentReader(segment.path, of: run)
            while let found = try reader.next() {
                if [.row, .failed, .givenUp].contains(found.record.kind) {
                    announced.insert(found.record.perturbation)
                }
            }
        }
        return announced
    }

    private mutating func take(
        _ found: SegmentReader.Found,
        _ reader: inout SegmentReader,
        _ store: (SegmentRecord, [UInt8]) throws -> Void
    ) throws {
        let record = found.record
        switch record.kind {
        case .began, .returned: return
        case .row:
            if let first = digests[record.perturbation] {
                // Only a row that is what its fit gave can contradict.
                if first != record.digest, try reader.payload(found) != nil {
                    contradicted.insert(record.perturbation)
                }
                return
            }
            guard let bytes = try reader.payload(found) else { return }
            try store(record, bytes)
            digests[record.perturbation] = record.digest
        case .failed, .givenUp:
            guard let bytes = try reader.payload(found) else { return }
            let reason = String(decoding: bytes, as: UTF8.self)
            if failures[record.perturbation]?.contains(reason) != true {
                failures[record.perturbation, default: []].append(reason)
            }
            if record.kind == .givenUp { givenUp.insert(record.perturbation) }
        }
    }
}
