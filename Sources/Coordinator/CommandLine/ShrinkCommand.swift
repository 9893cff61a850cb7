import AnnData
import ArgumentParser
import DifferentialExpression
import Foundation
import Logging

/// The command line `crispyx-coordinator shrink RESULT.h5ad --method stats|full`.
struct ShrinkCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "shrink",
        abstract: "Shrink the fold changes of an nb-glm result (apeGLM).",
        discussion: """
            Draws uncertain fold changes towards 0 by a Cauchy prior and leaves clear ones as they \
            are. Writes a new result in which X, logfoldchanges and standard_error are the \
            posterior's; tests and all other layers stay.

            EXAMPLES
              From estimates and standard errors alone, in seconds:
                crispyx-coordinator shrink result.h5ad --method stats
              With the likelihood of the counts, which are read again, on worker processes:
                crispyx-coordinator shrink result.h5ad --method full --input screen.h5ad
            """
    )

    /// How the posterior is found.
    enum Method: String, ExpressibleByArgument, CaseIterable {
        case stats
        case full
    }

    @Argument(help: ArgumentHelp("A result of nb-glm.", valueName: "result.h5ad"))
    var result: String

    @Option(help: "stats (estimates and errors) or full (the counts, read again).")
    var method: Method

    @Option(
        help: ArgumentHelp(
            "The screen that the result was computed from, for --method full; by default the one "
                + "that the result's run directory names.",
            valueName: "counts.h5ad"
        )
    )
    var input: String?

    @Option(
        help: """
            Which pairs the prior's scale is estimated from: all (global) or those of each \
            perturbation (per_comparison).
            """
    )
    var priorScaleMode: AnalysisOptions.Scope = .global

    @Option(help: "Floor of fitted means for --method full, counts per cell; 0 for none.")
    var minMu: Double?

    @Option(help: "Reproduce the numbers of this release of the Python package.")
    var compat: String = "crispyx-0.0.4"

    @Option(help: "Read this layer of the counts instead of X.")
    var layer: String?

    @Flag(help: "Read raw/X of the counts.")
    var useRaw = false

    @Option(help: "Column of var with gene names; by default the index.")
    var geneNameColumn: String?

    @OptionGroup(title: "Machine") var machine: MachineArguments
    @OptionGroup(title: "Output") var outputs: OutputArguments
    @OptionGroup(title: "Watching") var status: StatusArguments
    @OptionGroup(title: "Configuration") var configFile: ConfigurationArguments
    @OptionGroup(title: "Log") var logging: LogArguments

    func validate() throws {
        if method == .stats, input != nil || minMu != nil || layer != nil || useRaw {
            throw ValidationError(
                "--input, --min-mu, --layer and --use-raw have an effect with --method full only"
            )
        }
        if method == .stats, status.statusPort != nil {
            throw ValidationError("--status-port has an effect with --method full only")
        }
        if compat != "crispyx-0.0.4" {
            throw ValidationError("--compat \(compat) is unknown; there is crispyx-0.0.4")
        }
        if layer != nil, useRaw {
            throw ValidationError("--layer and --use-raw name two matrices; choose one")
        }
        if let minMu, !(minMu >= 0 && minMu.isFinite) {
            throw ValidationError("--min-mu must be at least 0")
        }
    }

    func run() throws {
        let log = logging.logger
        do {
            let earlier = try EarlierResult(path: result)
            if earlier.wasShrunkInline {
                log.warning(
                    "the result was shrunk while it was fitted; its errors are posterior ones already"
                )
            }
            switch method {
            case .stats: try shrinkByEstimates(earlier, log)
            case .full: try shrinkByCounts(earlier, log)
            }
        } catch let failure as RunFailure {
            log.error("\(failure.description)")
            throw ExitCode(failure.status.rawValue)
        }
    }

    /// Path of the shrunken result: the earlier one's name and `_shrunk`.
    private var output: String {
        if let path = outputs.output { return URL(filePath: path).path }
        var name =
            outputs.dataName
            ?? {
                let stem = ((result as NSString).lastPathComponent as NSString)
                    .deletingPathExtension
                return stem.hasSuffix("_shrunk") ? stem : stem + "_shrunk"
            }()
        if !name.hasPrefix("crispyx_") { name = "crispyx_" + name }
        let directory = outputs.outputDir ?? (result as NSString).deletingLastPathComponent
        return URL(filePath: directory.isEmpty ? name + ".h5ad" : directory + "/\(name).h5ad").path
    }

    private func shrinkByEstimates(_ earlier: EarlierResult, _ log: Logger) throws {
        let job = EstimateShrinkageJob(
            earlier: earlier,
            scope: priorScaleMode,
            output: output,
            force: outputs.force,
            threads: machine.threads ?? ProcessInfo.processInfo.activeProcessorCount
        )
        if case .alreadyThere = try job.run() {
            log.notice("the result is there already", metadata: ["path": "\(output)"])
        }
        if outputs.json {
            let report = [
                "output": output, "method": "stats", "prior_scale_mode": priorScaleMode.rawValue,
            ]
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
            print(String(decoding: try encoder.encode(report), as: UTF8.self))
        } else {
            print(output)
        }
    }

    private func shrinkByCounts(_ earlier: EarlierResult, _ log: Logger) throws {
        var options = AnalysisOptions(
            perturbationColumn: earlier.perturbationColumn,
            controlLabel: earlier.controlLabel
        )
        options.method = .shrinkage
        options.minimumMean = minMu ?? 0
        options.foldChangeBase = earlier.foldChangeBase
        options.priorScaleScope = priorScaleMode
        let globalScale = try earlier.globalPriorScale()
        options.priorScale = priorScaleMode == .global ? globalScale : nil
        let runner = RunRunner(log: log, quiet: logging.quiet, json: outputs.json)
        try runner.run {
            var request = try RunRequest(
                input: try countsPath(),
                output: output,
                options: options,
                machine: machine,
                outputs: outputs,
                status: status,
                logFormat: logging.logFormat
            )
            request.matrix = useRaw ? .raw : layer.map { .layer($0) } ?? .x
            request.geneNameColumn = geneNameColumn
            request.controlLabel = earlier.controlLabel
            request.perturbations = earlier.reader.perturbations
            request.earlier = EarlierRows(result: earlier, globalScale: globalScale)
            return request
        }
    }

    /// Where the counts are: named, or written down by the run that made the result.
    private func countsPath() throws(RunFailure) -> String {
        if let input { return input }
        struct Report: Decodable { var input: String? }
        let report = (outputs.runDir ?? result + ".crispyx") + "/report.json"
        if let data = FileManager.default.contents(atPath: report),
            let path = try? JSONDecoder().decode(Report.self, from: data).input
        {
            return path
        }
        throw RunFailure(
            .noInput,
            "\(report) does not say which screen \(result) was computed from; name it with --input"
        )
    }
}
