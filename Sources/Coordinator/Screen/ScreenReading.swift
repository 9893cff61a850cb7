import AnnData
import CountBlocks
import DifferentialExpression
import Logging
import Statistics
import Synchronization

/// A screen as it is after the one pass over the input.
struct LoadedScreen {
    let plan: ScreenPlan
    let genes: [String]
    let counts: ScreenCounts
    let userSizeFactors: [Double]?
    let covariates: CovariateTable
    /// What the cells' values are.
    let values: AnalysisOptions.Values
    let report: StreamReport

    /// What decides the numbers beside counts, labels and options.
    var extras: [(name: String, bytes: [UInt8])] {
        var extras: [(name: String, bytes: [UInt8])] = []
        if let userSizeFactors {
            var bytes: [UInt8] = []
            bytes.append(littleEndian: userSizeFactors)
            extras.append(("size-factors", bytes))
        }
        if !covariates.covariates.isEmpty { extras.append(("covariates", covariates.encoded())) }
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
        if request.scanpyFormat,
            let problem = ScanpyGroups.problem(perturbations: plan.perturbations)
        {
            throw RunFailure(.usage, problem)
        }
        try FreeSpace.requireResult(
            request,
            perturbations: plan.testedGroups.count,
            genes: genes.count
        )
        let userSizeFactors = try userSizeFactors(file, labels)
        let covariates = try covariates(file)
        let values = try values(file)
        note(plan, genes)
        let review = DesignReview(
            covariates: covariates,
            groupOfCell: labels.codes,
            controlGroup: plan.controlGroup,
            testedGroups: plan.testedGroups
        )
        try refuseWideShrinkage(review)
        note(review, plan)
        let (blocks, report) = try ingest(
            file,
            labels,
            groupCount: plan.labels.count,
            genes.count,
            values
        )
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
            covariates: covariates,
            values: values,
            report: report
        )
    }

    private func userSizeFactors(
        _ file: ScreenFile,
        _ labels: CellLabels
    ) throws(RunFailure) -> [Double]? {
        if let earlier = request.earlier {
            return try earlier.sizeFactors(groupOfCell: labels.codes)
        }
        if let path = request.sizeFactorFile {
            return try SizeFactorFile.read(path, cellCount: file.cellCount)
        }
        return try request.sizeFactorColumn.map { column throws(RunFailure) in
            try RunFailure.wrapping { () throws(AnnDataError) in
                try file.sizeFactors(column: column)
            }
        }
    }

    private func covariates(_ file: ScreenFile) throws(RunFailure) -> CovariateTable {
        try RunFailure.wrapping { () throws(AnnDataError) in
            var covariates: [CovariateTable.Covariate] = []
            for name in request.options.covariates {
                let values: CovariateTable.Values
                switch try file.cellValues(column: name) {
                case .numbers(let numbers): values = .numeric(numbers)
                case .levels(let levels):
                    values = .levels(
                        CovariateTable.Levels(
                            codes: levels.codes,
                            names: levels.names,
                            keepsUnused: levels.areListed
                        )
                    )
                }
                covariates.append(CovariateTable.Covariate(name: name, values: values))
            }
            return CovariateTable(cellCount: file.cellCount, covariates: covariates)
        }
    }

    /// Refuses a design that inline shrinkage has no room for.
    private func refuseWideShrinkage(_ review: DesignReview) throws(RunFailure) {
        guard request.options.inlineShrinkage != .none,
            review.columns > DesignShrinkage.columnLimit
        else { return }
        throw RunFailure(
            .usage,
            """
            --lfc-shrinkage-type \(request.options.inlineShrinkage.rawValue) takes designs of up to \
            \(DesignShrinkage.columnLimit) columns, and --covariates make \(review.columns); leave out a \
            covariate or merge its levels, or fit without it and run 'shrink' on the result
            """
        )
    }

    /// What the matrix holds, as far as the method asks.
    private func values(_ file: ScreenFile) throws(RunFailure) -> AnalysisOptions.Values {
        if request.options.method.needsCounts { return .counts }
        let type = try RunFailure.wrapping { () throws(AnnDataError) in
            try file.valueType(request.matrix)
        }
        return type == .float32 ? .float32 : .float64
    }

    private func ingest(
        _ file: ScreenFile,
        _ labels: CellLabels,
        groupCount: Int,
        _ geneCount: Int,
        _ values: AnalysisOptions.Values
    ) throws(RunFailure) -> (BlockStore, StreamReport) {
        do {
            let builder = BlockBuilder(
                groupCount: groupCount,
                geneCount: geneCount,
                kind: values.blockKind,
                memoryBytes: request.memory.blocks,
                scratchDirectory: request.scratchDirectory
            )
            let report = try stream(file, values, EncoderPool(geneCount: geneCount)) { cells in
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
                FailPoint.pass("reading")
            }
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

    /// The one pass over the matrix, cells encoded on many threads.
    private func stream(
        _ file: ScreenFile,
        _ values: AnalysisOptions.Values,
        _ encoders: EncoderPool,
        consume: (EncodedCells) throws -> Void
    ) throws -> StreamReport {
        let resources = StreamResources(
            threads: threads,
            memoryBytes: request.memory.reading,
            scratchDirectory: request.scratchDirectory
        )
        switch values {
        case .counts:
            return try file.streamCounts(
                request.matrix,
                resources: resources,
                transform: { rows in encoders.encode(rows) },
                consume: consume
            )
        case .float32: return try streamValues(of: Float.self)
        case .float64: return try streamValues(of: Double.self)
        }
        func streamValues<Value: ExpressionValue & StreamedValue>(
            of type: Value.Type
        ) throws -> StreamReport {
            try file.streamValues(
                request.matrix,
                of: type,
                resources: resources,
                transform: { rows in encoders.encode(rows) },
                consume: consume
            )
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

    private func note(_ review: DesignReview, _ plan: ScreenPlan) {
        if !review.confounded.isEmpty {
            let names = review.confounded.map { plan.perturbations[$0] }
            log.warning(
                """
                these perturbations cannot be told from the covariates; their effects mean nothing: \
                \(ScreenPlan.quoted(names))
                """
            )
        }
        for (covariate, rows) in Dictionary(
            grouping: review.missing.keys,
            by: { review.missing[$0] }
        ) {
            let names = rows.sorted().map { plan.perturbations[$0] }
            log.warning(
                """
                covariate '\(covariate ?? "")' has no value in some cells; nothing can be fitted for \
                \(ScreenPlan.quoted(names))
                """
            )
        }
    }

    private func note(_ report: StreamReport) {
        if report.negativeValues > 0 {
            log.warning(
                "the matrix holds negative values, which rank below zero; is it scaled?",
                metadata: ["values": "\(report.negativeValues)"]
            )
        }
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
        let borrowed = take()
        defer { idle.withLock { $0.append(borrowed) } }
        return borrowed.encoder.encode(
            firstRow: UInt32(rows.firstCell),
            starts: rows.rowStarts,
            genes: rows.genes,
            counts: rows.counts
        )
    }

    func encode<Value: ExpressionValue & StreamedValue>(
        _ rows: borrowing ValueRows<Value>
    ) -> EncodedCells {
        let borrowed = take()
        defer { idle.withLock { $0.append(borrowed) } }
        return borrowed.encoder.encode(
            firstRow: UInt32(rows.firstCell),
            starts: rows.rowStarts,
            genes: rows.genes,
            values: rows.values
        )
    }

    private func take() -> Borrowed {
        idle.withLock { $0.popLast() } ?? Borrowed(encoder: CellEncoder(geneCount: geneCount))
    }
}
