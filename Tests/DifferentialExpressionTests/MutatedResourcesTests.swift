import DifferentialExpression
import Digests
import Statistics
import TestSupport
import Testing

/// Damaged resources with digests that are right: what is read can be used, the rest is refused.
@Suite("Damaged resources")
struct MutatedResourcesTests {
    /// The bytes with the digest that their content has.
    private func resealed(_ bytes: [UInt8]) -> [UInt8] {
        guard bytes.count >= Digest128.byteCount else { return bytes }
        let content = Array(bytes.dropLast(Digest128.byteCount))
        return content + content.withUnsafeBytes { Digest128(of: $0) }.bytes
    }

    private static func cache(genes: Int, cells: [Int32]) -> ControlCache {
        var cache = ControlCache(geneCount: genes)
        cache.controlCells = 291
        cache[.intercept] = (0..<genes).map { Double($0) - 3 }
        cache[.dispersion] = (0..<genes).map { Double($0) / 7 }
        cache.sumChunks = SumChunks(groupOfCell: cells)
        return cache
    }

    @Test("a control cache")
    func controlCache() {
        let groups = [Int32](repeating: -1, count: 1000) + [Int32](repeating: 1, count: 5000)
        let samples = [
            Self.cache(genes: 0, cells: []), Self.cache(genes: 5, cells: groups),
            Self.cache(genes: 40, cells: []),
        ].map { $0.encoded() }
        var mutator = Mutator(seed: FuzzInputs.seed)
        var read = 0
        for _ in 0..<FuzzInputs.count() {
            let bytes = resealed(mutator.next(from: samples))
            guard let cache = try? ControlCache(bytes: bytes) else { continue }
            read += 1
            #expect(cache.encoded() == bytes)
        }
        #expect(read > 0 && read < FuzzInputs.count())
    }

    @Test("a table of covariates")
    func covariates() {
        let samples = [
            CovariateTable(cellCount: 9),
            CovariateTable(
                cellCount: 3,
                covariates: [
                    .init(name: "age", values: .numeric([1.5, -0.0, .infinity])),
                    .init(
                        name: "batch",
                        values: .levels(
                            .init(codes: [0, -1, 2], names: ["a", "β", ""], keepsUnused: true)
                        )
                    ),
                ]
            ),
        ].map { $0.encoded() }
        var mutator = Mutator(seed: FuzzInputs.seed &+ 1)
        var read = 0
        for _ in 0..<FuzzInputs.count() {
            let bytes = resealed(mutator.next(from: samples))
            guard let table = try? CovariateTable(bytes: bytes) else { continue }
            read += 1
            #expect(table.encoded() == bytes)
        }
        #expect(read > 0 && read < FuzzInputs.count())
    }

    @Test("the list of the control's pieces")
    func pieces() {
        let tiles = (0..<4).map {
            ControlPieces.Tile(
                genes: 25 * $0..<25 * $0 + 25,
                nonzeroCount: 100,
                byteCount: 2000 + $0,
                digest: Digest128(high: 3, low: UInt64($0))
            )
        }
        let runs = (0..<3).map {
            ControlPieces.CellRun(
                firstCell: 100 * $0,
                nonzeroCount: 7,
                bytes: 50 * $0..<50 * $0 + 50,
                digest: Digest128(high: 9, low: UInt64($0))
            )
        }
        let samples = [
            ControlPieces(tiles: tiles, cellRuns: runs).encoded(),
            ControlPieces(tiles: [], cellRuns: runs).encoded(), ControlPieces.none.encoded(),
        ]
        var mutator = Mutator(seed: FuzzInputs.seed &+ 2)
        var read = 0
        for _ in 0..<FuzzInputs.count() {
            let bytes = mutator.next(from: samples)
            guard let pieces = ControlPieces(bytes: bytes, geneCount: 100) else { continue }
            read += 1
            #expect(pieces.encoded() == bytes)
        }
        #expect(read > 0 && read < FuzzInputs.count())
    }
}
