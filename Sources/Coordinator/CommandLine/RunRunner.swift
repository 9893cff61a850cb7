import AnnData
import ArgumentParser
import ChildProcesses
import DifferentialExpression
import Foundation
import Logging
import Reporting

/// Carries a run from its request to the exit status, for every command that runs one.
struct RunRunner {
    let log: Logger
    let quiet: Bool
    let json: Bool

    /// Runs and reports.
    ///
    /// - Parameter request: Makes the request; its failures are reported like those of the run.
    /// - Throws: `ExitCode` unless the result is complete.
    func run(_ request: () throws -> RunRequest) throws {
        let log = log
        try reporting { display in
            let signals = RunSignals { signal in
                log.notice("ended as asked; --resume goes on", metadata: ["signal": "\(signal)"])
            }
            try signals.start()
            var request = try request()
            request.commandLine = CommandLine.arguments
            let monitor = RunMonitor(request)
            display.watch = { monitor.note($0) }
            let status = try request.status.map { address throws(RunFailure) in
                try StatusService(address, monitor, log: log)
            }
            defer { status?.close() }
            let job = RunJob(
                request: request,
                log: log,
                display: display,
                signals: signals,
                monitor: monitor
            )
            switch try job.run() {
            case .signalled(let signal):
                display.clear()
                log.notice("stopped; finish with --resume")
                SignalWatch.endProcess(by: signal)
            case .reported(let report, let status):
                try finish(report, status, request.options)
            }
        }
    }

    /// Prepares a run for array mode and reports.
    ///
    /// - Parameter request: Makes the request.
    /// - Throws: `ExitCode` unless the run is prepared.
    func prepare(_ request: () throws -> RunRequest) throws {
        try reporting { display in
            let request = try request()
            let job = RunJob(request: request, log: log, display: display, signals: RunSignals { _ in })
            let report: RunReport
            switch try job.prepare() {
            case .prepared(let found):
                log.notice(
                    "prepared; fit it with 'crispyx-worker fit --shard I/N', then merge",
                    metadata: ["run_dir": "\(request.runDirectory)"]
                )
                report = found
            case .already(let found):
                log.notice("prepared already", metadata: ["run_dir": "\(request.runDirectory)"])
                report = found
            case .published(let found):
                log.notice("the result is there already", metadata: ["path": "\(found.output)"])
                report = found
            }
            display.clear()
            if json {
                print(String(decoding: try report.json(), as: UTF8.self))
            } else {
                print(request.runDirectory)
            }
        }
    }

    /// Merges a prepared run and reports.
    ///
    /// - Throws: `ExitCode` unless the result is complete.
    func merge(_ job: MergeJob) throws {
        try reporting { _ in
            let (report, status, options) = try job.run()
            try finish(report, status, options)
        }
    }

    /// Turns failures into a line on standard error and an exit status.
    private func reporting(_ body: (ProgressDisplay) throws -> Void) throws {
        let display = ProgressDisplay(log: log, isQuiet: quiet)
        do {
            try body(display)
        } catch let failure as RunFailure {
            display.clear()
            log.error("\(failure.description)")
            throw ExitCode(failure.status.rawValue)
        } catch let exit as ExitCode {
            throw exit
        } catch let error as ValidationError {
            throw error
        } catch {
            display.clear()
            log.error("\(error)")
            throw ExitCode(ProgramStatus.internalError.rawValue)
        }
    }

    private func finish(
        _ report: RunReport,
        _ status: ProgramStatus,
        _ options: AnalysisOptions?
    ) throws {
        if report.outcome == .alreadyComplete {
            log.notice("the result is there already", metadata: ["path": "\(report.output)"])
        }
        if let tally = report.tally, let options { tell(tally, options) }
        for lost in report.lost {
            log.error(
                "no row for perturbation '\(lost.perturbation)'",
                metadata: [
                    "kind": "\(lost.kind.rawValue)",
                    "reasons": "\(lost.reasons.joined(separator: "; "))",
                ]
            )
        }
        if json {
            print(String(decoding: try report.json(), as: UTF8.self))
        } else {
            print(report.output)
        }
        if status != .complete { throw ExitCode(status.rawValue) }
    }

    private func tell(_ tally: PairTally, _ options: AnalysisOptions) {
        var text =
            "\(tally.tested) gene tests, \(tally.significant) with an adjusted p-value below 0.05"
        if options.method == .nbGLM, options.minimumMean > 0, tally.floored > 0 {
            let share = Double(tally.floored) / Double(max(tally.tested, 1)) * 100
            text += """
                ; in \(Int(share.rounded())) % of them the gene's control mean lies below \
                --min-mu \(options.minimumMean), which flattens its fold change
                """
        }
        log.notice("\(text)")
    }
}

extension RunRequest {
    /// A request for what the machine and output options say; the matrix is X and all perturbations
    /// are tested.
    init(
        input: String,
        output: String,
        options: AnalysisOptions,
        machine: MachineArguments,
        outputs: OutputArguments,
        status: StatusArguments? = nil,
        logFormat: LogFormat
    ) throws {
        self.init(
            input: input,
            matrix: .x,
            options: options,
            scanpyFormat: false,
            profiling: outputs.profiling,
            output: output,
            runDirectory: outputs.runDir.map { URL(filePath: $0).path } ?? output + ".crispyx",
            force: outputs.force,
            resume: outputs.resume,
            localWorkers: machine.localWorkers,
            threads: machine.threads,
            listen: machine.listenAddress,
            hosts: try machine.hostEntries(),
            expectsOthers: machine.listen != nil,
            numa: try machine.numaNodes(),
            logFormat: logFormat,
            status: status?.address,
            security: try machine.security(),
            fitTimeout: .seconds(machine.fitTimeout.seconds),
            memoryBytes: try machine.memoryBytes(),
            scratchDirectory: machine.scratchDirectory,
            dataPlane: machine.dataPlane
        )
    }
}

extension LogArguments {
    /// The log of the program as these options want it.
    var logger: Logger {
        Logger(
            program: "crispyx-coordinator",
            level: quiet ? .warning : verbose ? .debug : .info,
            format: logFormat
        )
    }
}
