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

    private static func golden() throws -> [UInt8] {
        let url = try #require(
            Bundle.module.url(
                forResource: "block-v1",
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
}
