import DifferentialExpression
package import Digests
import Glibc

/// The journal of a run: one small record for every row that is safe in the result file.
///
/// A row's record is appended only after the row itself is on the disk, so that what the journal
/// names can be trusted; digests are checked nevertheless before anything is skipped on resume.
package final class Journal {
    /// One finished row.
    package struct Record: Equatable, Sendable {
        /// Position of the perturbation in the result.
        package var perturbation: UInt32
        /// Which attempt gave the row, from 1.
        package var attempt: UInt32
        /// Digest of the row's bytes as the worker sent them.
        package var digest: Digest128

        /// Names a finished row.
        package init(perturbation: UInt32, attempt: UInt32, digest: Digest128) {
            self.perturbation = perturbation
            self.attempt = attempt
            self.digest = digest
        }
    }

    private static let magic: UInt64 = 0x314A_5850_5952_4358
    private static let headerBytes = 24
    private static let recordBytes = 32

    private let file: PlainFile
    private var end: Int

    private init(file: PlainFile, end: Int) {
        self.file = file
        self.end = end
    }

    /// Starts an empty journal for a run with the given fingerprint.
    ///
    /// - Throws: ``RunFailure`` when the file cannot be made or saved.
    package static func create(
        _ path: String,
        fingerprint: Digest128
    ) throws(RunFailure) -> Journal {
        let file = try PlainFile(path, flags: O_CREAT | O_TRUNC)
        var header: [UInt8] = []
        header.append(littleEndian: magic)
        header += fingerprint.bytes
        try file.write(header, at: 0)
        try file.synchronize()
        return Journal(file: file, end: header.count)
    }

    /// What is left of the journal of an interrupted run.
    package struct Reopened {
        /// The journal, to go on with.
        package let journal: Journal
        /// Its whole records, in order.
        package let records: [Record]
        /// Records between them that are damaged; their rows are not known to be safe.
        package let damagedCount: Int
    }

    /// Opens the journal of an interrupted run and reads its records.
    ///
    /// All records have one length, so that a damaged one costs only itself. What follows the last
    /// whole record, such as one that a crash cut short, is cut off before anything is appended.
    ///
    /// - Returns: Nil when there is no journal of this fingerprint.
    /// - Throws: ``RunFailure`` when the file cannot be read or cut.
    package static func reopen(
        _ path: String,
        fingerprint: Digest128
    ) throws(RunFailure) -> Reopened? {
        guard let content = try content(path), content.fingerprint == fingerprint else {
            return nil
        }
        let (records, end) = (content.records, content.end)
        let file = try PlainFile(path, flags: 0)
        try file.truncate(to: end)
        return Reopened(
            journal: Journal(file: file, end: end),
            records: records,
            damagedCount: (end - headerBytes) / recordBytes - records.count
        )
    }

    /// The perturbations that a journal names, read without touching it, as while a run goes on.
    ///
    /// - Returns: Nil when there is no journal.
    /// - Throws: ``RunFailure`` when the file cannot be read.
    package static func perturbations(_ path: String) throws(RunFailure) -> Set<UInt32>? {
        try content(path).map { Set($0.records.map(\.perturbation)) }
    }

    /// What a journal holds, up to its last whole record; nil when there is none.
    private static func content(
        _ path: String
    ) throws(RunFailure) -> (fingerprint: Digest128?, records: [Record], end: Int)? {
        guard let bytes = try PlainFile.contents(path), bytes.count >= headerBytes else {
            return nil
        }
        var reader = LittleEndianReader(bytes: bytes)
        guard reader.next(UInt64.self) == magic else { return nil }
        var records: [Record] = []
        var end = headerBytes
        let last = bytes.count - recordBytes
        for start in stride(from: headerBytes, through: last, by: recordBytes) {
            guard let record = decode(Array(bytes[start..<start + recordBytes])) else { continue }
            records.append(record)
            end = start + recordBytes
        }
        return (Digest128(bytes: Array(bytes[8..<headerBytes])), records, end)
    }

    /// Appends records and waits until they are on the disk.
    ///
    /// - Throws: ``RunFailure`` when writing or saving fails.
    package func append(_ records: [Record]) throws(RunFailure) {
        let bytes = records.flatMap { Self.encode($0) }
        try file.write(bytes, at: end)
        try file.synchronize()
        end += bytes.count
    }

    private static func encode(_ record: Record) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(littleEndian: record.perturbation)
        bytes.append(littleEndian: record.attempt)
        bytes += record.digest.bytes
        bytes.append(littleEndian: check(bytes))
        return bytes
    }

    private static func decode(_ bytes: [UInt8]) -> Record? {
        let content = Array(bytes[..<(recordBytes - 8)])
        var reader = LittleEndianReader(bytes: bytes)
        let perturbation = reader.next(UInt32.self)
        let attempt = reader.next(UInt32.self)
        guard let digest = Digest128(bytes: Array(bytes[8..<24])) else { return nil }
        _ = reader.next(UInt64.self)
        _ = reader.next(UInt64.self)
        guard reader.next(UInt64.self) == check(content) else { return nil }
        return Record(perturbation: perturbation, attempt: attempt, digest: digest)
    }

    private static func check(_ content: [UInt8]) -> UInt64 {
        content.withUnsafeBytes { Digest128(of: $0) }.low
    }
}
