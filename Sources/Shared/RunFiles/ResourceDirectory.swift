package import Digests

/// The named resources of a run, read from its directory instead of over a link.
///
/// Any number of threads may read at once. Nothing is believed: every read is compared with its
/// digest, and the index with the length of the file.
package final class ResourceDirectory: Sendable {
    /// Digest of the index as it stands in its file, hexadecimal.
    package let indexDigest: String
    private let file: StoredFile
    private let entries: [String: ResourceIndex.Entry]

    /// Opens the resources of a run.
    ///
    /// - Parameters:
    ///   - directory: The run directory as this process sees it.
    ///   - runID: The run that is expected, hexadecimal.
    /// - Throws: ``RunFilesError``: nothing there, damaged, or another run's.
    package init(_ directory: String, runID: String) throws(RunFilesError) {
        let path = "\(directory)/\(ResourceIndex.fileName)"
        let bytes = try StoredFile.contents(path)
        guard let index = CheckedDocument<ResourceIndex>.decode(bytes) else {
            throw .damaged(path: path, problem: "the index of resources is not whole")
        }
        guard index.runID == runID else { throw .otherRun(path: path) }
        file = try StoredFile(reading: "\(directory)/\(ResourceIndex.dataName)")
        guard file.size == index.byteCount else {
            throw .damaged(
                path: file.path,
                problem: "it has \(file.size) bytes instead of \(index.byteCount)"
            )
        }
        if let outside = index.outside {
            throw .damaged(path: path, problem: "\(outside.name) lies outside the file")
        }
        indexDigest = "\(bytes.withUnsafeBytes { Digest128(of: $0) })"
        entries = Dictionary(index.entries.map { ($0.name, $0) }) { first, _ in first }
    }

    /// The file with the bytes, for messages.
    package var path: String { file.path }

    /// Bytes of a resource; nil when there is no such resource.
    package func byteCount(of name: String) -> Int? { entries[name]?.byteCount }

    /// The digest that is announced for a resource; nil when there is no such resource.
    package func digest(of name: String) -> Digest128? { entries[name]?.announced }

    /// Reads a resource.
    ///
    /// - Parameters:
    ///   - name: Its name.
    ///   - announced: The digest it must have been announced with; nil for any.
    /// - Returns: Its bytes, which are those that were written.
    /// - Throws: ``RunFilesError``: no such resource, another one of that name, or damage.
    package func read(
        _ name: String,
        announced: Digest128? = nil
    ) throws(RunFilesError) -> [UInt8] {
        guard let entry = entries[name] else {
            throw .missing(path: file.path, what: "it holds no \(name)")
        }
        if let announced, entry.announced != announced { throw .otherRun(path: file.path) }
        let bytes = try file.read(entry.byteCount, at: entry.offset)
        guard "\(bytes.withUnsafeBytes { Digest128(of: $0) })" == entry.check else {
            throw .damaged(path: file.path, problem: "\(name) is not what was written")
        }
        return bytes
    }
}
