package import Digests
internal import Glibc

/// Writes the resources of a run into its directory: the bytes first, the index when they are safe.
///
/// Readers find either the old pair, the new one, or bytes that their digests refuse.
package final class ResourceFileWriter {
    private static let pieceBytes = 4 << 20

    private let directory: String
    private let file: StoredFile
    private var index: ResourceIndex

    /// Begins a file beside the one that may be there.
    ///
    /// - Parameters:
    ///   - directory: The run directory.
    ///   - runID: The run, hexadecimal.
    /// - Throws: ``RunFilesError/system(path:action:code:)``.
    package init(directory: String, runID: String) throws(RunFilesError) {
        self.directory = directory
        let aside = Self.aside(directory)
        unlink(aside)
        file = try StoredFile(creating: aside)
        index = ResourceIndex(runID: runID, byteCount: 0, entries: [])
    }

    private static func aside(_ directory: String) -> String {
        "\(directory)/\(ResourceIndex.dataName).new"
    }

    /// Adds a resource.
    ///
    /// - Parameters:
    ///   - name: Its name, which no other has.
    ///   - byteCount: Its length.
    ///   - digest: The digest that is announced for it; nil for that of its bytes.
    ///   - read: Gives the bytes of a range of it.
    /// - Throws: What `read` throws, or ``RunFilesError``.
    package func add(
        _ name: String,
        byteCount: Int,
        digest: Digest128? = nil,
        read: (Range<Int>) throws -> [UInt8]
    ) throws {
        let digester = Digester()
        let offset = index.byteCount
        var done = 0
        while done < byteCount {
            let bytes = try read(done..<min(done + Self.pieceBytes, byteCount))
            bytes.withUnsafeBytes { digester.update($0) }
            try file.write(bytes, at: offset + done)
            done += bytes.count
        }
        let check = digester.finish()
        index.entries.append(
            ResourceIndex.Entry(
                name: name,
                offset: offset,
                byteCount: byteCount,
                digest: "\(digest ?? check)",
                check: "\(check)"
            )
        )
        index.byteCount += byteCount
    }

    /// Adds a resource that is in memory.
    package func add(_ name: String, _ bytes: [UInt8]) throws {
        try add(name, byteCount: bytes.count) { Array(bytes[$0]) }
    }

    /// Saves the bytes, then the index.
    ///
    /// - Returns: Digest of the index as it stands in its file, hexadecimal.
    package func finish() throws -> String {
        try file.synchronize()
        try StoredFile.rename(
            Self.aside(directory),
            to: "\(directory)/\(ResourceIndex.dataName)"
        )
        let bytes = try CheckedDocument.encode(index)
        try StoredFile.replace(ResourceIndex.fileName, in: directory, with: bytes)
        return "\(bytes.withUnsafeBytes { Digest128(of: $0) })"
    }
}
