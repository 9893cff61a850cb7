import Foundation
import TestSupport
import Testing
import Transport

/// Damaged secrets: taken or refused with the file's name, never a trap.
@Suite struct MutatedSecretsTests {
    private let folder: TestCertificates

    init() throws { folder = try TestCertificates() }

    @Test func tokens() throws {
        let samples = ["00ff10AB00ff10ab00ff10ab00ff10ab\n", String(repeating: "5a", count: 128)]
            .map { Array($0.utf8) }
        // Writing a file takes longer than reading it.
        let count = FuzzInputs.count() / 5
        var mutator = Mutator(seed: FuzzInputs.seed, words: [" ", "\r\n", "g", "\u{0}"])
        let path = folder.path + "/token"
        var read = 0
        for _ in 0..<count {
            let bytes = mutator.next(from: samples)
            try Data(bytes).write(to: URL(filePath: path))
            chmod(path, 0o600)
            do {
                _ = try TokenFile.load(path: path)
                read += 1
            } catch {
                #expect("\(error)".contains(path))
            }
        }
        #expect(read > 0 && read < count)
    }

    @Test func certificatesAndKeys() throws {
        let good = folder.files("worker")
        let certificate = Array(try Data(contentsOf: URL(filePath: good.certificate)))
        let key = Array(try Data(contentsOf: URL(filePath: good.key)))
        let words = ["-----BEGIN CERTIFICATE-----\n", "-----END", "ENCRYPTED", "=", "\n"]
        var mutator = Mutator(seed: FuzzInputs.seed &+ 1, words: words)
        let path = folder.path + "/damaged"
        var read = 0
        let count = FuzzInputs.count() / 10
        for round in 0..<count {
            try Data(mutator.next(from: [round % 3 == 0 ? key : certificate]))
                .write(to: URL(filePath: path))
            chmod(path, 0o600)
            var files = good
            switch round % 3 {
            case 0: files.key = path
            case 1: files.certificate = path
            default: files.authority = path
            }
            if (try? files.load()) != nil { read += 1 }
        }
        #expect(read < count)
    }
}
