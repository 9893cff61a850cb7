package import Digests

/// Appends records to a segment file of its own and saves them in groups.
///
/// Used by one thread at a time.
package struct SegmentWriter: ~Copyable {
    private static let groupBytes = 64 << 20

    private let file: StoredFile
    private let seal: SegmentSeal
    private let attempt: UInt32
    private var end: Int
    private var unsaved = 0

    /// The file.
    package var path: String { file.path }
    /// Whether everything appended is on the disk.
    package var isSaved: Bool { unsaved == 0 }

    private init(_ file: StoredFile, _ seal: SegmentSeal, _ attempt: UInt32) {
        self.file = file
        self.seal = seal
        self.attempt = attempt
        end = SegmentFolder.header.count
    }

    /// Makes a new segment.
    ///
    /// - Throws: ``RunFilesError``.
    static func create(
        _ path: String,
        directory: String,
        seal: SegmentSeal,
        attempt: UInt32
    ) throws(RunFilesError) -> SegmentWriter {
        let file = try StoredFile(creating: path)
        try file.write(SegmentFolder.header, at: 0)
        try file.synchronize()
        try StoredFile.synchronizeDirectory(directory)
        return SegmentWriter(file, seal, attempt)
    }

    /// Appends a record; saves when much has gathered.
    ///
    /// - Throws: ``RunFilesError`` when writing or saving fails; the segment is of no use then, but
    ///   whatever was saved before stays.
    package mutating func append(
        _ kind: SegmentRecord.Kind,
        _ perturbation: UInt32,
        payload: [UInt8] = [],
        digest: Digest128? = nil
    ) throws(RunFilesError) {
        let record = SegmentRecord(
            kind: kind,
            perturbation: perturbation,
            attempt: attempt,
            byteCount: payload.count,
            digest: digest ?? payload.withUnsafeBytes { Digest128(of: $0) }
        )
        let bytes = record.head(seal) + payload
        try file.write(bytes, at: end)
        end += bytes.count
        unsaved += bytes.count
        if unsaved >= Self.groupBytes { try save() }
    }

    /// Appends a record with a text.
    package mutating func append(
        _ kind: SegmentRecord.Kind,
        _ perturbation: UInt32,
        text: String
    ) throws(RunFilesError) {
        let bytes = Array(text.utf8.prefix(SegmentRecord.longestText))
        try append(kind, perturbation, payload: bytes)
    }

    /// Waits until everything appended is on the disk.
    package mutating func save() throws(RunFilesError) {
        guard unsaved > 0 else { return }
        try file.synchronize()
        unsaved = 0
    }
}
