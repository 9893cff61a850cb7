import AnnData
import CountBlocks
import DifferentialExpression
import Logging
import Synchronization

/// A screen as it is after the one pass over the input.
struct LoadedScreen {
    let plan: ScreenPlan
    let genes: [String]
    let counts: ScreenCounts
    let userSizeFactors: [Double]?
    let report: StreamReport

    /// What decides the numbers beside counts, labels and options.
    var extras: [(name: String, bytes: [UInt8])] {
        var extras: [(name: String, bytes: [UInt8])] = []
        if let userSizeFactors {
            var bytes: [UInt8] = []
            bytes.append(littleEndian: userSizeFactors)
            extras.append(("size-factors", bytes))
        }
        return extras
    }
}

/// Reads labels, genes and counts of an input, once, within a memory budget.
struct ScreenReading {
    let request: RunRequest
    let threads: Int
    let log: Logger
    /// Called now and then with the cells read so far and all cells.
    let progress: (Int, Int) -> Void

    /// Reads the screen.
    ///
    /// - Throws: ``RunFailure`` naming file, element and position of whatever is wrong.
    func run() throws(RunFailure) -> LoadedScreen {
        let file = try RunFailure.wrapping { () throws(AnnDataError) in
            try ScreenFile.open(request.input)
        }
        for warning in file.warnings { log.warning("\(warning)") }
        let (labels, genes) = try RunFailure.wrapping { () throws(AnnDataError) in
            (
                try file.labels(column: request.options.perturbationColumn),
                try file.geneNames(column: request.geneNameColumn, raw: request.matrix == .raw)
            )
        }
        let plan = try ScreenPlan(
            labels: labels,
            column: request.options.perturbationColumn,
            control: request.controlLabel,
            perturbations: request.perturbations
        )
        let userSizeFactors = try request.sizeFactorFile.map { path throws(RunFailure) in
            try SizeFactorFile.read(path, cellCount: file.cellCount)
        }
        note(plan, genes)
        let (blocks, report) = try ingest(file, labels, groupCount: plan.labels.count, genes.count)
        note(report)
        return LoadedScreen(
            plan: plan,
            genes: genes,
            counts: ScreenCounts(
                blocks: blocks,
                geneCount: genes.count,
                groupOfCell: labels.codes,
                controlGroup: plan.controlGroup
            ),
            userSizeFactors: userSizeFactors,
            report: report
        )
    }

    private func ingest(
        _ file: ScreenFile,
        _ labels: CellLabels,
        groupCount: Int,
        _ geneCount: Int
    ) throws(RunFailure) -> (BlockStore, StreamReport) {
        let encoders = EncoderPool(geneCount: geneCount)
        do {
            let builder = BlockBuilder(
                groupCount: groupCount,
                geneCount: geneCount,
                memoryBytes: request.memory.blocks,
                scratchDirectory: request.scratchDirectory
            )
            let report = try file.streamCounts(
                request.matrix,
                resources: StreamResources(
                    threads: threads,
                    memoryBytes: request.memory.reading,
                    scratchDirectory: request.scratchDirectory
                ),
                transform: { rows in encoders.encode(rows) },
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
                    progress(first + cells.cellCount, labels.codes.count)
                }
            )
            let blocks = try builder.finish()
            log.debug(
                "count blocks",
                metadata: [
                    "bytes_in_memory": "\(blocks.bytesInMemory)",
                    "bytes_spilled": "\(blocks.bytesSpilled)",
                ]
            )
            return (blocks, report)
        } catch let error as AnnDataError {
            throw error.isOwnStorage
                ? RunFailure(.inputOutput, "\(error)") : RunFailure(error)
        } catch {
            // What remains is the scratch file of the count blocks.
            throw RunFailure(.inputOutput, "\(error)")
        }
    }

    private func note(_ plan: ScreenPlan, _ genes: [String]) {
        log.info(
            "screen",
            metadata: [
                "control": "\(plan.controlLabel)", "perturbations": "\(plan.testedGroups.count)",
                "genes": "\(genes.count)",
            ]
        )
        if plan.unlabelledCells > 0 {
            log.warning(
                "cells without a label are left out",
                metadata: ["cells": "\(plan.unlabelledCells)"]
            )
        }
        let distinct = Set(genes).count
        if distinct < genes.count {
            log.warning(
                "some genes share a name; they are told apart by position",
                metadata: ["genes": "\(genes.count)", "names": "\(distinct)"]
            )
        }
        if GeneNames.lookLikeIdentifiers(genes) {
            log.warning(
                "gene names look like database identifiers; --gene-name-column may hold symbols"
            )
        }
    }

    private func note(_ report: StreamReport) {
        if report.duplicatesSummed > 0 {
            log.warning(
                "entries stored twice were summed",
                metadata: ["entries": "\(report.duplicatesSummed)"]
            )
        }
        if report.explicitZerosDropped > 0 {
            log.info(
                "stored zeros were dropped",
                metadata: ["entries": "\(report.explicitZerosDropped)"]
            )
        }
        if report.unsortedRows > 0 {
            log.info("unsorted cells were sorted", metadata: ["cells": "\(report.unsortedRows)"])
        }
    }
}

/// What gene names look like.
enum GeneNames {
    private static let prefixes: Set<String> = Set(
        ["ENS"]
            + "ABCDEFGHIJKLMNOPQRSTUVWX".flatMap { chromosome in
                ["Y\(chromosome)L"]
            }
    )

    /// Whether more than half of the names begin like database identifiers.
    static func lookLikeIdentifiers(_ names: [String]) -> Bool {
        let count = names.count { prefixes.contains(String($0.uppercased().prefix(3))) }
        return 2 * count > names.count
    }
}

/// Encoders that decode threads borrow, so that each keeps its buffer from slab to slab.
///
/// `@unchecked`: an encoder is in the pool or with the one thread that took it out.
private final class EncoderPool: @unchecked Sendable {
    private let geneCount: Int
    private let idle = Mutex<[Borrowed]>([])

    private struct Borrowed: @unchecked Sendable {
        let encoder: CellEncoder
    }

    init(geneCount: Int) {
        self.geneCount = geneCount
    }

    func encode(_ rows: borrowing CountRows) -> EncodedCells {
        let borrowed =
            idle.withLock { $0.popLast() }
            ?? Borrowed(encoder: CellEncoder(geneCount: geneCount))
        defer { idle.withLock { $0.append(borrowed) } }
        return borrowed.encoder.encode(
            firstRow: UInt32(rows.firstCell),
            starts: rows.rowStarts,
            genes: rows.genes,
            counts: rows.counts
        )
    }
}
