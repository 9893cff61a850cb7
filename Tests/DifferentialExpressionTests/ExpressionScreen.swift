import ComputeThreads
import CountBlocks
import DifferentialExpression
import Foundation

/// A small random screen of expression values: values of every cell, and its group.
struct ExpressionScreen {
    let geneCount: Int
    /// Group of each cell, 0 is control, -1 has no label.
    var groups: [Int32]
    /// Values by cell and gene; exact in single precision.
    var values: [[Double]]

    var groupCount: Int { Int(groups.max() ?? -1) + 1 }

    /// A screen that is given.
    init(groups: [Int32], values: [[Double]]) {
        self.groups = groups
        self.values = values
        geneCount = values[0].count
    }

    /// Draws a screen whose values are log1p of counts per depth.
    ///
    /// - Parameters:
    ///   - sizes: Cells of each group, control first; mixed at random.
    ///   - unlabelled: Cells without a label.
    ///   - geneCount: Genes; the first are rare, the last in most cells, every fifth has few
    ///     distinct values.
    ///   - negative: Whether some values lie below zero.
    ///   - seed: Decides everything.
    init(
        sizes: [Int],
        unlabelled: Int = 0,
        geneCount: Int,
        negative: Bool = false,
        seed: UInt64
    ) {
        var random = SeededGenerator(seed: seed)
        self.geneCount = geneCount
        var groups = sizes.enumerated().flatMap { [Int32](repeating: Int32($0), count: $1) }
        groups += [Int32](repeating: -1, count: unlabelled)
        groups.shuffle(using: &random)
        self.groups = groups
        values = groups.map { group in
            let depth = exp2(Double.random(in: -1...1, using: &random))
            return (0..<geneCount).map { gene in
                var share = 0.02 + 0.9 * Double(gene) / Double(geneCount)
                if (gene + Int(group)) % 4 == 0 { share *= 0.6 }
                guard Double.random(in: 0..<1, using: &random) < share else { return 0 }
                let count = Double(Int.random(in: 1...4, using: &random))
                let value = gene % 5 == 0 ? count / 2 : log1p(count / depth)
                return Double(Float(negative && count == 2 ? -value : value))
            }
        }
    }

    /// The value blocks, within a memory budget.
    func screen<Value: ExpressionValue>(
        of _: Value.Type = Float.self,
        memoryBytes: Int = 1 << 26
    ) throws -> ScreenCounts {
        let builder = BlockBuilder(
            groupCount: groupCount,
            geneCount: geneCount,
            kind: Value.segmentKind,
            memoryBytes: memoryBytes,
            scratchDirectory: FileManager.default.temporaryDirectory.path
        )
        var starts = [0]
        var genes: [UInt32] = []
        var stored: [Value] = []
        for cell in values {
            for (gene, value) in cell.enumerated() where value != 0 {
                genes.append(UInt32(gene))
                stored.append(Value(value))
            }
            starts.append(genes.count)
        }
        let encoded = starts.withUnsafeBufferPointer { starts in
            genes.withUnsafeBufferPointer { genes in
                stored.withUnsafeBufferPointer { stored in
                    CellEncoder(geneCount: geneCount)
                        .encode(firstRow: 0, starts: starts, genes: genes, values: stored)
                }
            }
        }
        try groups.withUnsafeBufferPointer { try builder.append(encoded, groups: $0) }
        return ScreenCounts(
            blocks: try builder.finish(),
            geneCount: geneCount,
            groupOfCell: groups,
            controlGroup: 0
        )
    }

    /// Values of one gene in the cells of a group, in file order.
    func values(gene: Int, group: Int) -> [Double] {
        groups.indices.filter { groups[$0] == group }.map { values[$0][gene] }
    }

    /// Options with the published defaults and no filter.
    static func options(_ method: AnalysisOptions.Method) -> AnalysisOptions {
        var options = AnalysisOptions(perturbationColumn: "p", controlLabel: "c")
        options.method = method
        options.filter.minimumShareControl = 0
        options.filter.minimumSharePerturbed = 0
        options.filter.minimumMeanControl = 0
        options.filter.minimumMeanPerturbed = 0
        return options
    }
}

extension ScreenCounts {
    /// The decoded cells of one group.
    func segments(_ group: Int) throws -> [DecodedSegment] {
        var buffer: [UInt8] = []
        return try (0..<blocks.segmentCount(group)).map { index in
            var segment = DecodedSegment()
            try blocks.decodeSegment(group: group, index: index, into: &segment, buffer: &buffer)
            return segment
        }
    }
}

/// The rows of a t-test or rank-sum test, by group.
struct ExpressionRun {
    let cache: ControlCache
    let schema: RowSchema
    let geneCount: Int
    private(set) var rows: [Int: [UInt8]] = [:]

    /// Runs the t-test.
    static func welch(
        _ screen: ScreenCounts,
        options: AnalysisOptions = ExpressionScreen.options(.tTest),
        threads: Int = 1,
        groups: [Int]? = nil
    ) throws -> ExpressionRun {
        let team = ThreadTeam(threadCount: threads)
        let cache = try WelchStage(screen: screen, team: team).run()
        let analysis = WelchAnalysis(cache: cache, options: options)
        var run = ExpressionRun(cache: cache, schema: .tTest, geneCount: screen.geneCount)
        for group in groups ?? Array(1..<screen.blocks.groupCount) {
            run.rows[group] = try analysis.row(
                perturbation: UInt32(group),
                segments: screen.segments(group)
            ).bytes
        }
        return run
    }

    /// Runs the rank-sum test with tiles of some genes each, visited some genes at a time.
    static func rankSum(
        _ screen: ScreenCounts,
        options: AnalysisOptions = ExpressionScreen.options(.wilcoxon),
        threads: Int = 1,
        tile: Int = .max,
        visit: Int = .max,
        groups: [Int]? = nil
    ) throws -> ExpressionRun {
        let team = ThreadTeam(threadCount: threads)
        let groups = groups ?? Array(1..<screen.blocks.groupCount)
        let cache = try RankSumStage(screen: screen, options: options, team: team)
            .run(tested: groups)
        let analysis = RankSumAnalysis(cache: cache, options: options)
        let control = try screen.segments(screen.controlGroup)
        let fits = try groups.map { group in
            analysis.begin(perturbation: UInt32(group), segments: try screen.segments(group))
        }
        for genes in split(0..<screen.geneCount, tile).reversed() {
            let tile = analysis.makeTile(genes: genes, segments: control)
            let parts = split(genes, visit)
            team.forEach(fits.count * parts.count) { index in
                fits[index % fits.count].visit(genes: parts[index / fits.count], of: tile)
            }
        }
        var run = ExpressionRun(cache: cache, schema: .wilcoxon, geneCount: screen.geneCount)
        for (group, fit) in zip(groups, fits) { run.rows[group] = fit.endPhase()?.bytes }
        return run
    }

    private static func split(_ genes: Range<Int>, _ size: Int) -> [Range<Int>] {
        let size = min(size, max(genes.count, 1))
        return stride(from: genes.lowerBound, to: genes.upperBound, by: size).map {
            $0..<min($0 + size, genes.upperBound)
        }
    }

    private init(cache: ControlCache, schema: RowSchema, geneCount: Int) {
        self.cache = cache
        self.schema = schema
        self.geneCount = geneCount
    }

    /// A per-pair layer of a group's row; empty when there is no such row or layer.
    func layer(_ name: String, _ group: Int) -> [Double] {
        guard let row = rows[group],
            let layer = schema.pairLayers.first(where: { $0.name == name }),
            let range = schema.byteRange(ofPairLayer: name, geneCount: geneCount)
        else { return [] }
        return row[range].withUnsafeBytes { bytes in
            (0..<geneCount).map { gene in
                switch layer.type {
                case .float32:
                    Double(bytes.loadUnaligned(fromByteOffset: 4 * gene, as: Float.self))
                case .float64: bytes.loadUnaligned(fromByteOffset: 8 * gene, as: Double.self)
                }
            }
        }
    }
}
