import AnnData
import ArgumentParser
import Foundation
import NodeTopology

/// The command line `crispyx-coordinator inspect FILE.h5ad`.
struct InspectCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect",
        abstract: "Show what a screen file holds, what would run, and what it would take.",
        discussion: """
            Reads metadata only, so it answers at once whatever the size of the file. With \
            --perturbation-column it lists the labels and says which would be the control.

            EXAMPLE
              crispyx-coordinator inspect screen.h5ad --perturbation-column perturbation
            """
    )

    @Argument(help: ArgumentHelp("The screen.", valueName: "input.h5ad"))
    var input: String

    @Option(
        name: [.long, .customLong("groupby")],
        help: ArgumentHelp("Column of obs to look at.", valueName: "column")
    )
    var perturbationColumn: String?

    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
        do {
            let file = try ScreenFile.open(input)
            let labels = try perturbationColumn.map { try file.labels(column: $0) }
            let inspection = Inspection(
                path: input,
                contents: file.contents(),
                labels: labels,
                column: perturbationColumn
            )
            print(json ? try inspection.json() : inspection.text)
        } catch let error as AnnDataError {
            let failure = RunFailure(error)
            FileHandle.standardError.write(Data("\(failure.description)\n".utf8))
            throw ExitCode(failure.status.rawValue)
        }
    }
}
