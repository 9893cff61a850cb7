import ArgumentParser
import DifferentialExpression
import Foundation
import Logging

/// The screen and all options of commands that analyse one.
struct RunArguments: ParsableArguments {
    @Argument(help: ArgumentHelp("The screen.", valueName: "input.h5ad"))
    var input: String

    @OptionGroup(title: "Analysis") var analysis: AnalysisArguments
    @OptionGroup(title: "Low-expression filter") var filter: FilterArguments
    @OptionGroup(title: "Negative binomial GLM") var model: NegativeBinomialArguments
    @OptionGroup(title: "Machine") var machine: MachineArguments
    @OptionGroup(title: "Output") var outputs: OutputArguments
    @OptionGroup(title: "Configuration") var configFile: ConfigurationArguments
    @OptionGroup(title: "Log") var logging: LogArguments

    func validate() throws {
        let rules = OptionRules(
            options: options,
            given: Set(model.given),
            freezeIsAsked: model.freezeControl == .on
        )
        if let refusal = rules.refusal { throw ValidationError(refusal) }
    }

    /// Everything that decides the numbers; what only the input can tell is filled in later.
    private var options: AnalysisOptions {
        var options = AnalysisOptions(
            perturbationColumn: analysis.perturbationColumn,
            controlLabel: analysis.controlLabel ?? ""
        )
        options.method = analysis.method.analysis
        options.compatibility = analysis.compat
        options.filter = filter.filter
        if let correction = analysis.corrMethod { options.correction = correction }
        if let ties = analysis.tieCorrect { options.tieCorrection = ties }
        model.apply(to: &options)
        return options
    }

    /// Says what a default means where releases of the package differ.
    func tellDefaults(_ log: Logger) {
        if options.method == .nbGLM, model.freezeControl == .auto, options.freezeControl {
            log.info(
                """
                --freeze-control auto means on; \(analysis.compat) on a small machine would have \
                chosen off, with other p-values
                """
            )
        }
    }

    /// Everything that is asked.
    ///
    /// - Parameter status: Where the run can be watched; nil for nowhere.
    /// - Throws: ``RunFailure`` for files that cannot be read, `ValidationError` for sizes.
    func request(status: StatusArguments? = nil) throws -> RunRequest {
        // Absolute, so that the record of a run means the same from any working directory.
        let output = URL(filePath: outputs.path(input: input, suffix: options.method.rawValue)).path
        var request = try RunRequest(
            input: input,
            output: output,
            options: options,
            machine: machine,
            outputs: outputs,
            status: status,
            logFormat: logging.logFormat
        )
        request.matrix = analysis.matrix
        request.geneNameColumn = analysis.geneNameColumn
        request.controlLabel = analysis.controlLabel
        if !analysis.perturbations.isEmpty {
            request.perturbations = try ListArgument.expand(analysis.perturbations)
        }
        request.sizeFactorFile = model.sizeFactors
        request.sizeFactorColumn = model.sizeFactorColumn
        request.scanpyFormat = analysis.scanpyFormat
        return request
    }
}
