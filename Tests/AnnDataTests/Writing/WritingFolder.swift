import Foundation

/// A directory of one test, removed with everything in it when the test is over.
final class WritingFolder: Sendable {
    let path: String

    init() {
        path = NSTemporaryDirectory() + "anndata-writing-" + UUID().uuidString
        try? FileManager.default.createDirectory(
            atPath: path,
            withIntermediateDirectories: true
        )
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func file(_ name: String) -> String { path + "/" + name }

    /// Names in the directory.
    var names: [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted()
    }

    /// All bytes of a file; empty when there is none.
    func bytes(_ name: String) -> [UInt8] {
        [UInt8](FileManager.default.contents(atPath: file(name)) ?? Data())
    }

    /// Writes a file of the given bytes.
    @discardableResult
    func write(_ bytes: [UInt8], to name: String) -> Bool {
        FileManager.default.createFile(atPath: file(name), contents: Data(bytes))
    }
}
