import AnnData
import Digests
import DifferentialExpression
import Foundation
import Glibc
import Logging
import RunFiles
import Scheduling
import WireProtocol

extension RunJob {
    /// How preparing ended.
    enum Preparation {
        /// The run directory holds all that fits need.
        case prepared(RunReport)
        /// It did so before.
        case already(RunReport)
        /// The result is published.
        case published(RunReport)
    }

    /// Refuses to serve a run that was prepared for array mode: its rows are not in a journal.
    func refusePrepared(_ directory: RunDirectory) throws(RunFailure) {
        guard directory.holdsPreparedRun, !request.force else { return }
        throw RunFailure(
            .cannotCreate,
            "\(directory.path) holds a run that was prepared for array mode; finish it with "
                + "'crispyx-worker fit' and 'merge', choose another --run-dir, or start anew with "
                + "--force"
        )
    }

    /// Reads the screen, freezes what is global and leaves all that fits need.
    func prepare() throws(RunFailure) -> Preparation {
        let directory = RunDirectory(path: request.runDirectory)
        try checkBeforePreparing(directory)
        let screen = try read()
        let (options, fingerprint) = try identify(screen)
        var report = report(screen, fingerprint)
        if try alreadyPublished(fingerprint) != nil, !directory.holdsPreparedRun {
            report.outcome = .alreadyComplete
            return .published(report)
        }
        if !request.force, try isPrepared(directory, fingerprint, options) {
            return .already(report)
        }
        try directory.create()
        let claim = try directory.claim()
        defer { directory.release(claim) }
        directory.clear(keepingOwner: true)
        let global = try freeze(screen, options)
        FailPoint.pass("frozen")
        clock.ended("freezing", &report)
        try leave(directory, screen, options, fingerprint, global)
        clock.ended("writing", &report)
        try EventLog(directory.eventsPath).note("prepared", ["fingerprint": fingerprint.text])
        return .prepared(report)
    }

    private func checkBeforePreparing(_ directory: RunDirectory) throws(RunFailure) {
        if Self.isSameFile(request.input, request.output) {
            throw RunFailure(.usage, "--output \(request.output) is the input itself")
        }
        if directory.holdsUnfinishedRun, !request.force {
            throw RunFailure(
                .cannotCreate,
                "\(directory.path) holds a run that was not finished; finish it with 'run --resume' "
                    + "or start anew with --force"
            )
        }
    }

    /// Whether the directory holds this very run.
    ///
    /// - Throws: ``RunFailure`` naming the difference when it holds another one.
    private func isPrepared(
        _ directory: RunDirectory,
        _ fingerprint: Fingerprint,
        _ options: AnalysisOptions
    ) throws(RunFailure) -> Bool {
        guard directory.holdsPreparedRun else { return false }
        let run: PreparedRun
        do throws(RunFilesError) {
            run = try PreparedRun.read(directory.path)
            _ = try run.openResources(directory.path)
        } catch {
            throw RunFailure(error)
        }
        guard run.fingerprint == fingerprint.text else {
            let difference = RunOpening.difference(
                Array(run.options.utf8),
                fingerprint.optionsJSON
            )
            throw RunFailure(
                .badInput,
                "\(directory.path) holds another prepared run: \(difference); choose another "
                    + "--run-dir, or start anew with --force"
            )
        }
        guard run.build == BuildIdentity.current else {
            throw RunFailure(
                .refused,
                "\(directory.path) was prepared by \(run.build), this is \(BuildIdentity.current); "
                    + "use that one, or start anew with --force"
            )
        }
        if run.output != request.output {
            log.warning(
                "the result of the prepared run goes elsewhere unless 'merge' is told an --output",
                metadata: ["path": "\(run.output)"]
            )
        }
        return true
    }

    /// Writes everything into the run directory, what names it last.
    private func leave(
        _ directory: RunDirectory,
        _ screen: LoadedScreen,
        _ options: AnalysisOptions,
        _ fingerprint: Fingerprint,
        _ global: GlobalResult
    ) throws(RunFailure) {
        let layout = description(screen, options, fingerprint, global).layout
        let frame = try ResultFrame.make(layout, at: directory.path + "/frame.new")
        let plan = PublicationPlan(
            options: options,
            layout: frame.map,
            frameDigest: "\(frame.digest)",
            genes: screen.genes,
            cells: screen.counts.groupOfCell.count,
            cellsWithoutLabel: screen.plan.unlabelledCells,
            nonzeros: screen.report.nonzeros
        )
        let service = service(screen, fingerprint, directory)
        let resources = try service.resources(global)
        var random = SystemRandomNumberGenerator()
        let runID = "\(Bytes16.randomUUID(using: &random))"
        let writer = try RunFailure.wrappingFiles {
            try ResourceFileWriter(directory: directory.path, runID: runID)
        }
        try resources.write(to: writer)
        let planBytes = try plan.encoded()
        let index = try RunFailure.wrappingFiles {
            try writer.add(PublicationPlan.resource, planBytes)
            try writer.add(PublicationPlan.frameResource, frame.bytes)
            try directory.segments.create()
            return try writer.finish()
        }
        // So that the directory is known as a run's even without what names the prepared one.
        try directory.write(
            RunDirectory.Record(
                build: BuildIdentity.current,
                fingerprint: fingerprint.text,
                options: options,
                partialResult: request.partialResult,
                layout: frame.map,
                cacheDigest: "",
                frameDigest: "\(frame.digest)"
            )
        )
        FailPoint.pass("before-prepared")
        let genes = screen.genes.count
        let run = PreparedRun(
            build: BuildIdentity.current,
            runID: runID,
            fingerprint: fingerprint.text,
            options: String(decoding: fingerprint.optionsJSON, as: UTF8.self),
            rowSchemaVersion: schema.version,
            geneCount: genes,
            rowBytes: schema.rowByteCount(geneCount: genes),
            common: resources.common.map(\.name),
            resources: index,
            input: URL(filePath: request.input).path,
            output: request.output,
            perturbations: zip(screen.plan.perturbations, service.units(genes)).map {
                PreparedRun.Unit(name: $0, cost: $1.cost)
            }
        )
        try RunFailure.wrappingFiles { try run.write(directory.path) }
    }
}
