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

    private func reopen(_ bytes: [UInt8]) throws -> (journal: Journal, records: [Journal.Record])? {
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
        let (journal, read) = try #require(try Journal.reopen(path, fingerprint: fingerprint))
        #expect(read == Array(records[..<3]))
        try journal.append([records[3]])
        #expect(try Journal.reopen(path, fingerprint: fingerprint)?.records == records)
    }

    @Test("a new journal is empty, also where there was one")
    func empty() throws {
        let bytes = try whole()
        #expect(bytes.count == Self.headerBytes + 4 * Self.recordBytes)
        _ = try Journal.create(path, fingerprint: fingerprint)
        let (journal, read) = try #require(try Journal.reopen(path, fingerprint: fingerprint))
        #expect(read.isEmpty)
        try journal.append([records[2]])
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
            let (journal, read) = try #require(reopened)
            let kept = (length - Self.headerBytes) / Self.recordBytes
            #expect(read == Array(records[..<kept]), "\(length) bytes")
            try journal.append([records[3]])
            #expect(
                try Journal.reopen(path, fingerprint: fingerprint)?.records
                    == records[..<kept] + [records[3]],
                "\(length) bytes"
            )
        }
    }

    @Test("a damaged byte ends the journal before its record, or the whole of it in the header")
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
                let kept = (position - Self.headerBytes) / Self.recordBytes
                #expect(reopened?.records == Array(records[..<kept]), "byte \(position)")
                #expect(
                    try folder.bytes("journal.bin")
                        == Array(bytes[..<(Self.headerBytes + kept * Self.recordBytes)]),
                    "what follows byte \(position) is cut off"
                )
            }
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
