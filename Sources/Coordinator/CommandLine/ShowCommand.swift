import AnnData
import ArgumentParser
import Foundation

/// The command line `crispyx-coordinator show RESULT.h5ad`.
struct ShowCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Show the strongest effects of a result.",
        discussion: """
            Prints the genes with the largest |z| of each perturbation, or all perturbations of one \
            gene. Reads only the rows it prints.

            EXAMPLES
              crispyx-coordinator show result.h5ad --perturbation GATA1 --top 20
              crispyx-coordinator show result.h5ad --gene MYC --tsv
            """
    )

    @Argument(help: ArgumentHelp("The result.", valueName: "result.h5ad"))
    var result: String

    @Option(help: ArgumentHelp("Only this perturbation.", valueName: "label"))
    var perturbation: String?

    @Option(help: ArgumentHelp("Only this gene, in all perturbations.", valueName: "name"))
    var gene: String?

    @Option(help: "Genes for each perturbation, or perturbations for a gene.")
    var top: Int = 5

    @Flag(help: "Print tab-separated values.")
    var tsv = false

    @Flag(help: "Print JSON.")
    var json = false

    func validate() throws {
        if top < 1 { throw ValidationError("--top must be at least 1") }
        if tsv, json { throw ValidationError("--tsv and --json exclude each other") }
        if perturbation != nil, gene != nil {
            throw ValidationError("--perturbation and --gene exclude each other")
        }
    }

    func run() throws {
        do {
            guard FileManager.default.fileExists(atPath: result) else {
                throw RunFailure(.noInput, "\(result): no such file")
            }
            let reader = try ResultReader(path: result)
            let table = try EffectTable(reader: reader)
            let effects =
                if let gene {
                    try table.effects(ofGene: gene, top: top)
                } else {
                    try table.effects(ofPerturbation: perturbation, top: top)
                }
            print(try EffectText(effects: effects).rendered(tsv ? .tsv : json ? .json : .table))
        } catch let failure as RunFailure {
            FileHandle.standardError.write(Data("\(failure.description)\n".utf8))
            throw ExitCode(failure.status.rawValue)
        } catch let error as AnnDataWriteError {
            FileHandle.standardError.write(Data("\(error)\n".utf8))
            throw ExitCode(ProgramStatus.badInput.rawValue)
        }
    }
}
