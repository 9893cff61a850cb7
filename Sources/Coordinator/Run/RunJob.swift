import AnnData
import ChildProcesses
import ComputeThreads
import CountBlocks
import DifferentialExpression
import Digests
import Foundation
import Glibc
import Logging
import Monitoring
import NodeTopology
import Scheduling
import Transport
import WireProtocol

/// One run from input to published result.
final class RunJob {
    let request: RunRequest
    let log: Logger
    private let display: ProgressDisplay
    private let signals: RunSignals
    private let monitor: RunMonitor
    private let topology: Topology
    let schema: RowSchema
    var clock = StageClock()

    init(
        request: RunRequest,
        log: Logger,
        display: ProgressDisplay,
        signals: RunSignals,
        monitor: RunMonitor? = nil
    ) {
        self.request = request
        self.monitor = monitor ?? RunMonitor(request)
        self.log = log
        self.display = display
        self.signals = signals
        schema = request.options.rowSchema
        let whole = Topology.discover()
        topology = (try? whole.selecting(request.numa)) ?? whole
    }

    /// What the command has to do after a run.
    enum Ending {
        /// Report and end with the status.
        case reported(RunReport, ProgramStatus)
        /// End as the signal would; the run can be resumed.
        case signalled(WatchedSignal)
    }

    /// Runs.
    func run() throws(RunFailure) -> Ending {
        let directory = RunDirectory(path: request.runDirectory)
        try checkOutput(directory)
        let screen = try read()
        let (options, fingerprint) = try identify(screen)
        try request.earlier?.check(genes: screen.genes, content: fingerprint.content)
        var report = report(screen, fingerprint)
        if let published = try alreadyPublished(fingerprint) {
            report.outcome = .alreadyComplete
            report.lost = lost(in: published)
            // A crash between publishing and cleaning leaves both; a living owner keeps them.
            if directory.holdsUnfinishedRun, (try? directory.claim()) != nil {
                directory.clean()
                unlink(request.partialResult)
                unlink(request.newPartialResult)
            }
            return .reported(report, report.lost.isEmpty ? .complete : .incomplete)
        }
        monitor.enter(.freezing)
        let state = try open(directory, screen, options, fingerprint)
        report.resumedRows = state.digests.count
        clock.ended("freezing", &report)
        monitor.enter(.fitting)
        let served = try service(screen, fingerprint, directory).run(state)
        monitor.enter(.publishing)
        clock.ended("fitting", &report)
        display.clear()
        switch served.outcome {
        case .signalled(let signal): return .signalled(signal)
        case .stopped(let failure): throw failure
        case .settled(let lost):
            return try publish(state, served.digests, lost, screen, directory, &report)
        }
    }

    /// What was asked, completed by what only the input could tell, and its fingerprint.
    func identify(
        _ screen: LoadedScreen
    ) throws(RunFailure) -> (options: AnalysisOptions, fingerprint: Fingerprint) {
        var options = request.options
        options.controlLabel = screen.plan.controlLabel
        options.values = screen.values
        let fingerprint = try Fingerprint(
            options: options,
            schema: schema,
            screen: screen,
            request: request
        )
        return (options, fingerprint)
    }

    /// What serves workers, or leaves in files what would be served.
    func service(
        _ screen: LoadedScreen,
        _ fingerprint: Fingerprint,
        _ directory: RunDirectory
    ) -> RunService {
        RunService(
            request: request,
            placements: placements,
            directory: directory,
            schema: schema,
            fingerprint: fingerprint,
            screen: screen,
            log: log,
            display: display,
            signals: signals,
            monitor: monitor
        )
    }

    // MARK: - Before

    /// Refuses what could not be finished, before anything is read.
    private func checkOutput(_ directory: RunDirectory) throws(RunFailure) {
        if Self.isSameFile(request.input, request.output) {
            throw RunFailure(.usage, "--output \(request.output) is the input itself")
        }
        if let tokenFile = request.security.tokenFile {
            do {
                let (_, isNew) = try TokenFile.loadOrCreate(path: tokenFile)
                if isNew { log.notice("made a new token", metadata: ["file": "\(tokenFile)"]) }
            } catch {
                throw RunFailure(.refused, "\(error)")
            }
        }
        let parent = (request.output as NSString).deletingLastPathComponent
        let folder = parent.isEmpty ? "." : parent
        guard access(folder, W_OK | X_OK) == 0 else {
            throw PlainFile.failure("write into", folder)
        }
        try refusePrepared(directory)
        if directory.holdsUnfinishedRun, !request.resume, !request.force,
            access(request.output, F_OK) != 0
        {
            throw RunFailure(
                .cannotCreate,
                "\(directory.path) holds a run that was not finished; finish it with --resume or "
                    + "start anew with --force"
            )
        }
        if access(request.output, F_OK) == 0, !request.force,
            (try? ResultReader(path: request.output)) == nil
        {
            throw RunFailure(
                .cannotCreate,
                "\(request.output) exists and is not a result of this program; choose another "
                    + "--output, or replace it with --force"
            )
        }
    }

    static func isSameFile(_ first: String, _ second: String) -> Bool {
        var (left, right) = (stat(), stat())
        guard stat(first, &left) == 0, stat(second, &right) == 0 else { return false }
        return left.st_dev == right.st_dev && left.st_ino == right.st_ino
    }

    /// The published result, if it is what this run would give.
    func alreadyPublished(_ fingerprint: Fingerprint) throws(RunFailure) -> ResultReader? {
        guard !request.force, access(request.output, F_OK) == 0 else { return nil }
        let reader = try? ResultReader(path: request.output)
        let found = try? reader?.text("\(ResultLayout.markerKey)/fingerprint")
        if let reader, found == fingerprint.text { return reader }
        throw RunFailure(
            .cannotCreate,
            "\(request.output) exists and is the result of another input or other options; choose "
                + "another --output, or replace it with --force"
        )
    }

    /// Perturbations without a row in a published result.
    private func lost(in result: ResultReader) -> [RunReport.Lost] {
        zip(result.perturbations, result.statuses).compactMap { label, status in
            guard let status, let kind = LostPerturbation.Kind(rawValue: status) else { return nil }
            return RunReport.Lost(
                perturbation: label,
                kind: kind,
                reasons: ["an earlier run gave it up; --force tries again"]
            )
        }
    }

    func read() throws(RunFailure) -> LoadedScreen {
        let display = display
        let reading = ScreenReading(
            request: request,
            threads: threads,
            log: log,
            progress: { display.show("reading", done: $0, total: $1, unit: "cells") }
        )
        defer { display.clear() }
        return try reading.run()
    }

    func report(_ screen: LoadedScreen, _ fingerprint: Fingerprint) -> RunReport {
        var report = RunReport(
            outcome: .computed,
            input: URL(filePath: request.input).path,
            output: request.output,
            fingerprint: fingerprint.text,
            method: request.options.method.rawValue,
            controlLabel: screen.plan.controlLabel,
            cells: screen.counts.groupOfCell.count,
            cellsWithoutLabel: screen.plan.unlabelledCells,
            genes: screen.genes.count,
            perturbations: screen.plan.testedGroups.count,
            nonzeros: screen.report.nonzeros
        )
        report.bytesSpilled = screen.counts.blocks.bytesSpilled
        if request.profiling { report.profile = RunProfile() }
        clock.ended("reading", &report)
        return report
    }

    /// Opens the run directory and the unpublished result, anew or where a run was interrupted.
    private func open(
        _ directory: RunDirectory,
        _ screen: LoadedScreen,
        _ options: AnalysisOptions,
        _ fingerprint: Fingerprint
    ) throws(RunFailure) -> Continuation {
        let opening = RunOpening(
            request: request,
            directory: directory,
            fingerprint: fingerprint,
            schema: schema,
            build: BuildIdentity.current,
            log: log
        )
        if request.resume, !request.force, directory.holdsUnfinishedRun,
            let record = try directory.record(),
            let state = try opening.resume(
                record,
                options,
                recompute: { () throws(RunFailure) in try self.freeze(screen, options) }
            )
        {
            log.notice(
                "resuming",
                metadata: [
                    "rows_kept": "\(state.digests.count)",
                    "rows_to_fit": "\(screen.plan.testedGroups.count - state.digests.count)",
                ]
            )
            return state
        }
        let global = try freeze(screen, options)
        FailPoint.pass("frozen")
        return try opening.begin(
            options,
            layout: { global throws(RunFailure) in
                if let earlier = self.request.earlier {
                    return try earlier.layout(fingerprint: fingerprint.text, options: options)
                }
                return self.description(screen, options, fingerprint, global).layout
            },
            global: global
        )
    }

    /// What the result file holds beside its rows.
    func description(
        _ screen: LoadedScreen,
        _ options: AnalysisOptions,
        _ fingerprint: Fingerprint,
        _ global: GlobalResult
    ) -> ResultDescription {
        ResultDescription(
            options: options,
            schema: schema,
            plan: screen.plan,
            genes: screen.genes,
            sizeFactors: global.sizeFactors.isEmpty
                ? [] : screen.counts.labelledCells.map { global.sizeFactors[$0] },
            fingerprint: fingerprint,
            scanpyMatrix: request.scanpyFormat ? request.matrix : nil
        )
    }

    /// The global stage.
    func freeze(
        _ screen: LoadedScreen,
        _ options: AnalysisOptions
    ) throws(RunFailure) -> GlobalResult {
        let stage = FreezingStage(
            screen: screen.counts,
            options: options,
            team: ThreadTeam(threadCount: threads),
            memoryBytes: request.memory.controlTile
        )
        return try RunFailure.wrapping { () throws(CountBlockError) in
            try stage.run(
                tested: screen.plan.testedGroups,
                userSizeFactors: screen.userSizeFactors
            )
        }
    }

    /// Threads of this process's own stages.
    private var threads: Int {
        let perWorker = request.threads ?? topology.plan().map(\.threads).max() ?? 1
        return max(
            1,
            request.threads == nil ? topology.plan().map(\.threads).reduce(0, +) : perWorker
        )
    }

    /// Where the local workers compute; none with `--local-workers 0`.
    private var placements: [ChildPlacement] {
        if request.localWorkers == 0 { return [] }
        if request.localWorkers == nil, request.listen != nil { return [] }
        return topology.plan(childCount: request.localWorkers, threads: request.threads)
    }

    // MARK: - After

    private func publish(
        _ state: Continuation,
        _ digests: [UInt32: Digest128],
        _ lost: [LostPerturbation],
        _ screen: LoadedScreen,
        _ directory: RunDirectory,
        _ report: inout RunReport
    ) throws(RunFailure) -> Ending {
        let publication = Publication(
            rows: state.rows,
            schema: schema,
            cache: state.global.cache,
            minimumMean: request.options.minimumMean,
            earlier: request.earlier
        )
        FailPoint.pass("before-publication")
        let tally = try publication.complete(digests: digests, lost: lost)
        try RunFailure.wrapping { () throws(AnnDataWriteError) in
            try ScanpyGroups.fill(
                state.rows,
                genes: screen.genes,
                memoryBytes: request.memory.controlTile
            )
        }
        FailPoint.pass("completed")
        let frame = try FrameDigest.compute(path: state.rows.path, map: state.rows.map)
        guard "\(frame)" == state.frameDigest else {
            throw RunFailure(
                .inputOutput,
                "\(state.rows.path) is not what was written to it; check the disk, then run again "
                    + "with --resume"
            )
        }
        FailPoint.pass("before-rename")
        try state.hold.check()
        try RunFailure.wrapping { () throws(AnnDataWriteError) in
            try PublishedFile.publish(
                state.rows.path,
                as: request.output,
                replacing: request.force
            )
        }
        FailPoint.pass("after-rename")
        let labels = screen.plan.perturbations
        report.tally = schema == .shrinkage ? nil : tally
        report.lost = lost.map {
            RunReport.Lost(
                perturbation: labels[$0.perturbation],
                kind: $0.kind,
                reasons: $0.reasons
            )
        }
        clock.ended("publishing", &report)
        // The result is published: a report that cannot be written must not hide that.
        do {
            try PlainFile.replace(directory.reportPath, with: try report.json())
        } catch {
            log.warning("the report cannot be written", metadata: ["why": "\(error)"])
        }
        FailPoint.pass("reported")
        directory.clean()
        return .reported(report, lost.isEmpty ? .complete : .incomplete)
    }
}

/// Time and memory from one stage's end to the next.
struct StageClock {
    private var last = monotonicNanoseconds()
    private var lastCPU = RunProfile.usage(ofChildren: false).cpuSeconds

    mutating func ended(_ stage: String, _ report: inout RunReport) {
        let now = monotonicNanoseconds()
        let (cpu, peak) = RunProfile.usage(ofChildren: false)
        let seconds = Double(now - last) / 1e9
        report.seconds[stage] = seconds
        report.profile?.stages.append(
            RunProfile.Stage(
                name: stage,
                wallSeconds: seconds,
                cpuSeconds: cpu - lastCPU,
                peakBytes: peak
            )
        )
        let children = RunProfile.usage(ofChildren: true)
        report.profile?.workerCPUSeconds = children.cpuSeconds
        report.profile?.workerPeakBytes = children.peakBytes
        last = now
        lastCPU = cpu
    }
}
