import DifferentialExpression
import Digests
import Testing

@Suite("The control cache survives the way through bytes")
struct ControlCacheTests {
    private static func cache(genes: Int) -> ControlCache {
        var random = SeededGenerator(seed: 61)
        func values() -> [Double] {
            (0..<genes).map { _ in Double.random(in: -10...10, using: &random) }
        }
        var cache = ControlCache(geneCount: genes)
        cache.controlCells = 291
        cache.controlMedianOffset = -0.125
        cache[.intercept] = values()
        cache[.controlDispersion] = values()
        cache[.controlWeight] = values()
        cache[.controlMean] = values()
        cache[.dispersion] = values()
        cache[.dispersionTrend] = values()
        cache[.controlExpressing] = (0..<genes).map { Double($0 * 3) }
        return cache
    }

    @Test("what is read equals what was written", arguments: [0, 1, 2, 37])
    func roundTrip(_ genes: Int) throws {
        let cache = Self.cache(genes: genes)
        let bytes = cache.encoded()
        #expect(bytes.count == 40 + 7 * 8 * (genes + 1) + 16)
        let read = try ControlCache(bytes: bytes)
        #expect(read == cache)
        #expect(read.geneCount == genes)
        #expect(read.encoded() == bytes)
    }

    @Test("a cache without quantities, and the starts of partial sums, are read as written")
    func otherContents() throws {
        var cache = ControlCache(geneCount: 56)
        cache.controlCells = 7
        #expect(try ControlCache(bytes: cache.encoded()) == cache)
        // 1,000 cells without a label, then 5,000 with one.
        let groups = [Int32](repeating: -1, count: 1000) + [Int32](repeating: 1, count: 5000)
        cache.sumChunks = SumChunks(groupOfCell: groups)
        cache[.controlMean] = (0..<56).map { Double($0) }
        #expect(cache.sumChunks.starts == [1000, 5096])
        #expect(try ControlCache(bytes: cache.encoded()) == cache)
        #expect(SumChunks(groupOfCell: [Int32](repeating: 0, count: 9000)) == SumChunks())
    }

    @Test("values that are not numbers keep their bits")
    func notANumber() throws {
        var cache = Self.cache(genes: 3)
        cache[.intercept][1] = -.infinity
        cache[.controlDispersion][2] = .nan
        cache.controlMedianOffset = .nan
        let read = try ControlCache(bytes: cache.encoded())
        #expect(read.encoded() == cache.encoded())
        #expect(read.intercept[1] == -.infinity && read[.controlDispersion][2].isNaN)
    }

    @Test("every changed byte is noticed")
    func damage() {
        let bytes = Self.cache(genes: 5).encoded()
        for position in bytes.indices {
            for change: UInt8 in [1, 0x80, 0xff] {
                var damaged = bytes
                damaged[position] ^= change
                #expect(throws: ControlCacheError.damaged) { try ControlCache(bytes: damaged) }
            }
        }
    }

    @Test("every missing or extra byte is noticed")
    func length() {
        let bytes = Self.cache(genes: 5).encoded()
        for count in bytes.indices {
            #expect(throws: ControlCacheError.self) {
                try ControlCache(bytes: Array(bytes[..<count]))
            }
        }
        #expect(throws: ControlCacheError.self) { try ControlCache(bytes: bytes + [0]) }
    }

    @Test("bytes of another kind with a right digest are refused")
    func otherContent() throws {
        let content = Array(Self.cache(genes: 2).encoded().dropLast(16))
        func sealed(_ content: [UInt8]) -> [UInt8] {
            content + content.withUnsafeBytes { Digest128(of: $0).bytes }
        }
        #expect(try ControlCache(bytes: sealed(content)) == Self.cache(genes: 2))
        var magic = content
        magic[0] ^= 1
        var genes = content
        genes[8] = 3
        var negative = content
        for position in 8..<16 { negative[position] = 0xff }
        var cells = content
        cells[23] = 0x80
        for other in [magic, genes, negative, cells, content + [0, 0]] {
            #expect {
                try ControlCache(bytes: sealed(other))
            } throws: { error in
                guard case .malformed = error as? ControlCacheError else { return false }
                return "\(error)".hasPrefix("control cache: ")
            }
        }
    }

    @Test("share of control cells and floored genes")
    func derived() {
        var cache = Self.cache(genes: 2)
        cache[.controlExpressing] = [97, 0]
        #expect(cache.controlShare(0) == Float(97.0 / 291.0))
        #expect(cache.controlShare(1) == 0)
        cache.controlMedianOffset = 0.5
        cache[.intercept] = [-1.2, -1.1]
        // ln 0.5 is -0.693: below it lies the first gene at the median depth.
        #expect(cache.isFloored(0, minimumMean: 0.5))
        #expect(!cache.isFloored(1, minimumMean: 0.5))
        #expect(!cache.isFloored(0, minimumMean: 0))
    }
}
