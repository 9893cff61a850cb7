import Digests
import Foundation
import RunFiles
import Testing

@Suite("Segments of rows")
struct SegmentTests {
    private let sample: SampleRun

    init() throws { sample = try SampleRun() }

    private func full() throws -> String {
        try sample.segment(shard(0, 2)) { writer in
            for unit in UInt32(0)..<4 {
                try writer.append(.began, unit)
                try writer.append(.row, unit, payload: SampleRun.row(unit))
            }
            try writer.append(.failed, 4, text: "no convergence")
        }
    }

    /// Nothing but right rows come out of a segment, whatever its bytes are.
    private func expectOnlyRightRows(_ what: String) throws -> Int {
        let (rows, harvest) = try sample.harvest()
        for (unit, bytes) in rows { #expect(bytes == SampleRun.row(unit), "\(what), row \(unit)") }
        for (unit, digest) in harvest.digests {
            #expect(digest == SampleRun.row(unit).withUnsafeBytes { Digest128(of: $0) })
        }
        return rows.count
    }

    @Test("every record comes back")
    func roundTrip() throws {
        _ = try full()
        let (rows, harvest) = try sample.harvest()
        #expect(
            rows
                == Dictionary(uniqueKeysWithValues: (UInt32(0)..<4).map { ($0, SampleRun.row($0)) })
        )
        #expect(harvest.failures == [4: ["no convergence"]])
        #expect(harvest.damaged.isEmpty && harvest.givenUp.isEmpty && harvest.contradicted.isEmpty)
    }

    @Test("cut at any byte, a segment gives the rows before the cut, and that is no damage")
    func cuts() throws {
        let path = try full()
        let bytes = try sample.bytes(path)
        let step = 2 * 56 + SampleRun.rowBytes
        for length in 0...bytes.count {
            try sample.replace(path, Array(bytes[..<length]))
            let found = try expectOnlyRightRows("cut at \(length)")
            #expect(found == min(4, max(0, length - 16) / step), "cut at \(length)")
            #expect(try sample.harvest().harvest.damaged.isEmpty, "cut at \(length)")
        }
    }

    @Test("with any byte flipped, it loses one row at most and never gives a wrong one")
    func flips() throws {
        let path = try full()
        let bytes = try sample.bytes(path)
        var warned = 0
        for place in bytes.indices {
            for mask: UInt8 in [0x01, 0x80, 0xFF] {
                var damaged = bytes
                damaged[place] ^= mask
                try sample.replace(path, damaged)
                #expect(try expectOnlyRightRows("byte \(place)") >= 3, "byte \(place)")
                if try !sample.harvest().harvest.damaged.isEmpty { warned += 1 }
            }
        }
        // Damage in the last record looks like a cut; everything else is told.
        #expect(warned > bytes.count * 3 * 8 / 10)
    }

    @Test(
        "stretches of other bytes in between are stepped over",
        arguments: [1, 7, 56, 200, 65_530, 65_533, 65_536]
    )
    func foreign(length: Int) throws {
        let path = try full()
        let bytes = try sample.bytes(path)
        var random = SeededGenerator(seed: UInt64(length))
        let noise = (0..<length).map { _ in UInt8.random(in: 0...255, using: &random) }
        // Marks without a record, too: they are the worst noise.
        for filler in [
            noise, Array(repeating: Array("CYPXROW\n".utf8), count: length / 8 + 1).flatMap { $0 },
        ] {
            for place in [16, 16 + 152, 16 + 152 + 56 + 56 + 20] {
                try sample.replace(path, Array(bytes[..<place]) + filler + Array(bytes[place...]))
                #expect(try expectOnlyRightRows("at \(place)") >= 3)
                #expect(try !sample.harvest().harvest.damaged.isEmpty)
            }
        }
    }

    @Test("random damage never gives a wrong row")
    func randomDamage() throws {
        let path = try full()
        let bytes = try sample.bytes(path)
        var random = SeededGenerator(seed: 5)
        for _ in 0..<500 {
            var damaged = bytes
            for _ in 0..<Int.random(in: 1...40, using: &random) {
                switch Int.random(in: 0..<4, using: &random) {
                case 0: damaged.insert(UInt8.random(in: 0...255, using: &random), at: 0)
                case 1 where damaged.count > 1: damaged.removeLast()
                case 2 where damaged.count > 9:
                    damaged.removeSubrange(3..<Int.random(in: 4...9, using: &random))
                default:
                    guard let place = damaged.indices.randomElement(using: &random) else { break }
                    damaged[place] = UInt8.random(in: 0...255, using: &random)
                }
            }
            try sample.replace(path, damaged)
            _ = try expectOnlyRightRows("random")
        }
    }

    @Test("records of another run are never taken for this one's")
    func otherRun() throws {
        _ = try full()
        sample.run.runID = "00112233445566778899aabbccddee00"
        #expect(try sample.harvest().rows.isEmpty)
        sample.run.runID = "00112233445566778899aabbccddeeff"
        sample.run.fingerprint = "other"
        #expect(try sample.harvest().rows.isEmpty)
    }

    @Test("rows of other lengths and perturbations that are not in the run are none")
    func impossible() throws {
        _ = try sample.segment(shard(0, 1)) { writer in
            try writer.append(.row, 0, payload: [1, 2, 3])
            try writer.append(.row, UInt32(SampleRun.units), payload: SampleRun.row(0))
            try writer.append(.row, 1, payload: SampleRun.row(1))
        }
        #expect(try sample.harvest().rows == [1: SampleRun.row(1)])
    }

    @Test("of several rows of one perturbation the first counts, and a different one is told")
    func contradiction() throws {
        for _ in 0..<2 {
            _ = try sample.segment(shard(0, 1)) {
                try $0.append(.row, 2, payload: SampleRun.row(2))
            }
        }
        #expect(try sample.harvest().harvest.contradicted.isEmpty)
        _ = try sample.segment(shard(0, 1)) { try $0.append(.row, 2, payload: SampleRun.row(3)) }
        let (rows, harvest) = try sample.harvest()
        #expect(rows.count == 1 && harvest.contradicted == [2])
    }

    @Test("a row settles what failed or was given up before")
    func settled() throws {
        _ = try sample.segment(shard(0, 2)) { writer in
            try writer.append(.failed, 0, text: "a")
            try writer.append(.failed, 0, text: "a")
            try writer.append(.failed, 0, text: "b")
            try writer.append(.givenUp, 1, text: "c")
            try writer.append(.failed, 2, text: "d")
        }
        _ = try sample.segment(shard(1, 2)) { writer in
            try writer.append(.row, 2, payload: SampleRun.row(2))
        }
        let harvest = try sample.harvest().harvest
        #expect(harvest.failures == [0: ["a", "b"], 1: ["c"]])
        #expect(harvest.givenUp == [1])
        #expect(Set(harvest.digests.keys) == [2])
    }

    @Test("every attempt has a file of its own; other files in the folder are left alone")
    func files() throws {
        for _ in 0..<5 { _ = try sample.segment(shard(3, 7)) { _ in } }
        let names = sample.folder.segments.map(\.path)
        #expect(
            Set(names).count == 5 && sample.folder.segments.allSatisfy { $0.shard == shard(3, 7) }
        )
        for name in ["x", "a-of-b.0.rows", "1-of-1.0.rows", "0-of-1.rows", "0-of-1.0.rows.new"] {
            try sample.replace(sample.folder.path + "/" + name, [1])
        }
        #expect(sample.folder.segments.count == 5)
    }
}
