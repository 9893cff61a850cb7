internal import Digests
internal import Foundation

/// Reads the records of one segment file, whatever state the file is in.
///
/// Everything that is not a whole record of this run is stepped over: behind damage the next mark
/// with a right check sum is looked for. A file may end in the middle of a record, as one does
/// whose writer was killed or is still at work; that is no damage.
package struct SegmentReader {
    /// A record and where its payload lies.
    package struct Found: Sendable {
        /// The record.
        package let record: SegmentRecord
        let offset: Int
    }

    private static let windowBytes = 1 << 16
    private static let mark = withUnsafeBytes(of: SegmentRecord.mark.littleEndian) { Data($0) }

    /// The file, for messages.
    package var path: String { file.path }
    /// Bytes between whole records that belong to none: damage.
    package private(set) var damagedBytes = 0

    private let file: StoredFile
    private let seal: SegmentSeal
    private let rowBytes: Int
    private let unitCount: Int
    private let end: Int
    private var position = 0
    /// Bytes stepped over since the last whole record; damage once another one follows.
    private var skipped = 0

    /// Opens a segment of a run; what is appended from now on is not seen.
    ///
    /// - Throws: ``RunFilesError`` when it cannot be opened.
    package init(_ path: String, of run: PreparedRun) throws(RunFilesError) {
        file = try StoredFile(reading: path)
        seal = run.seal
        rowBytes = run.rowBytes
        unitCount = run.perturbations.count
        end = file.size
        // Without its header a segment may still hold whole records.
        let header = try file.read(SegmentFolder.header.count, at: 0)
        position = header == SegmentFolder.header ? header.count : 0
    }

    /// Waits until what is read here is on the disk, too: its writer may have died before.
    package func synchronize() throws(RunFilesError) { try file.synchronize() }

    /// The next whole head; its payload is checked only when it is read.
    ///
    /// - Throws: ``RunFilesError`` when the file cannot be read.
    package mutating func next() throws(RunFilesError) -> Found? {
        while position + SegmentRecord.headBytes <= end {
            let head = try file.read(SegmentRecord.headBytes, at: position)
            if let record = SegmentRecord(
                head: head,
                seal: seal,
                rowBytes: rowBytes,
                unitCount: unitCount
            ), record.byteCount <= end - position - SegmentRecord.headBytes {
                damagedBytes += skipped
                skipped = 0
                let found = Found(record: record, offset: position + SegmentRecord.headBytes)
                position = found.offset + record.byteCount
                return found
            }
            try skipToMark()
        }
        return nil
    }

    /// The payload of a record; nil when it is not what was written.
    ///
    /// - Throws: ``RunFilesError`` when the file cannot be read.
    package mutating func payload(_ found: Found) throws(RunFilesError) -> [UInt8]? {
        let bytes = try file.read(found.record.byteCount, at: found.offset)
        guard bytes.withUnsafeBytes({ Digest128(of: $0) }) == found.record.digest else {
            damagedBytes += found.record.byteCount
            return nil
        }
        return bytes
    }

    /// Goes to the next place where a record may begin, at least one byte further on.
    private mutating func skipToMark() throws(RunFilesError) {
        let start = position
        var window = position + 1
        while window < end {
            let bytes = Data(try file.read(min(Self.windowBytes, end - window), at: window))
            if let range = bytes.range(of: Self.mark) {
                position = window + range.lowerBound
                skipped += position - start
                return
            }
            // A mark may lie across two windows.
            if window + bytes.count >= end { break }
            window += bytes.count - (Self.mark.count - 1)
        }
        position = end
        skipped += end - start
    }
}
