import AnnData
import ComputeThreads
import CountBlocks
import DifferentialExpression
import Foundation

/// What this project computes for one golden case: from the file to the rows, in one process.
struct ScreenRun {
    let genes: [String]
    let cache: ControlCache
    let sizeFactors: [Double]
    let dispersions: ScreenDispersions
    let rows: [PerturbationRow]

    /// Runs a case the way coordinator and worker do it together.
    init(_ golden: GoldenFile, _ testCase: GoldenFile.Case) throws {
        let file = try ScreenFile.open(
            golden.folder.appendingPathComponent(testCase.input).path
        )
        let options = try golden.options(of: testCase)
        let labels = try file.labels(column: options.perturbationColumn)
        genes = try file.geneNames(column: nil)
        func group(_ label: String) throws -> Int {
            guard let group = labels.names.firstIndex(of: label) else {
                throw GoldenError.unknownLabel(label)
            }
            return group
        }
        let control = try group(options.controlLabel)
        let blocks = try Self.blocks(of: file, labels, geneCount: genes.count)
        let screen = ScreenCounts(
            blocks: blocks,
            geneCount: genes.count,
            groupOfCell: labels.codes,
            controlGroup: control
        )
        let stage = GlobalStage(
            screen: screen,
            options: options,
            team: ThreadTeam(threadCount: 2),
            memoryBytes: 1 << 24
        )
        let result = try stage.run(userSizeFactors: Self.userSizeFactors(golden, testCase))
        // A worker has only what survives the way through bytes.
        cache = try ControlCache(bytes: result.cache.encoded())
        sizeFactors = result.sizeFactors
        dispersions = try stage.dispersions(sizeFactors: sizeFactors)
        let analysis = FrozenAnalysis(cache: cache, options: options)
        let tested =
            try Self.requested(testCase)
            ?? labels.names.filter {
                $0 != options.controlLabel
            }
        rows = try tested.enumerated().map { index, label in
            try Self.fit(UInt32(index), group(label), blocks, analysis, result.sizeFactors)
        }
    }

    /// A per-pair layer of one row.
    func layer(_ name: String, ofRow row: Int) throws -> [Double] {
        let schema = RowSchema.nbGLM
        guard let layer = schema.pairLayers.first(where: { $0.name == name }),
            let range = schema.byteRange(ofPairLayer: name, geneCount: genes.count)
        else { throw GoldenError.missing(name) }
        return rows[row].bytes[range].withUnsafeBytes { bytes in
            (0..<genes.count).map { gene in
                switch layer.type {
                case .float32:
                    Double(bytes.loadUnaligned(fromByteOffset: 4 * gene, as: Float.self))
                case .float64: bytes.loadUnaligned(fromByteOffset: 8 * gene, as: Double.self)
                }
            }
        }
    }

    /// A layer that holds one value per gene, the same in every row.
    func geneLayer(_ name: String) throws -> [Double] {
        switch name {
        case "dispersion", "dispersion_raw": cache[.dispersion]
        case "dispersion_trend": cache[.dispersionTrend]
        case "pts_rest": (0..<cache.geneCount).map { Double(cache.controlShare($0)) }
        default: throw GoldenError.missing(name)
        }
    }

    private static func requested(_ testCase: GoldenFile.Case) throws -> [String]? {
        guard let value = testCase.options["perturbations"] else { return nil }
        guard case .texts(let names) = value else {
            throw GoldenError.unusableOption("perturbations", value)
        }
        return names
    }

    private static func userSizeFactors(
        _ golden: GoldenFile,
        _ testCase: GoldenFile.Case
    ) throws -> [Double]? {
        guard let value = testCase.options["size-factors"] else { return nil }
        guard case .text(let path) = value else {
            throw GoldenError.unusableOption("size-factors", value)
        }
        return try golden.array(path, of: testCase).values
    }

    private static func blocks(
        of file: ScreenFile,
        _ labels: CellLabels,
        geneCount: Int
    ) throws -> BlockStore {
        let scratch = FileManager.default.temporaryDirectory.path
        let builder = BlockBuilder(
            groupCount: labels.names.count,
            geneCount: geneCount,
            memoryBytes: 1 << 26,
            scratchDirectory: scratch
        )
        _ = try file.streamCounts(
            .x,
            resources: StreamResources(
                threads: 2,
                memoryBytes: 1 << 24,
                scratchDirectory: scratch
            ),
            transform: { rows in
                CellEncoder(geneCount: geneCount).encode(
                    firstRow: UInt32(rows.firstCell),
                    starts: rows.rowStarts,
                    genes: rows.genes,
                    counts: rows.counts
                )
            },
            consume: { cells in
                let first = Int(cells.firstRow)
                try labels.codes.withUnsafeBufferPointer { codes in
                    try builder.append(
                        cells,
                        groups: UnsafeBufferPointer(
                            rebasing: codes[first..<first + cells.cellCount]
                        )
                    )
                }
            }
        )
        return try builder.finish()
    }

    /// Fits one perturbation from the bytes of its block.
    private static func fit(
        _ perturbation: UInt32,
        _ group: Int,
        _ blocks: BlockStore,
        _ analysis: FrozenAnalysis,
        _ sizeFactors: [Double]
    ) throws -> PerturbationRow {
        let summary = blocks.blocks[group]
        var bytes: [UInt8] = []
        try blocks.read(group: group, offset: 0, length: summary.byteCount, into: &bytes)
        var segments: [DecodedSegment] = []
        try bytes.withUnsafeBytes { bytes in
            var iterator = BlockSegments(
                bytes: bytes,
                geneCount: blocks.geneCount,
                digest: summary.digest
            )
            var segment = DecodedSegment()
            while try iterator.next(into: &segment) { segments.append(segment) }
        }
        let factors = segments.flatMap { segment in
            segment.withCells { cells in cells.rows.map { sizeFactors[Int($0)] } }
        }
        return analysis.fit(
            perturbation: perturbation,
            segments: segments,
            sizeFactors: factors
        )
    }
}
