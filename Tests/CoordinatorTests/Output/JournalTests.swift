import Coordinator
import Digests
import Foundation
import Testing

@Suite("The journal of finished rows")
struct JournalTests {
    private static let headerBytes = 24
    private static let recordBytes = 32

    private let folder: TestDirectory
    private let fingerprint = Digest128(high: 0x0123_4567_89AB_CDEF, low: 42)
    private let records = (0..<4).map {
        Journal.Record(
            perturbation: UInt32($0) * 1000 + 7,
            attempt: UInt32($0) + 1,
            digest: Digest128(high: .max - UInt64($0), low: UInt64($0))
        )
    }

    init() throws { folder = try TestDirectory() }

    private var path: String { folder.file("journal.bin") }

    /// The bytes of a journal with all records.
    private func whole() throws -> [UInt8] {
        try Journal.create(path, fingerprint: fingerprint).append(records)
        return try folder.bytes("journal.bin")
    }

    private func reopen(_ bytes: [UInt8]) throws -> Journal.Reopened? {
        try Journal.reopen(
            folder.write(bytes, as: "journal.bin"),
            fingerprint: fingerprint
        )
    }

    @Test("records come back in the order they were appended")
    func roundTrip() throws {
        do {
            let journal = try Journal.create(path, fingerprint: fingerprint)
            try journal.append([records[0]])
            try journal.append([])
            try journal.append([records[1], records[2]])
        }
        let reopened = try #require(try Journal.reopen(path, fingerprint: fingerprint))
        #expect(reopened.records == Array(records[..<3]))
        try reopened.journal.append([records[3]])
        #expect(try Journal.reopen(path, fingerprint: fingerprint)?.records == records)
    }

    @Test("a new journal is empty, also where there was one")
    func empty() throws {
        let bytes = try whole()
        #expect(bytes.count == Self.headerBytes + 4 * Self.recordBytes)
        _ = try Journal.create(path, fingerprint: fingerprint)
        let reopened = try #require(try Journal.reopen(path, fingerprint: fingerprint))
        #expect(reopened.records.isEmpty)
        try reopened.journal.append([records[2]])
        #expect(try Journal.reopen(path, fingerprint: fingerprint)?.records == [records[2]])
    }

    @Test("no journal, and one of another run, are nil")
    func others() throws {
        #expect(try Journal.reopen(folder.file("none"), fingerprint: fingerprint) == nil)
        let bytes = try whole()
        for other in [
            Digest128(high: fingerprint.high, low: 43), Digest128(high: 0, low: fingerprint.low),
        ] {
            #expect(try Journal.reopen(path, fingerprint: other) == nil)
        }
        #expect(try folder.bytes("journal.bin") == bytes, "a stranger's journal is left alone")
    }

    @Test("wherever a crash cuts it off, the whole records before remain and more can follow")
    func tornTails() throws {
        let bytes = try whole()
        for length in 0...bytes.count {
            let reopened = try reopen(Array(bytes[..<length]))
            guard length >= Self.headerBytes else {
                #expect(reopened == nil, "\(length) bytes")
                continue
            }
            let found = try #require(reopened)
            let kept = (length - Self.headerBytes) / Self.recordBytes
            #expect(found.records == Array(records[..<kept]), "\(length) bytes")
            #expect(found.damagedCount == 0, "\(length) bytes")
            try found.journal.append([records[3]])
            #expect(
                try Journal.reopen(path, fingerprint: fingerprint)?.records
                    == records[..<kept] + [records[3]],
                "\(length) bytes"
            )
        }
    }

    @Test("a damaged byte costs its record alone, or the whole journal in the header")
    func damage() throws {
        let bytes = try whole()
        for position in bytes.indices {
            for flip: UInt8 in [0x01, 0x80, 0xFF] {
                var damaged = bytes
                damaged[position] ^= flip
                let reopened = try reopen(damaged)
                guard position >= Self.headerBytes else {
                    #expect(reopened == nil, "byte \(position)")
                    continue
                }
                let hit = (position - Self.headerBytes) / Self.recordBytes
                let isLast = hit == records.count - 1
                var kept = records
                kept.remove(at: hit)
                #expect(reopened?.records == kept, "byte \(position)")
                #expect(reopened?.damagedCount == (isLast ? 0 : 1), "byte \(position)")
                // A damaged end may be half a record, and what follows must start at its place.
                let length = isLast ? damaged.count - Self.recordBytes : damaged.count
                #expect(try folder.bytes("journal.bin") == Array(damaged[..<length]))
                try reopened?.journal.append([records[hit]])
                #expect(
                    try Journal.reopen(path, fingerprint: fingerprint)?.records
                        == kept + [records[hit]],
                    "byte \(position)"
                )
            }
        }
    }

    @Test("several damaged records and a torn end, at random places", arguments: [1, 2, 3])
    func randomDamage(seed: UInt64) throws {
        let many = (0..<200).map {
            Journal.Record(
                perturbation: UInt32($0),
                attempt: 1,
                digest: Digest128(high: UInt64($0) &* 0x9E37_79B9_7F4A_7C15, low: UInt64($0))
            )
        }
        try Journal.create(path, fingerprint: fingerprint).append(many)
        let bytes = try folder.bytes("journal.bin")
        var random = RandomStream(seed: seed, purpose: 0)
        for _ in 0..<50 {
            let cut = Self.headerBytes + Int(random.next() % UInt64(bytes.count - 100))
            var damaged = Array(bytes[..<cut])
            let whole = (cut - Self.headerBytes) / Self.recordBytes
            var hits: Set<Int> = []
            for _ in 0..<5 where whole > 0 {
                let hit = Int(random.next() % UInt64(whole))
                hits.insert(hit)
                let place = Int(random.next() % UInt64(Self.recordBytes))
                // Setting a byte twice must not mend it.
                damaged[Self.headerBytes + hit * Self.recordBytes + place] &+= 1
            }
            let expected = many[..<whole].enumerated().filter { !hits.contains($0.offset) }
            #expect(try reopen(damaged)?.records == expected.map(\.element), "seed \(seed)")
        }
    }

    @Test("a folder that is not there is a failure to create")
    func noFolder() throws {
        let failure = try #require(
            caught {
                try Journal.create(folder.file("none/journal.bin"), fingerprint: fingerprint)
            }
        )
        #expect(failure.status == .cannotCreate && failure.description.contains("none/journal"))
    }
}
