import CountBlocks
import Digests
import Foundation
import Testing

/// The bytes of a block that another program wrote from the description of the format.
@Suite struct GoldenBlockTests {
    /// The cells of Fixtures/make_block.py.
    private static func cells() -> [TestCell] {
        var state: UInt64 = 1
        func draw(_ limit: UInt64) -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return (state >> 33) % limit
        }
        return (0..<1040).map { i in
            let share: UInt64 = i % 97 == 0 ? 100 : i % 31 == 0 ? 40 : i % 11 == 0 ? 0 : 3
            var cell = TestCell()
            for gene in 0..<UInt32(300) where draw(100) < share {
                let kind = draw(20)
                let limit: UInt64 =
                    kind == 0 ? 4_294_967_295 : kind == 1 ? 300 : kind < 6 ? 17 : 3
                cell.genes.append(gene)
                cell.counts.append(UInt32(1 + draw(limit)))
            }
            return cell
        }
    }

    private static func golden(_ name: String = "block-v1") throws -> [UInt8] {
        let url = try #require(
            Bundle.module.url(
                forResource: name,
                withExtension: "bin",
                subdirectory: "Fixtures"
            )
        )
        return [UInt8](try Data(contentsOf: url))
    }

    @Test func theBytesAreThoseOfTheDescription() throws {
        let builder = BlockBuilder(
            groupCount: 1,
            geneCount: 300,
            memoryBytes: 1 << 30,
            scratchDirectory: "/"
        )
        let encoder = CellEncoder(geneCount: 300)
        for (i, cell) in Self.cells().enumerated() {
            try builder.append(encoder.encode([cell], firstRow: 2 * i + 5), groups: [0])
        }
        let store = try builder.finish()
        #expect(try store.bytes(0) == Self.golden())
        #expect(store.blocks[0].segmentCount == 2)
        #expect(store.blocks[0].cellCount == 1040)
        #expect(store.blocks[0].digest.description == "40cbf383f47e794e3b8a6afede5c957c")
    }

    @Test func theCellsAreThoseOfTheDescription() throws {
        let decoded = try decodeBlock(Self.golden(), geneCount: 300)
        #expect(decoded.map(\.cell) == Self.cells())
        #expect(decoded.map(\.row) == (0..<1040).map { 2 * $0 + 5 })
    }

    /// The cells of values of Fixtures/make_block.py.
    private static func valueCells<Value: ExpressionValue>(
        _: Value.Type
    ) -> [ValueTestCell<Value>] {
        var state: UInt64 = 7
        func draw(_ limit: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int((state >> 33) % UInt64(limit))
        }
        return (0..<120).map { i in
            let share = i % 29 == 0 ? 100 : i % 7 == 0 ? 30 : i % 11 == 0 ? 0 : 4
            let few = i % 29 == 0 ? 600 : i % 3 != 0 ? 5 : 24
            var cell = ValueTestCell<Value>()
            for gene in 0..<UInt32(300) where draw(100) < share {
                cell.genes.append(gene)
                if i % 5 == 4 {
                    cell.values.append(Value(1 + draw(16_777_215)) / 1_048_576)
                } else {
                    let eighths = draw(2 * few) - few
                    cell.values.append(Value(eighths < 0 ? eighths : eighths + 1) / 8)
                }
            }
            return cell
        }
    }

    private static func checkValues<Value: ExpressionValue>(
        _: Value.Type,
        _ name: String,
        digest: String
    ) throws {
        let builder = BlockBuilder(
            groupCount: 1,
            geneCount: 300,
            kind: Value.segmentKind,
            memoryBytes: 1 << 30,
            scratchDirectory: "/"
        )
        let encoder = CellEncoder(geneCount: 300)
        let cells = valueCells(Value.self)
        for (i, cell) in cells.enumerated() {
            try builder.append(encoder.encode([cell], firstRow: 3 * i + 1), groups: [0])
        }
        let store = try builder.finish()
        #expect(try store.bytes(0) == golden(name))
        #expect(store.blocks[0].digest.description == digest)
        let decoded = try decodeValueBlock(golden(name), geneCount: 300, of: Value.self)
        #expect(decoded.map(\.cell) == cells)
        #expect(decoded.map(\.row) == cells.indices.map { 3 * $0 + 1 })
    }

    @Test func blocksOfValuesAreThoseOfTheDescription() throws {
        try Self.checkValues(
            Float.self,
            "block-v1-float32",
            digest: "75912fd93c9c18e85bcf349c455af906"
        )
        try Self.checkValues(
            Double.self,
            "block-v1-float64",
            digest: "fde7f2982a3956adc112c4d6079a80f3"
        )
    }
}
