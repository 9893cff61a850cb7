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

    @Test func anAbsentTokenIsMadeOnceAndThenRead() throws {
        try withPath { path in
            let first = try TokenFile.loadOrCreate(path: path)
            #expect(first.isNew && mode(of: path) == 0o600)
            let second = try TokenFile.loadOrCreate(path: path)
            #expect(!second.isNew && second.token == first.token)
            let folder = (path as NSString).deletingLastPathComponent
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["token"])
            #expect(chmod(path, 0o644) == 0)
            #expect(throws: TransportError.tokenTooOpen(path: path, mode: 0o644)) {
                try TokenFile.loadOrCreate(path: path)
            }
            #expect(throws: TransportError.self) {
                try TokenFile.loadOrCreate(path: folder + "/absent/token")
            }
        }
    }

    @Test func aTokenComesOverAStreamAndLeavesTheRest() throws {
        let token = Token.random()
        let pair = try SocketPair.make()
        defer {
            close(pair.parent)
            close(pair.child)
        }
        let sent = TokenFile.line(of: token) + Array("rest".utf8)
        #expect(send(pair.parent, sent, sent.count, 0) == sent.count)
        #expect(try TokenFile.read(from: pair.child) == token)
        var rest = [UInt8](repeating: 0, count: 10)
        #expect(read(pair.child, &rest, 10) == 4)
    }

    @Test(arguments: ["", "abcd\n", "zz\n", String(repeating: "ab", count: 3000)])
    func aStreamWithoutATokenIsRefused(_ text: String) throws {
        let pair = try SocketPair.make()
        let bytes = Array(text.utf8)
        #expect(send(pair.parent, bytes, bytes.count, 0) == bytes.count)
        close(pair.parent)
        defer { close(pair.child) }
        #expect(throws: TransportError.self) { try TokenFile.read(from: pair.child) }
    }

    @Test func aSilentStreamIsGivenUp() throws {
        let pair = try SocketPair.make()
        defer {
            close(pair.parent)
            close(pair.child)
        }
        #expect(
            throws: TransportError.tokenFile(
                path: "on descriptor \(pair.child)",
                operation: "read it",
                errno: ETIMEDOUT
            )
        ) {
            try TokenFile.read(from: pair.child, waitingAtMost: 20)
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
