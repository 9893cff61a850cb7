import AnnData
import DifferentialExpression
import Digests
import Foundation
import Glibc
import Logging
import RunFiles
import WireProtocol

/// Publishes the result of a prepared run from the rows that its parts have left.
///
/// Nothing is kept between two attempts: the segments are the durable record, and a merge that is
/// killed is done again from them.
struct MergeJob {
    let directory: RunDirectory
    /// Where the result goes; nil for where `prepare` was told.
    let output: String?
    let force: Bool
    let allowMissing: Bool
    let log: Logger

    /// What is told at the end; options are nil when nothing was computed.
    typealias Ending = (report: RunReport, status: ProgramStatus, options: AnalysisOptions?)

    private static let scanpyMemoryBytes = 256 << 20

    /// Merges.
    func run() throws(RunFailure) -> Ending {
        guard directory.holdsPreparedRun else { return try finishedBefore() }
        let run: PreparedRun
        let source: ResourceDirectory
        do throws(RunFilesError) {
            run = try PreparedRun.read(directory.path)
            source = try run.openResources(directory.path)
        } catch {
            throw RunFailure(error)
        }
        guard run.build == BuildIdentity.current else {
            throw RunFailure(
                .refused,
                "\(directory.path) was prepared by \(run.build), this is \(BuildIdentity.current); "
                    + "use that one"
            )
        }
        let target = output ?? run.output
        let claim = try directory.claim()
        defer { directory.release(claim) }
        let plan = try PublicationPlan(read(PublicationPlan.resource, source))
        var report = report(run, plan, target)
        if try isPublished(target, run) {
            directory.clean()
            report.outcome = .alreadyComplete
            return (report, .complete, nil)
        }
        return try publish(run, plan, source, &report)
    }

    /// The end of a merge after one that has published and cleaned up.
    private func finishedBefore() throws(RunFailure) -> Ending {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        guard let bytes = try PlainFile.contents(directory.reportPath),
            var report = try? decoder.decode(RunReport.self, from: Data(bytes)),
            output == nil || output == report.output, access(report.output, F_OK) == 0
        else {
            throw RunFailure(
                .noInput,
                "\(directory.path) holds no prepared run; make one with 'crispyx-coordinator prepare'"
            )
        }
        report.outcome = .alreadyComplete
        return (report, report.lost.isEmpty ? .complete : .incomplete, nil)
    }

    /// Whether the result is there already.
    ///
    /// - Throws: ``RunFailure`` when something else has its name.
    private func isPublished(_ target: String, _ run: PreparedRun) throws(RunFailure) -> Bool {
        guard !force, access(target, F_OK) == 0 else { return false }
        let reader = try? ResultReader(path: target)
        let found = try? reader?.text("\(ResultLayout.markerKey)/fingerprint")
        if found == run.fingerprint { return true }
        throw RunFailure(
            .cannotCreate,
            "\(target) exists and is not the result of this run; choose another --output, or replace "
                + "it with --force"
        )
    }

    private func publish(
        _ run: PreparedRun,
        _ plan: PublicationPlan,
        _ source: ResourceDirectory,
        _ report: inout RunReport
    ) throws(RunFailure) -> Ending {
        let target = report.output
        let partial = RunRequest.partialResult(of: target)
        let schema = plan.options.rowSchema
        // Where rows are plainly missing, room for the result need not be taken first.
        let announced = try RunFailure.wrappingFiles {
            try RowHarvest.announced(directory.segments, of: run)
        }
        try refuse(run.perturbations.indices.filter { !announced.contains(UInt32($0)) }, run)
        let lock = try FileLock(partial, owner: target)
        try ResultFrame.lay(
            read(PublicationPlan.frameResource, source),
            plan.layout,
            at: partial
        )
        let rows = try RunFailure.wrapping { () throws(AnnDataWriteError) in
            try ResultRows(path: partial, map: plan.layout)
        }
        let layout = RowLayout(schema: schema)
        let harvest = try RunFailure.wrappingFiles {
            try RowHarvest(directory.segments, of: run) { record, bytes in
                try layout.write(bytes, row: Int(record.perturbation), into: rows)
            }
        }
        tell(harvest, run)
        let lost: [LostPerturbation]
        do throws(RunFailure) {
            lost = try self.lost(harvest, run)
        } catch {
            unlink(partial)
            throw error
        }
        let cache: ControlCache
        do {
            cache = try ControlCache(bytes: read(ServedResources.controlCache, source))
        } catch {
            throw RunFailure(.badInput, "\(directory.path): \(error); prepare the run again")
        }
        let publication = Publication(
            rows: rows,
            schema: schema,
            cache: cache,
            minimumMean: plan.options.minimumMean
        )
        FailPoint.pass("before-publication")
        report.tally = try publication.complete(digests: harvest.digests, lost: lost)
        try RunFailure.wrapping { () throws(AnnDataWriteError) in
            try ScanpyGroups.fill(rows, genes: plan.genes, memoryBytes: Self.scanpyMemoryBytes)
        }
        guard "\(try FrameDigest.compute(path: partial, map: plan.layout))" == plan.frameDigest
        else {
            throw RunFailure(
                .inputOutput,
                "\(partial) is not what was written to it; check the disk, then merge again"
            )
        }
        FailPoint.pass("before-rename")
        try RunFailure.wrapping { () throws(AnnDataWriteError) in
            try PublishedFile.publish(partial, as: target, replacing: force)
        }
        withExtendedLifetime(lock) {}
        FailPoint.pass("after-rename")
        report.lost = lost.map {
            RunReport.Lost(
                perturbation: run.perturbations[$0.perturbation].name,
                kind: $0.kind,
                reasons: $0.reasons
            )
        }
        // The result is published: a report that cannot be written must not hide that.
        do {
            try PlainFile.replace(directory.reportPath, with: try report.json())
        } catch {
            log.warning("the report cannot be written", metadata: ["why": "\(error)"])
        }
        directory.clean()
        return (report, lost.isEmpty ? .complete : .incomplete, plan.options)
    }

    // MARK: - Rows

    /// The perturbations that are published without a row.
    ///
    /// - Throws: ``RunFailure`` when there are rows that some part has still to fit.
    private func lost(
        _ harvest: RowHarvest,
        _ run: PreparedRun
    ) throws(RunFailure) -> [LostPerturbation] {
        let without = run.perturbations.indices.filter { harvest.digests[UInt32($0)] == nil }
        let missing = without.filter { harvest.failures[UInt32($0)] == nil }
        try refuse(missing, run)
        return without.map { row in
            LostPerturbation(
                perturbation: row,
                kind: harvest.givenUp.contains(UInt32(row)) ? .quarantined : .failed,
                reasons: harvest.failures[UInt32(row)] ?? ["no part of the run has fitted it"]
            )
        }
    }

    /// Refuses to publish while perturbations have neither row nor verdict, unless that is asked for.
    private func refuse(_ missing: [Int], _ run: PreparedRun) throws(RunFailure) {
        guard !missing.isEmpty, !allowMissing else { return }
        let rows = MissingRows(
            run: run,
            missing: missing,
            shards: directory.segments.segments.map(\.shard)
        )
        throw RunFailure(.stopped, rows.text(directory: directory.path))
    }

    private func tell(_ harvest: RowHarvest, _ run: PreparedRun) {
        for path in harvest.damaged {
            log.warning(
                "a segment is damaged; its whole rows are used",
                metadata: ["path": "\(path)"]
            )
        }
        for row in harvest.contradicted.sorted() {
            log.error(
                "two fits gave different numbers; the first is kept",
                metadata: ["perturbation": "\(run.perturbations[Int(row)].name)"]
            )
        }
    }

    private func read(_ name: String, _ source: ResourceDirectory) throws(RunFailure) -> [UInt8] {
        do throws(RunFilesError) { return try source.read(name) } catch { throw RunFailure(error) }
    }

    private func report(
        _ run: PreparedRun,
        _ plan: PublicationPlan,
        _ target: String
    ) -> RunReport {
        RunReport(
            outcome: .computed,
            input: run.input,
            output: target,
            fingerprint: run.fingerprint,
            method: plan.options.method.rawValue,
            controlLabel: plan.options.controlLabel,
            cells: plan.cells,
            cellsWithoutLabel: plan.cellsWithoutLabel,
            genes: plan.genes.count,
            perturbations: run.perturbations.count,
            nonzeros: plan.nonzeros
        )
    }
}
