import CountBlocks
import TestSupport
import Testing

@Suite struct ValueCodingTests {
    private func cell<Value: ExpressionValue>(_ values: [Value]) -> ValueTestCell<Value> {
        ValueTestCell(genes: (0..<UInt32(values.count)).map { $0 }, values: values)
    }

    @Test func fewDistinctValuesAreADictionaryAndRanks() {
        let values: [Float] = [1.5, 0.5, 1.5, 1.5, -2, 0.5, 1.5, 0.5, 1.5]
        let payload = CellEncoder(geneCount: 9).encode([cell(values)]).bytes
        #expect(
            payload == [
                1, 0xFF, 0x01, 2, 0,
                0, 0, 0, 0xC0, 0, 0, 0, 0x3F, 0, 0, 0xC0, 0x3F,
                0x12, 0x22, 0x10, 0x12, 0x02,
            ]
        )
    }

    @Test func doublesKeepAllTheirBits() {
        let values: [Double] = [0.1, 0.1, 0.1]
        let payload = CellEncoder(geneCount: 1000)
            .encode([ValueTestCell(genes: [0, 256, 300], values: values)]).bytes
        #expect(
            payload == [
                0, 0, 255, 0, 43, 0, 0,
                0x9A, 0x99, 0x99, 0x99, 0x99, 0x99, 0xB9, 0x3F, 0, 0,
            ]
        )
    }

    @Test func manyDistinctValuesAreStoredRaw() {
        let payload = CellEncoder(geneCount: 1000)
            .encode([ValueTestCell<Float>(genes: [1, 2], values: [1, -1])]).bytes
        #expect(payload == [2, 1, 0, 0, 0, 0x80, 0x3F, 0, 0, 0x80, 0xBF])
        let dense = CellEncoder(geneCount: 2)
            .encode([ValueTestCell<Double>(genes: [0, 1], values: [1, -1])]).bytes
        #expect(dense == [3, 0b11, 0, 0, 0, 0, 0, 0, 0xF0, 0x3F, 0, 0, 0, 0, 0, 0, 0xF0, 0xBF])
    }

    /// Bytes of the values of `distinct` values of which each but the last is there once.
    private func check<Value: ExpressionValue>(
        _: Value.Type,
        distinct: Int,
        count: Int
    ) throws {
        let size = MemoryLayout<Value>.size
        let values = (0..<count).map { Value(min($0, distinct - 1) + 1) / 4 }
        let cell = cell(Array(values.reversed()))
        let encoded = CellEncoder(geneCount: count).encode([cell])
        let genes = 1 + min((count + 7) / 8, count)
        let ranks = (0..<count).map { min($0, distinct - 1) + 1 }
        let largeBytes = ranks.reduce(0) { $0 + ($1 > 270 ? 5 : $1 > 15 ? 1 : 0) }
        let ranked = 2 + distinct * size + (count + 1) / 2 + largeBytes
        let isDictionary = distinct <= 1024 && ranked < count * size
        #expect(encoded.bytes.count == genes + (isDictionary ? ranked : count * size))
        #expect((encoded.bytes[0] & 2 == 0) == isDictionary, "\(distinct) of \(count)")
        let store = try valueBlocks([cell], geneCount: count)
        let decoded = try decodeValueBlock(store.bytes(0), geneCount: count, of: Value.self)
        #expect(decoded.map(\.cell) == [cell])
    }

    @Test func theSmallerFormIsChosenAndTheRawValuesWhenTheyAreEqual() throws {
        for count in [1, 2, 3, 4, 5, 7, 20, 100] {
            for distinct in 1...count {
                try check(Float.self, distinct: distinct, count: count)
                try check(Double.self, distinct: distinct, count: count)
            }
        }
        for distinct in [15, 16, 17, 269, 270, 271, 272, 273, 1022, 1023, 1024, 1025, 1026, 5000] {
            for count in [distinct, distinct + 1, 2 * distinct, 20_000, 60_000] {
                try check(Float.self, distinct: distinct, count: count)
                try check(Double.self, distinct: distinct, count: count)
            }
        }
    }

    private func roundTrip<Value: ExpressionValue>(_: Value.Type, seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let geneCount = Int.random(in: 1...1700, using: &generator)
        let cells = (0..<60).map { _ in
            ValueTestCell<Value>.random(geneCount: geneCount, using: &generator)
        }
        let store = try valueBlocks(cells, geneCount: geneCount)
        let bytes = try store.bytes(0)
        let decoded = try decodeValueBlock(bytes, geneCount: geneCount, of: Value.self)
        #expect(decoded.map(\.cell) == cells, "seed \(seed)")
        #expect(decoded.map(\.row) == Array(cells.indices))
        #expect(store.kind == Value.segmentKind)
        for slabCells in [1, 60] {
            let other = try valueBlocks(
                cells,
                geneCount: geneCount,
                slabCells: slabCells,
                memoryBytes: slabCells == 1 ? 0 : 1 << 40
            )
            #expect(try other.bytes(0) == bytes, "the bytes depend on the cells alone")
        }
        // The store decodes by its own kind.
        var segment = DecodedSegment()
        var buffer: [UInt8] = []
        try store.decodeSegment(group: 0, index: 0, into: &segment, buffer: &buffer)
        #expect(segment.kind == Value.segmentKind)
        #expect(segment.valueCells(Value.self) == cells)
    }

    @Test(arguments: 1...20)
    func randomCellsComeBackAsTheyWere(seed: UInt64) throws {
        try roundTrip(Float.self, seed: seed)
        try roundTrip(Double.self, seed: seed + 1000)
    }

    @Test func theExtremesComeBackAsTheyWere() throws {
        let floats: [Float] = [
            .leastNonzeroMagnitude, -.leastNonzeroMagnitude, .greatestFiniteMagnitude,
            -.greatestFiniteMagnitude, 1, (1 as Float).nextUp, -1,
        ]
        let doubles: [Double] = [
            .leastNonzeroMagnitude, -.leastNonzeroMagnitude, .greatestFiniteMagnitude,
            -.greatestFiniteMagnitude, 1, 1.0.nextUp, -1,
        ]
        func check<Value: ExpressionValue>(_ values: [Value]) throws {
            // Once as raw values and, repeated, as a dictionary.
            for cell in [
                cell(values), cell([[Value]](repeating: values, count: 30).flatMap { $0 }),
            ] {
                let store = try valueBlocks([cell], geneCount: 300)
                let decoded = try decodeValueBlock(store.bytes(0), geneCount: 300, of: Value.self)
                #expect(decoded.map(\.cell) == [cell])
            }
        }
        try check(floats)
        try check(doubles)
    }

    @Test func valuesThatShareTheirSlotComeBackAsTheyWere() throws {
        // Of 3,000 values at least two share one of 4,096 slots.
        for start in stride(from: 1, to: 3000, by: 500) {
            let values = (0..<6000).map { Float(start + $0 % 500) / 1024 }
            let store = try valueBlocks([cell(values)], geneCount: 6000)
            let decoded = try decodeValueBlock(store.bytes(0), geneCount: 6000, of: Float.self)
            #expect(decoded.map(\.cell) == [cell(values)])
            #expect(store.blocks[0].byteCount < 4 * 6000, "a dictionary was used")
        }
    }

    @Test func anotherKindIsRefused() throws {
        let counts = TestScreen(
            geneCount: 9,
            groupCount: 1,
            cells: [TestCell(genes: [1], counts: [2])]
        )
        let floats = try valueBlocks([cell([Float(1), 2])], geneCount: 9)
        var segment = DecodedSegment()
        func decode(_ store: BlockStore, _ kind: SegmentHeader.Kind) throws {
            try store.bytes(0).withUnsafeBytes { bytes in
                try segment.decode(bytes: bytes, geneCount: 9, kind: kind)
            }
        }
        let mismatch = CountBlockError.kindMismatch(
            expected: .float64Values,
            found: .float32Values
        )
        #expect(throws: mismatch) { try decode(floats, .float64Values) }
        #expect(mismatch.description.contains("single-precision values, need double-precision"))
        #expect(segment.cellCount == 0)
        #expect(throws: CountBlockError.self) { try decode(floats, .integerCounts) }
        #expect(throws: CountBlockError.self) { try decode(counts.blocks(), .float32Values) }
        try decode(floats, .float32Values)
        #expect(segment.cellCount == 1)
        // A worker that reads the block meets the same error.
        #expect(
            throws: CountBlockError.kindMismatch(expected: .float64Values, found: .float32Values)
        ) {
            try decodeValueBlock(floats.bytes(0), geneCount: 9, of: Double.self)
        }
        // One segment's buffers serve all kinds.
        try decode(counts.blocks(), .integerCounts)
        #expect(segment.members.map(\.cell) == counts.cells)
    }
}
