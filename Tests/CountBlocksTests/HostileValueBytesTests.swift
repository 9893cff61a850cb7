import CountBlocks
import Digests
import TestSupport
import Testing

/// What ``HostileBytesTests`` shows for counts, for values.
@Suite struct HostileValueBytesTests {
    private static let geneCount = 40

    /// A segment with all four forms of cells, large ranks and an empty cell.
    private static func segment<Value: ExpressionValue>(_: Value.Type) throws -> [UInt8] {
        let full = (0..<UInt32(40)).map { $0 }
        let cells = [
            ValueTestCell<Value>(genes: [2, 39], values: [-1.5, 3]),
            ValueTestCell<Value>(),
            ValueTestCell<Value>(genes: full, values: full.map { Value($0 % 18 + 1) / 4 }),
            ValueTestCell<Value>(genes: full, values: full.map { Value($0 + 1) }),
            ValueTestCell<Value>(genes: [0, 7, 39], values: [2, 2, 2]),
        ]
        return try valueBlocks(cells, geneCount: geneCount).bytes(0)
    }

    /// Decodes and checks that what comes out, if anything, is a valid segment.
    private static func decode<Value: ExpressionValue>(
        _ bytes: some Collection<UInt8>,
        _ guarded: GuardedBytes,
        _ segment: inout DecodedSegment,
        _: Value.Type
    ) -> CountBlockError? {
        do throws(CountBlockError) {
            let result = guarded.withCopy(of: bytes) { bytes in
                Result { () throws(CountBlockError) in
                    try segment.decode(
                        bytes: bytes,
                        geneCount: Self.geneCount,
                        kind: Value.segmentKind
                    )
                }
            }
            try result.get()
        } catch {
            #expect(segment.cellCount == 0 && segment.nonzeroCount == 0)
            return error
        }
        for cell in segment.valueCells(Value.self) {
            #expect(zip(cell.genes, cell.genes.dropFirst()).allSatisfy { $0 < $1 })
            #expect(cell.genes.allSatisfy { $0 < Self.geneCount })
            #expect(cell.values.allSatisfy { $0.isFinite && $0 != 0 })
        }
        return nil
    }

    private static func checkEveryByte<Value: ExpressionValue>(_: Value.Type) throws {
        let segment = try segment(Value.self)
        let forms = try valueForms(segment, Value.self)
        #expect(forms == [0, 1, 2, 3])
        let guarded = try GuardedBytes(capacity: segment.count)
        var decoded = DecodedSegment()
        #expect(decode(segment, guarded, &decoded, Value.self) == nil)
        var rejected = 0
        for position in segment.indices where !(32..<48).contains(position) {
            for value in 0...UInt8.max where value != segment[position] {
                var damaged = segment
                damaged[position] = value
                if value == segment[position] ^ 0x10 {
                    #expect(decode(damaged, guarded, &decoded, Value.self) != nil)
                }
                damaged = HostileBytesTests.resealed(damaged)
                if decode(damaged, guarded, &decoded, Value.self) != nil { rejected += 1 }
            }
        }
        #expect(rejected > 48 * 200)
        for count in segment.indices {
            #expect(decode(segment[..<count], guarded, &decoded, Value.self) != nil)
        }
    }

    /// The first bytes of a segment's cells, each alone in a segment.
    private static func valueForms<Value: ExpressionValue>(
        _ segment: [UInt8],
        _: Value.Type
    ) throws -> Set<UInt8> {
        let cells = try decodeValueBlock(segment, geneCount: geneCount, of: Value.self).map(\.cell)
        let encoder = CellEncoder(geneCount: geneCount)
        return Set(cells.compactMap { encoder.encode([$0]).bytes.first })
    }

    @Test func anyByteGivesCellsOrAnError() throws {
        try Self.checkEveryByte(Float.self)
        try Self.checkEveryByte(Double.self)
    }

    /// Random payloads behind a header that fits them.
    private static func checkRandomPayloads<Value: ExpressionValue>(
        _: Value.Type,
        seed: UInt64
    ) throws {
        var generator = SeededGenerator(seed: seed)
        var decoded = DecodedSegment()
        let guarded = try GuardedBytes(capacity: 4096)
        for _ in 0..<500 {
            let cellCount = Int.random(in: 1...4, using: &generator)
            let nonzeros = (0..<cellCount).map { _ in Int.random(in: 0...40, using: &generator) }
            let payload = (0..<Int.random(in: 0...250, using: &generator)).map { i in
                i == 0
                    ? UInt8.random(in: 0...3, using: &generator)
                    : Bool.random(using: &generator)
                        ? UInt8.random(in: 0...255, using: &generator)
                        : UInt8.random(in: 0...2, using: &generator)
            }
            let kind = UInt8(Value.segmentKind.rawValue)
            var bytes = Array("CXSEGMNT".utf8) + [1, 0, kind, 0, UInt8(geneCount), 0, 0, 0]
            bytes += [UInt8(cellCount), 0, 0, 0, UInt8(nonzeros.reduce(0, +)), 0, 0, 0]
            bytes += [UInt8(payload.count), 0, 0, 0, 0, 0, 0, 0]
            bytes += [UInt8](repeating: 0, count: 16)
            bytes += (0..<cellCount).flatMap { [UInt8($0), 0, 0, 0] }
            bytes += nonzeros.flatMap { [UInt8($0), 0, 0, 0] }
            let error = decode(
                HostileBytesTests.resealed(bytes + payload),
                guarded,
                &decoded,
                Value.self
            )
            if case .digestMismatch = error { Issue.record("the digest should be right") }
        }
    }

    @Test(arguments: 1...8)
    func randomPayloadsGiveCellsOrAnError(seed: UInt64) throws {
        try Self.checkRandomPayloads(Float.self, seed: seed)
        try Self.checkRandomPayloads(Double.self, seed: seed)
    }

    /// The error of a segment with one cell of 3 nonzeros and 40 genes.
    private func error(_ payload: [UInt8], nonzeros: UInt8 = 3) throws -> CountBlockError? {
        var bytes = Array("CXSEGMNT".utf8) + [1, 0, 2, 0, 40, 0, 0, 0]
        bytes += [1, 0, 0, 0, nonzeros, 0, 0, 0, UInt8(payload.count), 0, 0, 0, 0, 0, 0, 0]
        bytes += [UInt8](repeating: 0, count: 16)
        bytes += [5, 0, 0, 0, nonzeros, 0, 0, 0]
        var decoded = DecodedSegment()
        let guarded = try GuardedBytes(capacity: 4096)
        return Self.decode(
            HostileBytesTests.resealed(bytes + payload),
            guarded,
            &decoded,
            Float.self
        )
    }

    @Test func theErrorSaysWhatIsWrong() throws {
        let genes: [UInt8] = [0, 0, 0]
        let one: [UInt8] = [0, 0, 0x80, 0x3F]
        let two: [UInt8] = [0, 0, 0, 0x40]
        let infinity: [UInt8] = [0, 0, 0x80, 0x7F]
        let nan: [UInt8] = [0, 0, 0xC0, 0x7F]
        func ranked(_ count: UInt8, _ values: [UInt8], _ ranks: [UInt8]) throws -> CellDamage? {
            switch try error([0] + genes + [count, 0] + values + ranks) {
            case .damagedCell(0, let damage): damage
            case nil: nil
            case let other?: throw other
            }
        }
        #expect(try ranked(0, one, [0, 0]) == nil)
        #expect(try ranked(0, one, [1, 0]) == .rankOutOfRange(rank: 2, values: 1))
        #expect(try ranked(0, one, [0xF, 0, 255]) == .truncated)
        #expect(try ranked(0, one, [0, 0x10]) == .paddingNotZero)
        #expect(try ranked(3, one + two, []) == .dictionaryTooLarge(values: 4, allowed: 3))
        #expect(
            try error([0] + genes + [0, 4] + one + one)
                == .damagedCell(cell: 0, .dictionaryTooLarge(values: 1025, allowed: 3))
        )
        #expect(try ranked(1, two + one, []) == .dictionaryNotAscending(position: 1))
        #expect(
            try error([0] + genes + [1, 0] + one + one)
                == .damagedCell(cell: 0, .dictionaryNotAscending(position: 1))
        )
        #expect(try ranked(0, infinity, [0, 0]) == .valueNotAllowed(.infinity))
        for zero: [UInt8] in [[0, 0, 0, 0], [0, 0, 0, 0x80]] {
            #expect(try ranked(0, zero, [0, 0]) == .valueNotAllowed(0))
            #expect(
                try error([2] + genes + one + zero + two)
                    == .damagedCell(cell: 0, .valueNotAllowed(0))
            )
        }
        guard case .valueNotAllowed(let value) = try ranked(0, nan, [0, 0]), value.isNaN else {
            Issue.record("NaN was taken")
            return
        }
        #expect(try error([2] + genes + one + two + one) == nil)
        #expect(
            try error([2] + genes + one + two + [0, 0, 0]) == .damagedCell(cell: 0, .truncated)
        )
        #expect(try error([2] + genes + one + two + one + [9]) == .trailingBytes(1))
        #expect(try error([4] + genes + one + two + one) == .damagedCell(cell: 0, .unknownForm(4)))
        #expect(try error([6] + genes + one + two + one) == .damagedCell(cell: 0, .unknownForm(6)))
    }

    @Test func aDictionaryHasAtMost1024Values() throws {
        // 1,100 distinct values of which each is there 20 times, written by hand as a dictionary.
        let count = 22_000
        func bytes(_ number: Int, _ width: Int) -> [UInt8] {
            (0..<width).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
        }
        var payload: [UInt8] = [1] + [UInt8](repeating: 255, count: count / 8) + bytes(1099, 2)
        for i in 0..<1100 { payload += bytes(Int((Float(i + 1)).bitPattern), 4) }
        payload += [UInt8](repeating: 0, count: count / 2)
        var segment = Array("CXSEGMNT".utf8) + [1, 0, 2, 0] + bytes(count, 4) + bytes(1, 4)
        segment += bytes(count, 4) + bytes(payload.count, 8) + [UInt8](repeating: 0, count: 16)
        segment += bytes(0, 4) + bytes(count, 4) + payload
        segment = HostileBytesTests.resealed(segment)
        var decoded = DecodedSegment()
        let expected = CountBlockError.damagedCell(
            cell: 0,
            .dictionaryTooLarge(values: 1100, allowed: 1024)
        )
        #expect(throws: expected) {
            try segment.withUnsafeBytes {
                try decoded.decode(bytes: $0, geneCount: count, kind: .float32Values)
            }
        }
    }
}
