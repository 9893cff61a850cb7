import ComputeThreads
import CountBlocks
import DifferentialExpression
import Foundation

/// A small random screen: counts of every cell, and the group each belongs to.
struct SampleScreen {
    let geneCount: Int
    /// Group of each cell, 0 is control, -1 has no label.
    var groups: [Int32]
    /// Counts by cell and gene.
    var counts: [[UInt32]]

    var groupCount: Int { Int(groups.max() ?? -1) + 1 }

    /// Draws a screen.
    ///
    /// - Parameters:
    ///   - sizes: Cells of each group, control first; mixed at random.
    ///   - unlabelled: Cells without a label.
    ///   - geneCount: Genes; the first are rare, the last are in every cell.
    ///   - seed: Decides everything.
    init(sizes: [Int], unlabelled: Int = 0, geneCount: Int, seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        self.geneCount = geneCount
        var groups = sizes.enumerated().flatMap { group, cells in
            [Int32](repeating: Int32(group), count: cells)
        }
        groups += [Int32](repeating: -1, count: unlabelled)
        groups.shuffle(using: &random)
        self.groups = groups
        counts = groups.map { group in
            let depth = exp2(Double.random(in: -1...1, using: &random))
            return (0..<geneCount).map { gene in
                // Means from 0.02 to 30; some genes differ in some groups.
                var mean = 0.02 * pow(1500, Double(gene) / Double(max(geneCount - 1, 1))) * depth
                if (gene + Int(group)) % 7 == 0 { mean *= 2.5 }
                return Self.poisson(mean * Double.random(in: 0.4...1.6, using: &random), &random)
            }
        }
    }

    private static func poisson(_ mean: Double, _ random: inout SeededGenerator) -> UInt32 {
        let limit = exp(-mean)
        var (count, product) = (UInt32(0), Double.random(in: 0..<1, using: &random))
        while product > limit {
            product *= Double.random(in: 0..<1, using: &random)
            count += 1
        }
        return count
    }

    /// The count blocks, within a memory budget.
    func screen(memoryBytes: Int = 1 << 26) throws -> ScreenCounts {
        let builder = BlockBuilder(
            groupCount: groupCount,
            geneCount: geneCount,
            memoryBytes: memoryBytes,
            scratchDirectory: FileManager.default.temporaryDirectory.path
        )
        var starts = [0]
        var genes: [UInt32] = []
        var values: [UInt32] = []
        for cell in counts {
            for (gene, count) in cell.enumerated() where count > 0 {
                genes.append(UInt32(gene))
                values.append(count)
            }
            starts.append(genes.count)
        }
        let encoder = CellEncoder(geneCount: geneCount)
        let encoded = starts.withUnsafeBufferPointer { starts in
            genes.withUnsafeBufferPointer { genes in
                values.withUnsafeBufferPointer { values in
                    encoder.encode(firstRow: 0, starts: starts, genes: genes, counts: values)
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

    /// Options with the published defaults.
    static var options: AnalysisOptions {
        AnalysisOptions(perturbationColumn: "perturbation", controlLabel: "control")
    }
}

/// A whole analysis: what is frozen, and one row for each perturbation.
struct SampleRun {
    let cache: ControlCache
    let sizeFactors: [Double]
    /// Rows by group; the control has none.
    private(set) var rows: [Int: PerturbationRow] = [:]
    let geneCount: Int

    init(
        _ screen: ScreenCounts,
        options: AnalysisOptions = SampleScreen.options,
        threads: Int = 1,
        memoryBytes: Int = 1 << 26,
        userSizeFactors: [Double]? = nil,
        groups: [Int]? = nil
    ) throws {
        let stage = GlobalStage(
            screen: screen,
            options: options,
            team: ThreadTeam(threadCount: threads),
            memoryBytes: memoryBytes
        )
        let result = try stage.run(userSizeFactors: userSizeFactors)
        cache = result.cache
        sizeFactors = result.sizeFactors
        geneCount = screen.geneCount
        let analysis = FrozenAnalysis(cache: cache, options: options)
        for group in groups ?? Array(1..<screen.blocks.groupCount) {
            rows[group] = try Self.fit(group, screen, analysis, sizeFactors)
        }
    }

    private static func fit(
        _ group: Int,
        _ screen: ScreenCounts,
        _ analysis: FrozenAnalysis,
        _ sizeFactors: [Double]
    ) throws -> PerturbationRow {
        var segments: [DecodedSegment] = []
        var buffer: [UInt8] = []
        for index in 0..<screen.blocks.segmentCount(group) {
            var segment = DecodedSegment()
            try screen.blocks.decodeSegment(
                group: group,
                index: index,
                into: &segment,
                buffer: &buffer
            )
            segments.append(segment)
        }
        let factors = segments.flatMap { segment in
            segment.withCells { cells in cells.rows.map { sizeFactors[Int($0)] } }
        }
        return analysis.fit(
            perturbation: UInt32(group),
            segments: segments,
            sizeFactors: factors
        )
    }

    /// A per-pair layer of a group's row; empty when there is no such row or layer.
    func layer(_ name: String, _ group: Int) -> [Double] {
        let schema = RowSchema.nbGLM
        guard let row = rows[group],
            let layer = schema.pairLayers.first(where: { $0.name == name }),
            let range = schema.byteRange(ofPairLayer: name, geneCount: geneCount)
        else { return [] }
        return row.bytes[range].withUnsafeBytes { bytes in
            (0..<geneCount).map { gene in
                switch layer.type {
                case .float32:
                    Double(bytes.loadUnaligned(fromByteOffset: 4 * gene, as: Float.self))
                case .float64: bytes.loadUnaligned(fromByteOffset: 8 * gene, as: Double.self)
                }
            }
        }
    }

    /// Whether everything has the same bits.
    func isIdentical(to other: SampleRun) -> Bool {
        cache.encoded() == other.cache.encoded()
            && sizeFactors.map(\.bitPattern) == other.sizeFactors.map(\.bitPattern)
            && rows.mapValues(\.bytes) == other.rows.mapValues(\.bytes)
    }
}
