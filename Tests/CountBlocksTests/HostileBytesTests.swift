import CountBlocks
import Digests
import TestSupport
import Testing

/// Nothing from a peer is trusted: any bytes give cells or an error, never a trap or a read
/// outside of them.
@Suite struct HostileBytesTests {
    private static let geneCount = 40

    /// A segment with both forms of genes, large counts, an empty cell and padding.
    private static func segment() throws -> [UInt8] {
        let screen = TestScreen(
            geneCount: geneCount,
            groupCount: 1,
            cells: [
                TestCell(genes: [2, 39], counts: [1, 300]),
                TestCell(),
                TestCell(genes: (0..<21).map { $0 }, counts: (0..<21).map { 1 + 14 * $0 }),
                TestCell(genes: [0, 7, 8], counts: [16, 2, 70_000]),
            ]
        )
        return try screen.blocks().bytes(0)
    }

    /// The segment with the digest that its content has.
    static func resealed(_ segment: [UInt8]) -> [UInt8] {
        let cells = segment[16..<20].reversed().reduce(0) { $0 << 8 | Int($1) }
        let payloadOffset = 48 + 8 * cells
        guard payloadOffset <= segment.count else { return segment }
        let digester = Digester()
        segment.withUnsafeBytes { bytes in
            digester.update(UnsafeRawBufferPointer(rebasing: bytes[..<32]))
            digester.update(UnsafeRawBufferPointer(rebasing: bytes[48..<payloadOffset]))
            digester.update(
                Digest128(of: UnsafeRawBufferPointer(rebasing: bytes[payloadOffset...]))
            )
        }
        return segment[..<32] + digester.finish().bytes + segment[48...]
    }

    /// Decodes and checks that what comes out, if anything, is a valid segment.
    private static func decode(
        _ bytes: some Collection<UInt8>,
        _ guarded: GuardedBytes,
        _ segment: inout DecodedSegment,
        geneCount: Int = Self.geneCount
    ) -> CountBlockError? {
        do throws(CountBlockError) {
            let result = guarded.withCopy(of: bytes) { bytes in
                Result { () throws(CountBlockError) in
                    try segment.decode(bytes: bytes, geneCount: geneCount)
                }
            }
            try result.get()
        } catch {
            #expect(segment.cellCount == 0 && segment.nonzeroCount == 0)
            return error
        }
        segment.withCells { cells in
            #expect(zip(cells.rows, cells.rows.dropFirst()).allSatisfy { $0 < $1 })
            for cell in 0..<cells.cellCount {
                let genes = cells.genes(ofCell: cell)
                #expect(zip(genes, genes.dropFirst()).allSatisfy { $0 < $1 })
                #expect(genes.allSatisfy { $0 < geneCount })
                #expect(cells.counts(ofCell: cell).allSatisfy { $0 >= 1 })
            }
        }
        return nil
    }

    @Test func everyFlippedBitIsFound() throws {
        let segment = try Self.segment()
        let guarded = try GuardedBytes(capacity: segment.count)
        var decoded = DecodedSegment()
        #expect(Self.decode(segment, guarded, &decoded) == nil)
        for position in segment.indices {
            for bit in 0..<8 {
                var damaged = segment
                damaged[position] ^= 1 << bit
                let error = Self.decode(damaged, guarded, &decoded)
                #expect(error != nil, "byte \(position), bit \(bit)")
            }
        }
    }

    @Test func everyTruncationAndEveryAdditionIsFound() throws {
        let segment = try Self.segment()
        let guarded = try GuardedBytes(capacity: segment.count + 1)
        var decoded = DecodedSegment()
        for count in segment.indices {
            let error = Self.decode(segment[..<count], guarded, &decoded)
            #expect(
                error == .truncated(neededBytes: count < 48 ? 48 : segment.count, foundBytes: count)
            )
        }
        #expect(Self.decode(segment + [0], guarded, &decoded) == .trailingBytes(1))
    }

    @Test func anyByteWithTheRightDigestGivesCellsOrAnError() throws {
        let segment = try Self.segment()
        let guarded = try GuardedBytes(capacity: segment.count)
        var decoded = DecodedSegment()
        var rejected = 0
        for position in segment.indices where !(32..<48).contains(position) {
            for value in 0...UInt8.max where value != segment[position] {
                var damaged = segment
                damaged[position] = value
                if Self.decode(Self.resealed(damaged), guarded, &decoded) != nil { rejected += 1 }
            }
        }
        // The rest are other valid segments: another row, gene or count.
        #expect(rejected > 48 * 200)
    }

    @Test func everyShorterOrLongerPayloadWithTheRightDigestIsFound() throws {
        let segment = try Self.segment()
        let guarded = try GuardedBytes(capacity: segment.count + 8)
        var decoded = DecodedSegment()
        let payloadOffset = 48 + 8 * 4
        for payloadCount in 0...segment.count - payloadOffset + 8 {
            var damaged = Array(segment.prefix(payloadOffset + payloadCount))
            damaged += [UInt8](repeating: 0, count: payloadOffset + payloadCount - damaged.count)
            damaged[24] = UInt8(payloadCount)
            let error = Self.decode(Self.resealed(damaged), guarded, &decoded)
            switch payloadOffset + payloadCount - segment.count {
            case 0:
                #expect(error == nil)
            case 1...:
                #expect(error == .trailingBytes(payloadOffset + payloadCount - segment.count))
            default:
                guard case .damagedCell(_, .truncated) = error else {
                    guard case .impossibleSize(.payloadBytes, _, _) = error else {
                        Issue.record("\(payloadCount): \(String(describing: error))")
                        continue
                    }
                    continue
                }
            }
        }
    }

    @Test func paddingThatIsNotZeroIsFound() throws {
        // The bitmap of 4 genes has 4 bits too many, the nibbles of 3 counts one too many.
        let cell = TestCell(genes: [0, 1, 3], counts: [1, 2, 3])
        let screen = TestScreen(geneCount: 4, groupCount: 1, cells: [cell])
        let segment = try screen.blocks().bytes(0)
        let guarded = try GuardedBytes(capacity: segment.count)
        var decoded = DecodedSegment()
        let payload = Array(segment[(48 + 8)...])
        try #require(payload == [1, 0b1011, 0x10, 0x02])
        for (position, damage) in [(1, CellDamage.geneOutOfRange), (3, .paddingNotZero)] {
            for bit in 4..<8 {
                var damaged = segment
                damaged[48 + 8 + position] |= 1 << bit
                #expect(
                    Self.decode(Self.resealed(damaged), guarded, &decoded, geneCount: 4)
                        == .damagedCell(cell: 0, damage)
                )
            }
        }
    }

    @Test func damageWithTheRightDigestGivesCellsOrAnError() throws {
        let segments = try (1...6).map { seed in
            try TestScreen.random(geneCount: 300, groupCount: 1, cellCount: 12, seed: seed)
                .blocks().bytes(0)
        }
        let guarded = try GuardedBytes(capacity: 1 << 16)
        var mutator = Mutator(seed: FuzzInputs.seed, words: ["CXSEGMNT"])
        var decoded = DecodedSegment()
        var rejected = 0
        for round in 0..<FuzzInputs.count() {
            var damaged = mutator.next(from: segments, mostBytes: 32_000)
            if round % 4 == 0 {
                // A small part of the bytes decides how all others are read.
                let header = mutator.next(from: [Array(damaged.prefix(64))])
                damaged = header + damaged.dropFirst(64)
            }
            let error = Self.decode(
                damaged.count >= 48 ? Self.resealed(damaged) : damaged,
                guarded,
                &decoded,
                geneCount: 300
            )
            if error != nil { rejected += 1 }
        }
        #expect(rejected > 0 && rejected < FuzzInputs.count())
    }

    @Test(arguments: 1...8)
    func randomPayloadWithTheRightDigestGivesCellsOrAnError(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        var decoded = DecodedSegment()
        let guarded = try GuardedBytes(capacity: 4096)
        for _ in 0..<500 {
            let cellCount = Int.random(in: 1...4, using: &generator)
            let nonzeros = (0..<cellCount).map { _ in Int.random(in: 0...40, using: &generator) }
            let payload = (0..<Int.random(in: 0...200, using: &generator)).map { i in
                i == 0
                    ? UInt8.random(in: 0...1, using: &generator)
                    : UInt8.random(in: 0...255, using: &generator)
            }
            var bytes = Array("CXSEGMNT".utf8) + [1, 0, 1, 0, UInt8(Self.geneCount), 0, 0, 0]
            bytes += [UInt8(cellCount), 0, 0, 0, UInt8(nonzeros.reduce(0, +)), 0, 0, 0]
            bytes += [UInt8(payload.count), 0, 0, 0, 0, 0, 0, 0]
            bytes += [UInt8](repeating: 0, count: 16)
            bytes += (0..<cellCount).flatMap { [UInt8($0), 0, 0, 0] }
            bytes += nonzeros.flatMap { [UInt8($0), 0, 0, 0] }
            let error = Self.decode(Self.resealed(bytes + payload), guarded, &decoded)
            if case .digestMismatch = error { Issue.record("the digest should be right") }
        }
    }

    @Test func randomBytesAreNoSegment() throws {
        var generator = SeededGenerator(seed: 5)
        let guarded = try GuardedBytes(capacity: 4096)
        var decoded = DecodedSegment()
        for _ in 0..<500 {
            let bytes = (0..<Int.random(in: 0...300, using: &generator)).map { _ in
                UInt8.random(in: 0...255, using: &generator)
            }
            #expect(Self.decode(bytes, guarded, &decoded) != nil)
        }
    }

    @Test func theErrorSaysWhatIsWrong() throws {
        let segment = try Self.segment()
        let guarded = try GuardedBytes(capacity: segment.count)
        var decoded = DecodedSegment()
        func error(_ position: Int, _ value: UInt8) -> CountBlockError? {
            var damaged = segment
            damaged[position] = value
            return Self.decode(Self.resealed(damaged), guarded, &decoded)
        }
        let payload = 48 + 8 * 4
        #expect(error(0, 0) == .notASegment)
        #expect(error(8, 9) == .unsupportedVersion(9))
        #expect(error(10, 2) == .kindMismatch(expected: .integerCounts, found: .float32Values))
        #expect(error(10, 4) == .unsupportedKind(4))
        #expect(error(12, 41) == .geneCountMismatch(expected: 40, found: 41))
        #expect(
            error(16, 0) == .impossibleSize(field: .cells, value: 0, allowed: 1...1024)
        )
        #expect(
            error(20, 255) == .impossibleSize(field: .nonzeros, value: 255, allowed: 0...160)
        )
        #expect(error(20, 27) == .nonzeroCountMismatch(expected: 27, found: 26))
        #expect(error(48 + 8, 1) == .rowsNotAscending(cell: 2))
        #expect(error(payload, 7) == .damagedCell(cell: 0, .unknownForm(7)))
        #expect(error(payload, 2) == .damagedCell(cell: 0, .unknownForm(2)))
        #expect(error(payload + 2, 37) == .damagedCell(cell: 0, .geneOutOfRange))
        #expect(error(payload + 5, 0) == .damagedCell(cell: 0, .countOutOfRange(0x0100)))
        #expect(error(segment.count - 1, 1) == nil)
    }

    @Test func aHeaderFromAPeerBoundsWhatIsAllocated() throws {
        var segment = try Self.segment()
        segment.replaceSubrange(24..<32, with: [UInt8](repeating: 255, count: 8))
        let guarded = try GuardedBytes(capacity: segment.count)
        let header = guarded.withCopy(of: segment) { bytes in
            Result { () throws(CountBlockError) in
                try SegmentHeader(parsing: bytes, geneCount: Self.geneCount)
            }
        }
        #expect(throws: CountBlockError.self) { try header.get() }
    }

    @Test(arguments: [Int.min, -1, 0, 1 << 24 + 1, Int.max])
    func anImpossibleNumberOfGenesIsAnError(geneCount: Int) throws {
        let segment = try Self.segment()
        var decoded = DecodedSegment()
        #expect(throws: CountBlockError.geneCountMismatch(expected: geneCount, found: 40)) {
            try segment.withUnsafeBytes { try decoded.decode(bytes: $0, geneCount: geneCount) }
        }
    }
}
