import CountBlocks
import DifferentialExpression
import Testing

@Suite("A result has the same bits however it is computed")
struct SameBitsTests {
    /// Control and one perturbation have several segments.
    private static let sample = SampleScreen(
        sizes: [2300, 1100, 170, 40, 7, 1],
        geneCount: 45,
        seed: 1
    )

    private func reference() throws -> SampleRun { try SampleRun(Self.sample.screen()) }

    @Test("with any number of threads", arguments: [2, 3, 5])
    func threads(_ count: Int) throws {
        let screen = try Self.sample.screen()
        #expect(screen.blocks.segmentCount(0) > 1)
        let run = try SampleRun(screen, threads: count)
        #expect(try run.isIdentical(to: reference()))
    }

    @Test("with control tiles of any size", arguments: [1, 1000, 20_000, 60_000])
    func tiles(_ memoryBytes: Int) throws {
        let screen = try Self.sample.screen()
        let run = try SampleRun(screen, threads: 2, memoryBytes: memoryBytes)
        #expect(try run.isIdentical(to: reference()))
    }

    @Test(
        "with control tiles that never converge, or stop at other iterations",
        arguments: [(0, 1e-6), (1, 1e-6), (3, 1e-6), (25, 1e-2), (25, 1e-12), (25, 0)]
    )
    func tilesAndStops(_ maximumIterations: Int, _ tolerance: Double) throws {
        for minimumMean in [0.0, 0.5] {
            var options = SampleScreen.options
            options.maximumIterations = maximumIterations
            options.tolerance = tolerance
            options.minimumMean = minimumMean
            let screen = try Self.sample.screen()
            let whole = try SampleRun(screen, options: options)
            let tiled = try SampleRun(screen, options: options, threads: 2, memoryBytes: 1)
            #expect(tiled.isIdentical(to: whole))
        }
    }

    @Test("with blocks in memory or spilled", arguments: [0, 4000, 40_000])
    func spilled(_ memoryBytes: Int) throws {
        let screen = try Self.sample.screen(memoryBytes: memoryBytes)
        #expect(screen.blocks.bytesSpilled > 0)
        #expect(try SampleRun(screen, threads: 2).isIdentical(to: reference()))
    }

    @Test("for some perturbations as for all")
    func subset() throws {
        let all = try reference()
        let some = try SampleRun(Self.sample.screen(), groups: [4, 2])
        #expect(some.rows.count == 2)
        for (group, row) in some.rows { #expect(row.bytes == all.rows[group]?.bytes) }
        #expect(some.cache == all.cache)
    }

    @Test("when cells without a label are taken out of the file")
    func unlabelled() throws {
        var sample = SampleScreen(
            sizes: [130, 40, 20],
            unlabelled: 35,
            geneCount: 40,
            seed: 2
        )
        let with = try SampleRun(sample.screen())
        #expect(zip(with.sizeFactors, sample.groups).allSatisfy { $0.isNaN == ($1 < 0) })
        let labelled = sample.groups.indices.filter { sample.groups[$0] >= 0 }
        sample.counts = labelled.map { sample.counts[$0] }
        sample.groups = labelled.map { sample.groups[$0] }
        let without = try SampleRun(sample.screen())
        #expect(with.cache.encoded() == without.cache.encoded())
        #expect(with.rows.mapValues(\.bytes) == without.rows.mapValues(\.bytes))
        #expect(with.sizeFactors.filter { !$0.isNaN } == without.sizeFactors)
    }

    @Test("user size factors of cells without a label have no influence")
    func unlabelledUserFactors() throws {
        let sample = SampleScreen(sizes: [60, 20], unlabelled: 10, geneCount: 20, seed: 3)
        let screen = try sample.screen()
        var factors = sample.groups.indices.map { 0.5 + Double($0 % 9) / 8 }
        factors[7] = .nan
        let one = try SampleRun(screen, userSizeFactors: factors)
        for cell in factors.indices where sample.groups[cell] < 0 { factors[cell] = 1e6 }
        #expect(try SampleRun(screen, userSizeFactors: factors).isIdentical(to: one))
        factors[3] *= 2
        #expect(try !SampleRun(screen, userSizeFactors: factors).isIdentical(to: one))
    }

    @Test("the whole result is the recorded one")
    func digest() throws {
        let run = try reference()
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for bytes in [run.cache.encoded()]
            + run.rows.sorted(by: { $0.key < $1.key }).map(\.value.bytes)
        {
            for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        }
        #expect(hash == 15_355_908_406_437_897_827)
    }
}
