internal import Digests
internal import Foundation

/// A JSON document that carries the digest of its content, so that damage is told from a difference.
struct CheckedDocument<Content: Codable>: Codable {
    var content: Content
    var digest: String

    /// The document as bytes.
    static func encode(_ content: Content) throws -> [UInt8] {
        let document = CheckedDocument(content: content, digest: try Self.digest(content))
        return Array(try encoder.encode(document))
    }

    /// The content of a document; nil when the bytes are no such document or not whole.
    static func decode(_ bytes: [UInt8]) -> Content? {
        guard
            let document = try? JSONDecoder().decode(CheckedDocument.self, from: Data(bytes)),
            let digest = try? Self.digest(document.content), digest == document.digest
        else { return nil }
        return document.content
    }

    private static var encoder: JSONEncoder {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return encoder
    }

    /// Of the content with sorted keys: the same on every machine of one build.
    private static func digest(_ content: Content) throws -> String {
        let bytes = Array(try encoder.encode(content))
        return "\(bytes.withUnsafeBytes { Digest128(of: $0) })"
    }
}
