import AnnData
import CountBlocks
import DifferentialExpression
import Foundation

extension GoldenScreen {
    /// The expression values of the file, regrouped by label.
    func expression() throws -> ScreenCounts {
        let blocks =
            switch try file.valueType(.x) {
            case .float32: try valueBlocks(Float.self)
            case .float64: try valueBlocks(Double.self)
            }
        return ScreenCounts(
            blocks: blocks,
            geneCount: blocks.geneCount,
            groupOfCell: labels.codes,
            controlGroup: try group(options.controlLabel)
        )
    }

    private func valueBlocks<Value: ExpressionValue & StreamedValue>(
        _: Value.Type
    ) throws -> BlockStore {
        let geneCount = try file.geneNames(column: nil).count
        let scratch = FileManager.default.temporaryDirectory.path
        let builder = BlockBuilder(
            groupCount: labels.names.count,
            geneCount: geneCount,
            kind: Value.segmentKind,
            memoryBytes: 1 << 26,
            scratchDirectory: scratch
        )
        _ = try file.streamValues(
            .x,
            of: Value.self,
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
                    values: rows.values
                )
            },
            consume: { try builder.append($0, codes: labels.codes) }
        )
        return try builder.finish()
    }
}
