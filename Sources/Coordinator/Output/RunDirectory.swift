import AnnData
package import DifferentialExpression
package import Digests
import Foundation
import Glibc
import RunFiles

/// The record of a run on disk, `<output>.crispyx/` unless moved.
///
/// Holds what was asked (`run.json`), the frozen cache, the journal, the event log, and while a run
/// listens its endpoint and token.
package struct RunDirectory {
    /// What was asked and of which screen; enough to refuse a resume that would mix two runs.
    struct Record: Codable, Equatable {
        /// The layout that this release writes and reads.
        static let layoutVersion = 1

        /// Version of this record's layout.
        var version = Record.layoutVersion
        /// Build that started the run.
        var build: String
        /// Digest of counts, labels, genes and options, hexadecimal.
        var fingerprint: String
        /// Options that decide the numbers.
        var options: AnalysisOptions
        /// Path of the unpublished result.
        var partialResult: String
        /// Where each layer lies in it.
        var layout: ResultFileMap
        /// Digest of the frozen cache, hexadecimal.
        var cacheDigest: String
        /// Digest of all that is written once into the unpublished result, hexadecimal.
        var frameDigest: String
    }

    /// Where the directory lies.
    package let path: String

    var recordPath: String { path + "/run.json" }
    /// The frozen cache and the size factors.
    package var cachePath: String { path + "/cache.bin" }
    /// The journal of finished rows.
    package var journalPath: String { path + "/journal.bin" }
    var eventsPath: String { path + "/events.jsonl" }
    var endpointPath: String { path + "/endpoint.json" }
    var tokenPath: String { path + "/token" }
    var reportPath: String { path + "/report.json" }
    /// Which process works here.
    package var ownerPath: String { path + "/owner.json" }

    /// Names a directory that need not be there yet.
    package init(path: String) { self.path = path }

    /// Whether a run began here and was not finished.
    var holdsUnfinishedRun: Bool {
        access(journalPath, F_OK) == 0 && access(recordPath, F_OK) == 0
    }

    /// Whether a run was prepared here for array mode and not merged yet.
    var holdsPreparedRun: Bool { access(path + "/" + PreparedRun.fileName, F_OK) == 0 }

    /// The rows of array mode.
    var segments: SegmentFolder { SegmentFolder(path) }

    /// Files that processes read instead of asking for them.
    private var sharedPaths: [String] {
        // What names the others goes first.
        [PreparedRun.fileName, ResourceIndex.fileName, ResourceIndex.dataName]
            .map { "\(path)/\($0)" }
    }

    /// Makes the directory, readable by its owner only because it may hold a token.
    ///
    /// - Throws: ``RunFailure`` when it cannot be made.
    package func create() throws(RunFailure) {
        if mkdir(path, 0o700) == 0 {
            try PlainFile.synchronizeDirectory(PlainFile.directory(of: path))
            return
        }
        guard errno == EEXIST else { throw PlainFile.failure("create", path) }
        let content = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
        guard
            content.isEmpty
                || content.contains(where: { $0 == "run.json" || $0.hasPrefix("owner.json") })
        else {
            throw RunFailure(
                .cannotCreate,
                "\(path) holds files that are not of a run; choose another --run-dir"
            )
        }
    }

    /// Reads the record of an interrupted run.
    ///
    /// - Throws: ``RunFailure`` for a record that is damaged, or of a release that wrote others.
    func record() throws(RunFailure) -> Record? {
        struct Layout: Decodable { var version: Int }
        guard let bytes = try PlainFile.contents(recordPath) else { return nil }
        let data = Data(bytes)
        if let version = try? JSONDecoder().decode(Layout.self, from: data).version,
            version != Record.layoutVersion
        {
            throw RunFailure(
                .refused,
                "\(recordPath) has layout \(version), this release reads \(Record.layoutVersion); "
                    + "finish the run with the release that began it, or start anew with --force"
            )
        }
        do {
            return try JSONDecoder().decode(Record.self, from: data)
        } catch {
            throw RunFailure(
                .badInput,
                "\(recordPath) cannot be understood; start again with --force"
            )
        }
    }

    /// Writes the record; with it the run becomes resumable.
    func write(_ record: Record) throws(RunFailure) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
        guard let data = try? encoder.encode(record) else {
            throw RunFailure(.internalError, "the run's record cannot be encoded")
        }
        try PlainFile.replace(recordPath, with: Array(data))
        try PlainFile.synchronizeDirectory(path)
    }

    /// Removes what only an unfinished run needs; what stays is the record, report and event log.
    func clean() {
        // The journal goes first: without it nothing here is taken for an unfinished run.
        for file in [journalPath] + sharedPaths + [cachePath, endpointPath, tokenPath, ownerPath] {
            unlink(file)
        }
        segments.remove()
    }

    /// Removes every trace of an earlier run.
    func clear(keepingOwner: Bool, keeping kept: String? = nil) {
        let own = [
            journalPath, cachePath, endpointPath, tokenPath, recordPath, eventsPath, reportPath,
        ]
        for file in sharedPaths + own where file != kept { unlink(file) }
        segments.remove()
        if !keepingOwner { unlink(ownerPath) }
    }

    // MARK: - Frozen state

    /// Writes the frozen cache and the size factors.
    ///
    /// - Returns: Digest of what was written.
    /// - Throws: ``RunFailure`` when writing fails.
    package func freeze(_ global: GlobalResult) throws(RunFailure) -> Digest128 {
        var bytes: [UInt8] = []
        let cache = global.cache.encoded()
        bytes.append(littleEndian: UInt64(cache.count))
        bytes += cache
        bytes.append(littleEndian: global.sizeFactors)
        try PlainFile.replace(cachePath, with: bytes)
        return bytes.withUnsafeBytes { Digest128(of: $0) }
    }

    /// Reads what ``freeze(_:)`` wrote.
    ///
    /// - Parameter digest: What ``freeze(_:)`` returned, hexadecimal.
    /// - Returns: The frozen state; nil when it is not there or damaged.
    /// - Throws: ``RunFailure`` when the file is there and cannot be read.
    package func frozen(digest: String) throws(RunFailure) -> GlobalResult? {
        guard let bytes = try PlainFile.contents(cachePath), bytes.count >= 8,
            "\(bytes.withUnsafeBytes { Digest128(of: $0) })" == digest
        else { return nil }
        var reader = LittleEndianReader(bytes: bytes)
        let cacheBytes = Int(clamping: reader.next(UInt64.self))
        guard cacheBytes <= bytes.count - 8,
            let cache = try? ControlCache(bytes: Array(bytes[8..<8 + cacheBytes]))
        else { return nil }
        var factors = LittleEndianReader(bytes: Array(bytes[(8 + cacheBytes)...]))
        return GlobalResult(
            cache: cache,
            sizeFactors: factors.doubles((bytes.count - 8 - cacheBytes) / 8)
        )
    }
}
