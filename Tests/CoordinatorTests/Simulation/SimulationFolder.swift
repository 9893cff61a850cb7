import Foundation

/// A directory of one test, removed with everything in it when the test is over.
final class SimulationFolder: Sendable {
    let path: String

    init() {
        path = NSTemporaryDirectory() + "simulation-" + UUID().uuidString
        try? FileManager.default.createDirectory(
            atPath: path,
            withIntermediateDirectories: true
        )
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func file(_ name: String) -> String { path + "/" + name }

    var names: [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted()
    }

    func bytes(_ name: String) -> Data {
        FileManager.default.contents(atPath: file(name)) ?? Data()
    }
}
