package import ArgumentParser
import Foundation
import Reporting

/// `simulate`: writes a screen whose truth is known.
package struct SimulateCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "simulate",
        abstract: "Write a simulated screen with known effects.",
        discussion: """
            The screen is an AnnData file of raw counts (X, CSR) that 'run' takes as it is, for \
            demonstrations, tests and power checks. Counts are negative binomial; each \
            perturbation knocks down the gene it is named after and changes some others. The \
            control cells are labelled 'control' in obs column 'perturbation'.

            The truth is in the file: uns/truth (perturbation, gene, log2_fold_change), var \
            (mean, dispersion), obs (batch, size_factor), and the options in uns/simulation. \
            The same options give the same counts on every machine.

            The defaults give 18,480 cells, about 40 % of their counts above 0 \
            (30 million). A small one for a quick look:

              crispyx-coordinator simulate tiny.h5ad --perturbations 10 --genes 500 \
            --cells-per-perturbation 50
            """
    )

    @Argument(help: "The file to write, for example screen.h5ad.", completion: .file())
    var output: String

    @Option(help: "Mean number of cells of a perturbation.")
    var cellsPerPerturbation = ScreenDesign().cellsPerPerturbation

    @Option(help: "Log standard deviation of that number; 0 makes all perturbations alike.")
    var cellsSd = ScreenDesign().cellsLogDeviation

    @Option(help: "Number of control cells (default: 10 x --cells-per-perturbation).")
    var controlCells: Int?

    @Option(help: "Number of genes.")
    var genes = ScreenDesign().genes

    @Option(help: "Number of perturbations, each of another gene with a mean above 1 if possible.")
    var perturbations = ScreenDesign().perturbations

    @Option(help: "Start of the random numbers; another seed gives another screen.")
    var seed = ScreenDesign().seed

    @Option(help: "Mean number of counts (UMIs) of a cell.")
    var depth = ScreenDesign().depth

    @Option(help: "Log standard deviation of the cells' size factors.")
    var sizeFactorSd = ScreenDesign().sizeFactorLogDeviation

    @Option(help: "Number of batches, to which cells belong at random.")
    var batches = ScreenDesign().batches

    @Option(help: "Log standard deviation of a gene's factor in a batch, if there are several.")
    var batchSd = ScreenDesign().batchLogDeviation

    @Option(help: "Number of further genes that each perturbation changes.")
    var effects = ScreenDesign().effects

    @Option(help: "Standard deviation of their log2 fold changes.")
    var effectSd = ScreenDesign().effectDeviation

    @Option(parsing: .unconditional, help: "Log2 fold change of the perturbed gene itself.")
    var knockdown = ScreenDesign().knockdown

    @Flag(inversion: .prefixedNo, help: "Put the cells in random order.")
    var shuffle = true

    @Option(help: "Compress the counts with gzip, level 1 to 9; 0 does not.")
    var gzip = 0

    @Option(help: "Threads that draw counts (default: the cores this process may use).")
    var threads: Int?

    @Flag(help: "Replace an existing file.")
    var force = false

    @Flag(name: .shortAndLong, help: "Report no progress.")
    var quiet = false

    /// A command with every option at its default.
    package init() {}

    /// The design that the options describe.
    package var design: ScreenDesign {
        var design = ScreenDesign()
        design.cellsPerPerturbation = cellsPerPerturbation
        design.cellsLogDeviation = cellsSd
        design.controlCells = controlCells
        design.genes = genes
        design.perturbations = perturbations
        design.seed = seed
        design.depth = depth
        design.sizeFactorLogDeviation = sizeFactorSd
        design.batches = batches
        design.batchLogDeviation = batchSd
        design.effects = effects
        design.effectDeviation = effectSd
        design.knockdown = knockdown
        design.isShuffled = shuffle
        return design
    }

    /// Checks the options before anything is done.
    package func validate() throws {
        if let problem = design.problem { throw ValidationError(problem) }
        guard (0...9).contains(gzip) else {
            throw ValidationError("--gzip must be from 0 to 9, not \(gzip)")
        }
        if let threads, !(1...1024).contains(threads) {
            throw ValidationError("--threads must be from 1 to 1024, not \(threads)")
        }
        guard !output.isEmpty else { throw ValidationError("the output needs a name") }
    }

    /// Writes the screen and prints its path.
    ///
    /// - Throws: `ExitCode` after the reason was written to standard error.
    package func run() throws {
        do throws(RunFailure) {
            let summary = try SimulationJob.run(
                design: design,
                output: output,
                threads: threads ?? ProcessInfo.processInfo.activeProcessorCount,
                gzipLevel: gzip,
                force: force,
                progress: showProgress
            )
            report(summary)
            print(output)
        } catch {
            clearProgress()
            ErrorStream.write("crispyx-coordinator: \(error)\n")
            throw ExitCode(error.status.rawValue)
        }
    }

    private func showProgress(done: Int, total: Int) {
        guard !quiet, ErrorStream.isTerminal else { return }
        ErrorStream.draw(bar: "simulating: \(done) of \(total) cells")
    }

    private func clearProgress() {
        if !quiet, ErrorStream.isTerminal { ErrorStream.draw(bar: "") }
    }

    private func report(_ summary: SimulationJob.Summary) {
        clearProgress()
        guard !quiet else { return }
        let percent = (summary.density * 1000).rounded() / 10
        ErrorStream.write(
            "\(summary.cells) cells x \(summary.genes) genes, \(summary.nonzeros) counts above 0 "
                + "(\(percent) %)\n"
        )
    }
}
