import CountBlocks
import Foundation
import Glibc
import Testing

@Suite struct ScratchFileTests {
    private let screen = TestScreen.random(geneCount: 60, groupCount: 4, cellCount: 500, seed: 11)

    private func temporaryDirectory() throws -> URL {
        let url = FileManager.default.temporaryDirectory
            .appendingPathComponent("count-blocks-tests-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: false)
        return url
    }

    private func builder(scratch: ScratchFile) -> BlockBuilder {
        BlockBuilder(groupCount: 4, geneCount: 60, memoryBytes: 10_000, scratch: scratch)
    }

    @Test func aFullDiskIsAnErrorThatNamesTheDirectoryAndTheRemedy() throws {
        // Every write to this device fails with "no space left".
        let descriptor = open("/dev/full", O_RDWR | O_CLOEXEC)
        try #require(descriptor >= 0)
        let scratch = ScratchFile(descriptor: descriptor, directory: "/some/scratch")
        let builder = builder(scratch: scratch)
        let error = #expect(throws: CountBlockError.self) {
            try screen.blocks(builder: builder)
        }
        #expect(
            error == .scratchFull(directory: "/some/scratch", writtenBytes: 0, code: ENOSPC)
        )
        let text = String(describing: error ?? .notASegment)
        #expect(text.contains("/some/scratch") && text.contains("No space left on device"))
        #expect(text.contains("--scratch-dir") && text.contains("--memory-limit"))
    }

    @Test func aFileThatCannotBeWrittenIsAnError() throws {
        let descriptor = open("/dev/null", O_RDONLY | O_CLOEXEC)
        try #require(descriptor >= 0)
        let scratch = ScratchFile(descriptor: descriptor, directory: "/some/scratch")
        #expect(
            throws: CountBlockError.scratchWriteFailed(
                directory: "/some/scratch",
                writtenBytes: 0,
                code: EBADF
            )
        ) {
            try screen.blocks(builder: builder(scratch: scratch))
        }
    }

    @Test func aMissingDirectoryIsAnErrorOnceItIsNeeded() throws {
        func builder(memoryBytes: Int) -> BlockBuilder {
            BlockBuilder(
                groupCount: 4,
                geneCount: 60,
                memoryBytes: memoryBytes,
                scratchDirectory: "/no/such/directory"
            )
        }
        let store = try screen.blocks(builder: builder(memoryBytes: 1 << 30))
        #expect(store.bytesSpilled == 0)
        #expect(
            throws: CountBlockError.scratchUnavailable(
                directory: "/no/such/directory",
                code: ENOENT
            )
        ) {
            try screen.blocks(builder: builder(memoryBytes: 10_000))
        }
    }

    @Test func aShortenedFileIsAnErrorWhenItIsRead() throws {
        let directory = try temporaryDirectory()
        defer { try? FileManager.default.removeItem(at: directory) }
        let path = directory.appendingPathComponent("scratch").path
        let descriptor = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0o600)
        try #require(descriptor >= 0)
        let scratch = ScratchFile(descriptor: descriptor, directory: directory.path)
        let store = try screen.blocks(builder: builder(scratch: scratch))
        #expect(try store.bytes(0).count == store.blocks[0].byteCount)
        try #require(truncate(path, 0) == 0)
        let error = #expect(throws: CountBlockError.self) { try store.bytes(0) }
        guard case .scratchReadFailed(directory.path, 0..., 1..., 0) = error else {
            Issue.record("not a failed read: \(String(describing: error))")
            return
        }
    }

    @Test func damageOnDiskIsFoundByTheDigest() throws {
        let directory = try temporaryDirectory()
        defer { try? FileManager.default.removeItem(at: directory) }
        let path = directory.appendingPathComponent("scratch").path
        let descriptor = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0o600)
        try #require(descriptor >= 0)
        let scratch = ScratchFile(descriptor: descriptor, directory: directory.path)
        let builder = BlockBuilder(groupCount: 4, geneCount: 60, memoryBytes: 0, scratch: scratch)
        let store = try screen.blocks(builder: builder)
        var byte: [UInt8] = [0]
        try #require(pread(descriptor, &byte, 1, 100) == 1)
        byte[0] ^= 4
        try #require(pwrite(descriptor, &byte, 1, 100) == 1)
        let failures = (0..<4).filter { group in
            do {
                _ = try decodeBlock(store.bytes(group), geneCount: 60)
                return false
            } catch let error as CountBlockError {
                guard case .digestMismatch = error else { return false }
                return true
            } catch {
                return false
            }
        }
        #expect(failures.count == 1)
    }

    @Test(arguments: [true, false])
    func nothingIsLeftInTheDirectory(nameless: Bool) throws {
        let directory = try temporaryDirectory()
        defer { try? FileManager.default.removeItem(at: directory) }
        let scratch =
            nameless
            ? try ScratchFile(directory: directory.path)
            : try ScratchFile(unlinkedIn: directory.path)
        let store = try screen.blocks(builder: builder(scratch: scratch))
        #expect(store.bytesSpilled > 0)
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path).isEmpty)
        #expect(
            try decodeBlock(store.bytes(2), geneCount: 60).map(\.cell)
                == screen.members(2).map(\.cell)
        )
    }

    @Test func aFileSystemWithoutFilesOfItsOwnIsAnError() {
        #expect(throws: CountBlockError.self) { try ScratchFile(directory: "/proc") }
        #expect(throws: CountBlockError.self) { try ScratchFile(unlinkedIn: "/proc") }
    }
}
