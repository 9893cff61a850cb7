import CountBlocks
import DifferentialExpression
import Digests
import Foundation
import Worker

/// Random control cells in pieces and some perturbations, as a coordinator would serve them.
struct RelayScreen {
    let geneCount = 150
    /// Counts of the control cells in file order; shape `[cells][genes]`.
    let control: [[UInt32]]
    /// Counts of each perturbation's cells; shape `[perturbations][cells][genes]`.
    let perturbed: [[[UInt32]]]
    let pieces: ControlPieces
    /// The bytes of every piece.
    private(set) var bytes: [ControlPiece: [UInt8]] = [:]
    private let blocks: [BlockStore]

    /// Draws a screen and cuts its control cells into tiles of 40 genes and runs of 110 cells.
    init(perturbations: Int = 6) throws {
        var random = SeededGenerator(seed: 11)
        func cells(_ count: Int) -> [[UInt32]] {
            (0..<count).map { _ in
                (0..<150).map { _ in UInt32(max(0, Int.random(in: -3...5, using: &random))) }
            }
        }
        control = cells(400)
        perturbed = (0..<perturbations).map { cells(10 + 7 * $0) }
        blocks = try perturbed.map { try Self.block($0) }
        var tiles: [ControlPieces.Tile] = []
        for start in stride(from: 0, to: 150, by: 40) {
            let genes = start..<min(start + 40, 150)
            let block = try Self.block(
                control.map { $0.enumerated().map { genes.contains($0) ? $1 : 0 } }
            )
            let summary = block.blocks[0]
            bytes[.tile(tiles.count)] = try Self.bytes(block)
            tiles.append(
                ControlPieces.Tile(
                    genes: genes,
                    nonzeroCount: summary.nonzeroCount,
                    byteCount: summary.byteCount,
                    digest: summary.digest
                )
            )
        }
        var runs: [ControlPieces.CellRun] = []
        var place = 0
        for start in stride(from: 0, to: 400, by: 110) {
            let block = try Self.block(Array(control[start..<min(start + 110, 400)]))
            let summary = block.blocks[0]
            bytes[.cells(runs.count)] = try Self.bytes(block)
            runs.append(
                ControlPieces.CellRun(
                    firstCell: start,
                    nonzeroCount: summary.nonzeroCount,
                    bytes: place..<place + summary.byteCount,
                    digest: summary.digest
                )
            )
            place += summary.byteCount
        }
        pieces = ControlPieces(tiles: tiles, cellRuns: runs)
    }

    /// The order to fit a perturbation.
    func order(_ perturbation: Int) throws -> FitOrder {
        guard
            let order = FitOrder(
                perturbation: UInt32(perturbation),
                bytes: try Self.bytes(blocks[perturbation]),
                digest: blocks[perturbation].blocks[0].digest,
                inputBytes: 0
            )
        else { throw CocoaError(.coderInvalidValue) }
        return order
    }

    /// The row of a perturbation by definition.
    func row(_ perturbation: Int) -> [UInt8] {
        let own = (0..<geneCount).map { gene in
            perturbed[perturbation].reduce(UInt64(0)) { $0 + UInt64($1[gene]) }
        }
        return RelayAnalysis.row(own: own, control: control)
    }

    private static func bytes(_ store: BlockStore) throws -> [UInt8] {
        var bytes: [UInt8] = []
        try store.read(group: 0, offset: 0, length: store.blocks[0].byteCount, into: &bytes)
        return bytes
    }

    /// One block of cells in consecutive rows.
    private static func block(_ cells: [[UInt32]]) throws -> BlockStore {
        let builder = BlockBuilder(
            groupCount: 1,
            geneCount: 150,
            memoryBytes: 1 << 30,
            scratchDirectory: "/tmp"
        )
        var starts = [0]
        var genes: [UInt32] = []
        var values: [UInt32] = []
        for cell in cells {
            for (gene, count) in cell.enumerated() where count > 0 {
                genes.append(UInt32(gene))
                values.append(count)
            }
            starts.append(genes.count)
        }
        let encoded = starts.withUnsafeBufferPointer { starts in
            genes.withUnsafeBufferPointer { genes in
                values.withUnsafeBufferPointer { values in
                    CellEncoder(geneCount: 150)
                        .encode(firstRow: 0, starts: starts, genes: genes, counts: values)
                }
            }
        }
        try [Int32](repeating: 0, count: cells.count).withUnsafeBufferPointer {
            try builder.append(encoded, groups: $0)
        }
        return try builder.finish()
    }
}
