import Foundation
import Testing
import Transport

#if canImport(Glibc)
import Glibc
#endif

@Suite struct TokenFileTests {
    /// Runs a test with a path in a folder of its own.
    private func withPath(_ body: (String) throws -> Void) throws {
        let folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("token-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try body(folder.appendingPathComponent("token").path)
    }

    private func write(_ text: String, to path: String, mode: mode_t = 0o600) throws {
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        #expect(chmod(path, mode) == 0)
    }

    private func mode(of path: String) -> mode_t {
        var status = stat()
        return stat(path, &status) == 0 ? status.st_mode & 0o7777 : 0
    }

    @Test func aNewTokenIsRandomPrivateAndReadable() throws {
        try withPath { path in
            let token = try TokenFile.create(path: path)
            #expect(mode(of: path) == 0o600)
            let text = try String(contentsOfFile: path, encoding: .utf8)
            #expect(text.count == 65 && text.hasSuffix("\n"))
            #expect(try TokenFile.load(path: path) == token)
            try withPath { other in
                let second = try TokenFile.create(path: other)
                #expect(second != token)
            }
        }
    }

    @Test func anExistingFileIsNeverReplaced() throws {
        try withPath { path in
            try write("precious", to: path)
            #expect(
                throws: TransportError.tokenFile(
                    path: path,
                    operation: "create it",
                    errno: EEXIST
                )
            ) {
                try TokenFile.create(path: path)
            }
            #expect(try String(contentsOfFile: path, encoding: .utf8) == "precious")
        }
    }

    @Test(arguments: [0o640, 0o604, 0o700, 0o660, 0o644, 0o1600] as [mode_t])
    func aFileOpenToOthersIsRefused(_ mode: mode_t) throws {
        try withPath { path in
            try write(String(repeating: "ab", count: 32), to: path, mode: mode)
            #expect(throws: TransportError.tokenTooOpen(path: path, mode: mode)) {
                try TokenFile.load(path: path)
            }
        }
    }

    @Test(arguments: [0o600, 0o400] as [mode_t])
    func aPrivateFileIsTaken(_ mode: mode_t) throws {
        try withPath { path in
            try write("  00ff10AB00ff10ab00ff10ab00ff10ab\r\n", to: path, mode: mode)
            let expected = [UInt8]((0..<4).flatMap { _ in [0, 0xff, 0x10, 0xab] })
            #expect(try TokenFile.load(path: path) == Token(bytes: expected))
        }
    }

    @Test(arguments: [("", 0), ("ab", 1), (String(repeating: "ab", count: 15), 15)])
    func aShortTokenIsRefused(_ text: String, _ bytes: Int) throws {
        try withPath { path in
            try write(text, to: path)
            #expect(
                throws: TransportError.tokenLength(path: path, bytes: bytes, allowed: 16...128)
            ) {
                try TokenFile.load(path: path)
            }
        }
    }

    @Test(arguments: [
        (String(repeating: "ab", count: 20) + "a", 41), ("xyz", 1), ("ab cd", 3), ("abc\u{0}", 3),
    ])
    func whatIsNotHexadecimalIsRefused(_ text: String, _ position: Int) throws {
        try withPath { path in
            try write(text, to: path)
            #expect(throws: TransportError.tokenNotHexadecimal(path: path, position: position)) {
                try TokenFile.load(path: path)
            }
        }
    }

    @Test func missingFilesAndFoldersAreRefused() throws {
        try withPath { path in
            #expect(
                throws: TransportError.tokenFile(path: path, operation: "open it", errno: ENOENT)
            ) {
                try TokenFile.load(path: path)
            }
            let folder = (path as NSString).deletingLastPathComponent
            #expect(throws: TransportError.tokenNotAFile(path: folder)) {
                try TokenFile.load(path: folder)
            }
        }
    }

    @Test func tooLongATokenIsRefused() throws {
        try withPath { path in
            try write(String(repeating: "ab", count: 129), to: path)
            #expect(
                throws: TransportError.tokenLength(path: path, bytes: 129, allowed: 16...128)
            ) {
                try TokenFile.load(path: path)
            }
        }
    }

    @Test func aTokenNeverShowsItself() throws {
        let token = try #require(Token(bytes: [UInt8](repeating: 0xab, count: 16)))
        var dumped = ""
        dump(token, to: &dumped)
        for text in ["\(token)", String(reflecting: token), dumped] {
            #expect(!text.contains("171") && !text.lowercased().contains("ab, "))
        }
    }
}
