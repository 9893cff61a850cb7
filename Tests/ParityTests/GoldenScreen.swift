import AnnData
import CountBlocks
import DifferentialExpression
import Foundation
import HDF5

/// The input of one golden case: file, labels, options and what is tested.
struct GoldenScreen {
    let golden: GoldenFile
    let testCase: GoldenFile.Case
    let options: AnalysisOptions
    let file: ScreenFile
    let labels: CellLabels

    /// Opens the input of a case.
    init(_ fileName: String, _ caseName: String) throws {
        try self.init(GoldenFile(fileName), caseName)
    }

    /// Opens the input of a case.
    init(_ golden: GoldenFile, _ caseName: String) throws {
        self.golden = golden
        testCase = try golden.testCase(caseName)
        options = try golden.options(of: testCase)
        file = try ScreenFile.open(golden.folder.appendingPathComponent(testCase.input).path)
        labels = try file.labels(column: options.perturbationColumn)
    }

    /// The reference's names of the columns.
    var expectedGenes: [String] { testCase.genes ?? golden.manifest.genes }

    /// Names of the columns as the file and the case's options have them.
    func geneNames() throws -> [String] {
        guard case .text(let column)? = testCase.options["gene-name-column"] else {
            return try file.geneNames(column: nil)
        }
        return try file.geneNames(column: column)
    }

    /// The group of a label.
    func group(_ label: String) throws -> Int {
        guard let group = labels.names.firstIndex(of: label) else {
            throw GoldenError.unknownLabel(label)
        }
        return group
    }

    /// The labels of the rows, in order.
    func tested() throws -> [String] {
        switch testCase.options["perturbations"] {
        case nil: return labels.names.filter { $0 != options.controlLabel }
        case .texts(let names): return names
        case .some(let other): throw GoldenError.unusableOption("perturbations", other)
        }
    }

    /// Size factors that the case gives by a file or a column of `obs`; nil when it does not.
    func givenSizeFactors() throws -> [Double]? {
        if case .text(let column)? = testCase.options["size-factor-column"] {
            let path = golden.folder.appendingPathComponent(testCase.input).path
            return try HDF5File(opening: path).root.dataset("obs/\(column)").readAll(Double.self)
        }
        switch testCase.options["size-factors"] {
        case nil: return nil
        case .text(let path): return try golden.array(path, of: testCase).values
        case .some(let other): throw GoldenError.unusableOption("size-factors", other)
        }
    }

    /// Size factors of the cells with a label, out of those of all cells.
    func labelled(_ sizeFactors: [Double]) -> [Double] {
        guard labels.missingCount > 0 else { return sizeFactors }
        return zip(labels.codes, sizeFactors).filter { $0.0 >= 0 }.map(\.1)
    }

    /// The counts of the file, regrouped by label.
    func countBlocks() throws -> BlockStore {
        let geneCount = try file.geneNames(column: nil).count
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
            consume: { try builder.append($0, codes: labels.codes) }
        )
        return try builder.finish()
    }
}

extension BlockBuilder {
    /// Takes cells of a file whose groups are these codes, by file row.
    func append(_ cells: EncodedCells, codes: [Int32]) throws {
        let first = Int(cells.firstRow)
        try codes.withUnsafeBufferPointer { codes in
            try append(
                cells,
                groups: UnsafeBufferPointer(rebasing: codes[first..<first + cells.cellCount])
            )
        }
    }
}

extension BlockStore {
    /// The decoded cells of one group, from the bytes of its block.
    func segments(ofGroup group: Int) throws -> [DecodedSegment] {
        let summary = blocks[group]
        var bytes: [UInt8] = []
        try read(group: group, offset: 0, length: summary.byteCount, into: &bytes)
        var segments: [DecodedSegment] = []
        try bytes.withUnsafeBytes { bytes in
            var iterator = BlockSegments(
                bytes: bytes,
                geneCount: geneCount,
                kind: kind,
                digest: summary.digest
            )
            var segment = DecodedSegment()
            while try iterator.next(into: &segment) { segments.append(segment) }
        }
        return segments
    }
}

extension [DecodedSegment] {
    /// The size factors of the cells of these segments, in their order.
    func sizeFactors(outOf all: [Double]) -> [Double] {
        flatMap { segment in segment.withCells { cells in cells.rows.map { all[Int($0)] } } }
    }
}
