import ComputeThreads
import CountBlocks
import DifferentialExpression
import Statistics
import Testing

@Suite("Shrinkage of an earlier result")
struct ShrinkageTests {
    private let screen: ScreenCounts
    private let sizeFactors: [Double]
    private let genes = 40

    init() throws {
        let sample = SampleScreen(sizes: [260, 70, 9], unlabelled: 6, geneCount: 40, seed: 5)
        screen = try sample.screen()
        sizeFactors = sample.counts.map { cell in
            max(cell.reduce(0.0) { $0 + Double($1) } / 100, 0.02)
        }
    }

    private func segments(_ group: Int) throws -> [DecodedSegment] {
        var buffer: [UInt8] = []
        return try (0..<screen.blocks.segmentCount(group)).map { index in
            var segment = DecodedSegment()
            try screen.blocks.decodeSegment(
                group: group,
                index: index,
                into: &segment,
                buffer: &buffer
            )
            return segment
        }
    }

    private func input(_ group: Int) -> ShrinkageInput {
        ShrinkageInput(
            intercept: (0..<genes).map { -3 + 0.15 * Double($0) },
            effect: (0..<genes).map { $0 == 3 ? .nan : 0.4 * Double($0 % 7 - 3) },
            standardError: (0..<genes).map { $0 == 4 ? .nan : 0.1 + 0.01 * Double($0 + group) },
            dispersion: (0..<genes).map { $0 == 5 ? .nan : 0.05 + 0.02 * Double($0) }
        )
    }

    private func analysis(_ options: AnalysisOptions) -> ShrinkageAnalysis {
        ShrinkageAnalysis(
            cache: ControlCache(geneCount: genes),
            options: options,
            sizeFactors: sizeFactors
        )
    }

    private func options(floor: Double = 0, scale: Double? = 0.3) -> AnalysisOptions {
        var options = SampleScreen.options
        options.method = .shrinkage
        options.minimumMean = floor
        options.priorScale = scale
        return options
    }

    private func row(
        _ options: AnalysisOptions,
        group: Int = 1,
        parts: [Range<Int>],
        threads: Int = 1
    ) throws -> [UInt8] {
        let analysis = analysis(options)
        let control = try segments(0)
        let fit = try analysis.begin(
            perturbation: 7,
            segments: try segments(group),
            inputs: input(group).encoded()
        )
        #expect(fit.need == .geneTiles)
        for part in parts {
            let tile = analysis.makeTile(genes: part, segments: control)
            ThreadTeam(threadCount: threads).forEach(part.count) { index in
                fit.visit(genes: part.lowerBound + index..<part.lowerBound + index + 1, of: tile)
            }
        }
        let row = try #require(fit.endPhase())
        #expect(row.perturbation == 7)
        return row.bytes
    }

    private func values(_ bytes: [UInt8], _ name: String) throws -> [Double] {
        let range = try #require(
            RowSchema.shrinkage.byteRange(ofPairLayer: name, geneCount: genes)
        )
        return bytes[range].withUnsafeBytes { bytes in
            (0..<genes).map { bytes.loadUnaligned(fromByteOffset: 8 * $0, as: Double.self) }
        }
    }

    @Test("the same bits for any tiles and threads", arguments: [0, 0.5])
    func sameBits(floor: Double) throws {
        for group in [1, 2] {
            let options = options(floor: floor)
            let whole = try row(options, group: group, parts: [0..<40])
            let cut = try row(options, group: group, parts: [13..<14, 14..<40, 0..<13], threads: 3)
            #expect(whole == cut)
        }
    }

    @Test("units, and genes without a fit")
    func layers() throws {
        let log2 = try row(options(), parts: [0..<40])
        var natural = options()
        natural.foldChangeBase = .ln
        let ln = try row(natural, parts: [0..<40])
        let (effects, errors) = (try values(ln, "X"), try values(ln, "standard_error"))
        #expect(effects[3].isNaN && errors[3] == input(1).standardError[3])
        #expect(effects[5] == input(1).effect[5] && errors[5] == input(1).standardError[5])
        #expect(errors[4].isFinite)
        #expect(
            try values(log2, "logfoldchanges").elementsEqual(values(log2, "X")) { same($0, $1) }
        )
        for (a, b) in zip(try values(log2, "X"), effects) {
            #expect(same(a, b / RealFunctions.log(2)))
        }
        // A narrower prior draws every effect nearer to 0.
        let narrow = try values(row(options(scale: 0.01), parts: [0..<40]), "X")
        let wide = try values(row(options(scale: 1), parts: [0..<40]), "X")
        let sums = [narrow, wide].map { $0.reduce(0) { $0 + ($1.isNaN ? 0 : $1.magnitude) } }
        #expect(sums[0] < 0.7 * sums[1])
    }

    private func same(_ a: Double, _ b: Double) -> Bool { a == b || (a.isNaN && b.isNaN) }

    @Test("without a given scale each row has its own")
    func ownScale() throws {
        let scale = PriorScale.estimate(
            effects: input(2).effect,
            errors: input(2).standardError
        )
        #expect(scale > 0.01 && scale < 1)
        let own = try row(options(scale: nil), group: 2, parts: [0..<40])
        #expect(own == (try row(options(scale: scale), group: 2, parts: [0..<40])))
        #expect(own != (try row(options(scale: 0.9 * scale), group: 2, parts: [0..<40])))
    }

    @Test("a perturbation without cells keeps its row")
    func noCells() throws {
        let analysis = analysis(options())
        let fit = try analysis.begin(
            perturbation: 0,
            segments: [],
            inputs: input(1).encoded()
        )
        let tile = analysis.makeTile(genes: 0..<40, segments: try segments(0))
        fit.visit(genes: 0..<40, of: tile)
        let bytes = try #require(fit.endPhase()).bytes
        let unit = RealFunctions.log(2)
        for (found, effect) in zip(try values(bytes, "X"), input(1).effect) {
            #expect(same(found, effect / unit))
        }
        for (found, error) in zip(try values(bytes, "standard_error"), input(1).standardError) {
            #expect(same(found, error / unit))
        }
    }

    @Test("inputs survive their encoding; other lengths are refused, any numbers taken")
    func inputs() throws {
        let bytes = input(1).encoded()
        let decoded = try ShrinkageInput(bytes: bytes, geneCount: genes)
        #expect(decoded.encoded() == bytes)
        #expect(decoded.intercept == input(1).intercept)
        #expect(decoded.dispersion[6] == input(1).dispersion[6])
        for length in [0, 1, bytes.count - 1, bytes.count - 8] {
            #expect(throws: FitInputError.wrongLength(found: length, expected: 1280)) {
                _ = try analysis(options()).begin(
                    perturbation: 0,
                    segments: [],
                    inputs: Array(bytes[..<length])
                )
            }
        }
        #expect(throws: FitInputError.self) {
            _ = try ShrinkageInput(bytes: bytes + [0], geneCount: genes)
        }
        var random = SeededGenerator(seed: 3)
        let floored = analysis(options(floor: 0.1))
        let tile = floored.makeTile(genes: 0..<40, segments: try segments(0))
        for _ in 0..<30 {
            let noise = bytes.indices.map { _ in UInt8.random(in: 0...255, using: &random) }
            let fit = try floored.begin(
                perturbation: 0,
                segments: try segments(1),
                inputs: noise
            )
            fit.visit(genes: 0..<40, of: tile)
            #expect(fit.endPhase()?.bytes.count == 3 * 8 * 40)
        }
    }

    @Test("an analysis without inputs refuses them")
    func unwanted() throws {
        let cached = CachedAnalysis(
            cache: ControlCache(geneCount: 0),
            options: SampleScreen.options,
            sizeFactors: []
        )
        #expect(throws: FitInputError.wrongLength(found: 2, expected: 0)) {
            _ = try cached.begin(perturbation: 0, segments: [], inputs: [1, 2])
        }
    }

    @Test("shrinking the raw effects again changes nothing, shrinking shrunken ones does")
    func idempotence() {
        let input = input(1)
        let once = ShrunkenRow(
            effect: input.effect,
            standardError: input.standardError,
            priorScale: nil
        )
        let again = ShrunkenRow(
            effect: input.effect,
            standardError: input.standardError,
            priorScale: input.priorScale
        )
        let bytes = [once, again].map { $0.row(perturbation: 1, base: .log2).bytes }
        #expect(bytes[0] == bytes[1])
        let twice = ShrunkenRow(
            effect: once.effect,
            standardError: once.standardError,
            priorScale: nil
        )
        #expect(twice.row(perturbation: 1, base: .log2).bytes != bytes[0])
    }
}
