import Coordinator
import DifferentialExpression
import Digests
import Foundation
import Testing

@Suite("The directory of a run")
struct RunDirectoryTests {
    private let folder: TestDirectory
    private let directory: RunDirectory

    init() throws {
        folder = try TestDirectory()
        directory = RunDirectory(path: folder.file("result.h5ad.crispyx"))
        try directory.create()
    }

    @Test("only its owner may look into it, and making it again is no mistake")
    func creation() throws {
        let attributes = try FileManager.default.attributesOfItem(atPath: directory.path)
        #expect(attributes[.posixPermissions] as? Int == 0o700)
        try directory.create()
        let lost = RunDirectory(path: folder.file("no/where"))
        #expect(caught { try lost.create() }?.status == .cannotCreate)
    }

    // MARK: - Owner

    /// Changes fields of the owner's record.
    private func changeOwner(_ fields: [String: Any]) throws {
        let url = URL(filePath: directory.ownerPath)
        var owner = try #require(
            try JSONSerialization.jsonObject(with: Data(contentsOf: url)) as? [String: Any]
        )
        for (field, value) in fields {
            #expect(owner[field] != nil, "the record has a field \(field)")
            owner[field] = value
        }
        try JSONSerialization.data(withJSONObject: owner).write(to: url)
    }

    private func ownerProcess() throws -> Int32? {
        let data = try Data(contentsOf: URL(filePath: directory.ownerPath))
        let owner = try JSONSerialization.jsonObject(with: data) as? [String: Any]
        return owner?["processID"] as? Int32
    }

    /// Makes another process the owner: the parent of this one, which outlives the test.
    private func ownedByParent() throws {
        try directory.claim()
        let parent = getppid()
        try #require(parent > 0)
        let text = try String(contentsOfFile: "/proc/\(parent)/stat", encoding: .utf8)
        let end = try #require(text.lastIndex(of: ")"))
        // The field after the name is the third; the start is the 22nd.
        let start = text[text.index(after: end)...].split(separator: " ")[22 - 3]
        try changeOwner(["processID": Int(parent), "processStart": String(start)])
    }

    @Test("this process may claim it twice")
    func own() throws {
        try directory.claim()
        try directory.claim()
        #expect(try ownerProcess() == getpid())
    }

    @Test("a living process of this machine keeps it")
    func living() throws {
        try ownedByParent()
        let failure = try #require(caught { try directory.claim() })
        #expect(failure.status == .cannotCreate)
        #expect(failure.description.contains(directory.path))
        #expect(failure.description.contains("process \(getppid())"))
        #expect(try ownerProcess() == getppid())
    }

    @Test("a process that ended loses it", arguments: [Int32.max, 999_999_999])
    func dead(process: Int32) throws {
        try ownedByParent()
        try changeOwner(["processID": Int(process)])
        try directory.claim()
        #expect(try ownerProcess() == getpid())
    }

    @Test(
        "a process id given to somebody else, or of another boot, does not keep it",
        arguments: ["processStart", "bootID"]
    )
    func reused(field: String) throws {
        try ownedByParent()
        try changeOwner([field: "1"])
        try directory.claim()
        #expect(try ownerProcess() == getpid())
    }

    @Test("a record of the owner that cannot be understood does not keep it")
    func damagedOwner() throws {
        for text in ["", "{", "{}", #"{"host":"a"}"#] {
            try Data(text.utf8).write(to: URL(filePath: directory.ownerPath))
            try directory.claim()
            #expect(try ownerProcess() == getpid())
        }
    }

    // MARK: - Frozen state

    private var global: GlobalResult {
        var cache = ControlCache(geneCount: 3)
        cache.controlCells = 11
        cache.controlMedianOffset = -0.25
        cache[.intercept] = [1, -2, 0.5]
        cache[.controlDispersion] = [0.1, 0.2, 0.3]
        cache[.controlWeight] = [4, 5, 6]
        cache[.controlMean] = [0.01, 2, 30]
        cache[.controlExpressing] = [0, 5, 11]
        cache[.dispersion] = [0.4, 0.5, .leastNonzeroMagnitude]
        cache[.dispersionTrend] = [0.6, 0.7, 0.8]
        return GlobalResult(cache: cache, sizeFactors: [0.5, .nan, 2, 1.25])
    }

    @Test("what was frozen comes back bit for bit")
    func frozen() throws {
        let digest = try directory.freeze(global)
        let found = try #require(try directory.frozen(digest: "\(digest)"))
        #expect(found.cache == global.cache)
        #expect(found.sizeFactors.map(\.bitPattern) == global.sizeFactors.map(\.bitPattern))
        #expect(try directory.freeze(global) == digest)
    }

    @Test("what is missing, damaged, cut short or of another run is nil")
    func damagedState() throws {
        #expect(try directory.frozen(digest: "\(Digest128(high: 0, low: 0))") == nil)
        let digest = "\(try directory.freeze(global))"
        let file = URL(filePath: directory.cachePath)
        let bytes = try Data(contentsOf: file)
        #expect(try directory.frozen(digest: "\(Digest128(high: 0, low: 0))") == nil)
        #expect(try directory.frozen(digest: "") == nil)
        for position in bytes.indices {
            var damaged = bytes
            damaged[position] ^= 0x10
            try damaged.write(to: file)
            #expect(try directory.frozen(digest: digest) == nil, "byte \(position)")
            try bytes[..<position].write(to: file)
            #expect(try directory.frozen(digest: digest) == nil, "\(position) bytes")
        }
        try (bytes + [0]).write(to: file)
        #expect(try directory.frozen(digest: digest) == nil)
        try bytes.write(to: file)
        #expect(try directory.frozen(digest: digest) != nil)
    }
}
