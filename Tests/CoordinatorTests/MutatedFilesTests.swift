import Coordinator
import DifferentialExpression
import Digests
import Foundation
import NodeTopology
import TestSupport
import Testing

/// Damaged files and texts: read or refused with a reason, never a trap.
@Suite("Damaged files")
struct MutatedFilesTests {
    private let folder: TestDirectory

    init() throws { folder = try TestDirectory() }

    @Test("a journal keeps records that are whole, and takes new ones after them")
    func journal() throws {
        let fingerprint = Digest128(high: 7, low: 9)
        let path = folder.file("journal.bin")
        let records = (0..<6).map {
            Journal.Record(
                perturbation: UInt32($0),
                attempt: 1,
                digest: Digest128(high: UInt64($0), low: 5)
            )
        }
        try Journal.create(path, fingerprint: fingerprint).append(records)
        let whole = try folder.bytes("journal.bin")
        var mutator = Mutator(seed: FuzzInputs.seed)
        var outcomes: Set<Int> = []
        // Opening one waits for the disk each time.
        for _ in 0..<FuzzInputs.count() / 20 {
            let bytes = mutator.next(from: [whole, Array(whole.prefix(24 + 64))])
            _ = try folder.write(bytes, as: "journal.bin")
            let found = try Journal.reopen(path, fingerprint: fingerprint)?.records
            outcomes.insert(found?.count ?? -1)
            for record in found ?? [] { #expect(records.contains(record)) }
        }
        #expect(outcomes.count >= 6, "\(outcomes)")
    }

    @Test("the frozen state, with a digest that is right")
    func frozenState() throws {
        let directory = RunDirectory(path: folder.file("r"))
        try directory.create()
        var cache = ControlCache(geneCount: 4)
        cache[.intercept] = [1, 2, 3, 4]
        _ = try directory.freeze(GlobalResult(cache: cache, sizeFactors: [0.5, 2]))
        let whole = try folder.bytes("r/cache.bin")
        // Writing a file takes longer than reading it.
        let count = FuzzInputs.count() / 5
        var mutator = Mutator(seed: FuzzInputs.seed &+ 1)
        for _ in 0..<count {
            let bytes = mutator.next(from: [whole])
            _ = try folder.write(bytes, as: "r/cache.bin")
            let digest = bytes.withUnsafeBytes { Digest128(of: $0) }
            if let found = try directory.frozen(digest: "\(digest)") {
                #expect(found.cache.geneCount <= 4)
            }
        }
    }

    @Test("the note of who owns a run directory")
    func owner() throws {
        let directory = RunDirectory(path: folder.file("r"))
        try directory.create()
        try directory.claim()
        let whole = try folder.bytes("r/owner.json")
        var mutator = Mutator(
            seed: FuzzInputs.seed &+ 2,
            words: ["{", "}", "[", "\"", "null", "1e9"]
        )
        // Claiming waits for the disk each time.
        for _ in 0..<FuzzInputs.count() / 20 {
            _ = try folder.write(mutator.next(from: [whole]), as: "r/owner.json")
            // An owner that seems to be on another machine is not waited for here.
            try directory.claim(watchMilliseconds: 0)
        }
    }

    @Test("a hosts file")
    func hosts() {
        let samples = [
            "* threads=1 worker=\"/opt/my tools/w\"\nnode[01-16]\ngpu[1-3,7] memory=8G numa=0-1\n",
            "alice@10.0.0.5:2222 slots=2 ssh=IdentityFile=~/.ssh/lab # text\n\n[::1]:22 user=bob\n",
            "a tls-cert=/c.pem tls-key=/k tls-ca=/a\nr[1-2]n[01-40]\n",
        ].map { Array($0.utf8) }
        let words = [
            "[", "]", "-", ",", "=", "\"", "*", "ssh=", "threads=", "999999999", "\n", "é",
        ]
        var mutator = Mutator(seed: FuzzInputs.seed &+ 3, words: words)
        var read = 0
        for _ in 0..<FuzzInputs.count() {
            let text = String(decoding: mutator.next(from: samples), as: UTF8.self)
            guard let entries = try? HostsFile.parse(text) else { continue }
            read += 1
            #expect((1...HostsFile.mostHosts).contains(entries.count))
            for entry in entries {
                let words = RemoteCommand(entry, addresses: ["a:1"], loudness: .quiet).arguments
                #expect(words.dropLast().last?.first != "-", "\(entry.host) is no option of ssh")
            }
        }
        #expect(read > 0 && read < FuzzInputs.count())
    }

    @Test("a file of size factors")
    func sizeFactors() throws {
        let samples = ["1.0\n0.5\n2e-3\n", "# text\n1\nnan\n\n3\n"].map { Array($0.utf8) }
        // Writing a file takes longer than reading it.
        let count = FuzzInputs.count() / 5
        var mutator = Mutator(
            seed: FuzzInputs.seed &+ 4,
            words: ["inf", "-", "e308", "0x1p3", "\r"]
        )
        var read = 0
        for _ in 0..<count {
            let path = try folder.write(mutator.next(from: samples), as: "factors")
            do {
                let factors = try SizeFactorFile.read(path, cellCount: 3)
                read += 1
                #expect(factors.count == 3)
            } catch {
                #expect(error.description.hasPrefix(path))
            }
        }
        #expect(read > 0 && read < count)
    }

    @Test("addresses, sizes and lists of numbers")
    func texts() {
        let samples = [
            "127.0.0.1:7400", "[::1]:80", ":7400", "8G", "512MiB", "1.5T", "0-3,7,9-11", "auto",
            "0", "node=0;memory=0;cpus=0-3;threads=4",
        ].map { Array($0.utf8) }
        let words = ["-", ",", ":", "]", "18446744073709551616", "99999999999", "²", "٣"]
        var mutator = Mutator(seed: FuzzInputs.seed &+ 5, words: words)
        for _ in 0..<FuzzInputs.count() {
            let text = String(decoding: mutator.next(from: samples), as: UTF8.self)
            if let address = ListenAddress(text) { #expect((0...65535).contains(address.port)) }
            if let size = try? MemorySize(parsing: text) { #expect(size.bytes >= 0) }
            _ = try? NodeSelection(parsing: text)
            if let list = try? NumberList.parse(text, source: "test") {
                #expect(list.count < 1 << 20)
            }
            _ = try? ChildPlacement(argument: text)
        }
    }
}
