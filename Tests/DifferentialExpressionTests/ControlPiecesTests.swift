import DifferentialExpression
import Digests
import Testing

@Suite("The list of control pieces as bytes")
struct ControlPiecesTests {
    private static func digest(_ number: UInt64) -> Digest128 {
        Digest128(high: number &* 0x9E37_79B9_7F4A_7C15, low: ~number)
    }

    private static let pieces = ControlPieces(
        tiles: [
            .init(genes: 0..<1, nonzeroCount: 0, byteCount: 64, digest: digest(1)),
            .init(genes: 1..<40, nonzeroCount: 12_345, byteCount: 20_000, digest: digest(2)),
            .init(genes: 40..<100, nonzeroCount: 1 << 40, byteCount: 1 << 41, digest: digest(3)),
        ],
        cellRuns: [
            .init(firstCell: 0, nonzeroCount: 7, bytes: 0..<500, digest: digest(4)),
            .init(firstCell: 3, nonzeroCount: 0, bytes: 500..<600, digest: digest(5)),
        ]
    )

    /// What every list of a screen with 100 genes holds, wherever its bytes come from.
    private func expectValid(_ pieces: ControlPieces) {
        var gene = 0
        for tile in pieces.tiles {
            #expect(tile.genes.lowerBound == gene && !tile.genes.isEmpty)
            #expect(tile.nonzeroCount >= 0 && tile.byteCount >= 0)
            gene = tile.genes.upperBound
        }
        #expect(pieces.tiles.isEmpty || gene == 100)
        var (byte, cell) = (0, -1)
        for run in pieces.cellRuns {
            #expect(run.bytes.lowerBound == byte && !run.bytes.isEmpty)
            #expect(run.firstCell > cell && run.nonzeroCount >= 0)
            (byte, cell) = (run.bytes.upperBound, run.firstCell)
        }
        #expect(pieces.cellRuns.first?.firstCell ?? 0 == 0)
    }

    @Test("a round trip changes nothing")
    func roundTrip() {
        for pieces in [
            Self.pieces, .none, ControlPieces(tiles: Self.pieces.tiles, cellRuns: []),
            ControlPieces(tiles: [], cellRuns: Self.pieces.cellRuns),
        ] {
            #expect(ControlPieces(bytes: pieces.encoded(), geneCount: 100) == pieces)
        }
    }

    @Test("a list for another number of genes is refused", arguments: [0, 1, 99, 101, .max])
    func genes(count: Int) {
        #expect(ControlPieces(bytes: Self.pieces.encoded(), geneCount: count) == nil)
    }

    @Test("every shorter and every longer list is refused")
    func lengths() {
        let bytes = Self.pieces.encoded()
        for count in bytes.indices {
            #expect(ControlPieces(bytes: Array(bytes[..<count]), geneCount: 100) == nil, "\(count)")
        }
        for more in [1, 47, 48, 96] {
            let longer = bytes + [UInt8](repeating: 0, count: more)
            #expect(ControlPieces(bytes: longer, geneCount: 100) == nil)
        }
    }

    @Test("every changed byte gives nothing or another valid list, never a trap")
    func changedBytes() {
        let bytes = Self.pieces.encoded()
        var refused = 0
        for index in bytes.indices {
            for change in [0x01, 0x80, 0xFF, bytes[index]] as [UInt8] where change != 0 {
                var changed = bytes
                changed[index] ^= change
                guard let pieces = ControlPieces(bytes: changed, geneCount: 100) else {
                    refused += 1
                    continue
                }
                expectValid(pieces)
                #expect(pieces != Self.pieces)
                #expect(pieces.encoded() == changed, "nothing of the bytes is lost")
            }
        }
        #expect(refused > bytes.count)
    }

    @Test(
        "counts that promise more than there is are refused",
        arguments: [1 << 20, .max, 1 << 63] as [UInt64]
    )
    func counts(number: UInt64) {
        for place in [0, 8] {
            var bytes = Self.pieces.encoded()
            withUnsafeBytes(of: number.littleEndian) {
                bytes.replaceSubrange(place..<place + 8, with: $0)
            }
            #expect(ControlPieces(bytes: bytes, geneCount: 100) == nil)
        }
    }

    @Test("random bytes are refused", arguments: 0..<50 as Range<UInt64>)
    func randomBytes(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let bytes = (0..<16 + 48 * Int(seed % 4)).map { _ in
            UInt8.random(in: 0...255, using: &random)
        }
        #expect(ControlPieces(bytes: bytes, geneCount: 100) == nil)
    }
}
