package import Digests

/// Where each named resource of a run lies in the file that holds them all.
///
/// One file for all, because directories of ten thousand small files are slow on the file systems
/// that clusters share.
package struct ResourceIndex: Codable, Equatable, Sendable {
    /// Name of the index in the run directory.
    package static let fileName = "resources.json"
    /// Name of the file with the bytes.
    package static let dataName = "resources.bin"

    /// One resource.
    package struct Entry: Codable, Equatable, Sendable {
        /// The name by which the coordinator serves it, too.
        package var name: String
        /// Position of its first byte.
        package var offset: Int
        /// Its length.
        package var byteCount: Int
        /// The digest that the coordinator announces, hexadecimal: of blocks that of their segments.
        package var digest: String
        /// Digest of the bytes, hexadecimal.
        package var check: String

        /// The announced digest as a value; nil when the text is damaged.
        package var announced: Digest128? { Digest128(hexadecimal: digest) }
    }

    /// The run, hexadecimal; a coordinator that starts anew writes another.
    package var runID: String
    /// Length of the file with the bytes.
    package var byteCount: Int
    /// The resources in the order of their offsets.
    package var entries: [Entry]

    /// The first entry that does not lie inside the file; nil when all do.
    var outside: Entry? {
        entries.first {
            $0.offset < 0 || $0.byteCount < 0 || $0.byteCount > byteCount
                || $0.offset > byteCount - $0.byteCount
        }
    }
}
