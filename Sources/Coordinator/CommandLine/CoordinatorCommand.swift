import ArgumentParser
import Foundation
import Glibc
import WireProtocol

/// The command line of `crispyx-coordinator`.
@main
struct CoordinatorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "crispyx-coordinator",
        abstract: "Differential expression for pooled single-cell CRISPR screens, distributed.",
        discussion: """
            Tests every (perturbation, gene) pair of a screen against control cells, in worker \
            processes on this machine and on others.

            Without a subcommand it runs: crispyx-coordinator screen.h5ad --method nb-glm ...
            """,
        version: BuildIdentity.release,
        subcommands: [
            RunCommand.self, InspectCommand.self, SimulateCommand.self, ShowCommand.self,
            ShrinkCommand.self, PrepareCommand.self, MergeCommand.self,
        ],
        defaultSubcommand: RunCommand.self
    )

    /// Entry point: what is planned but not there yet is refused by name before anything is parsed.
    static func main() {
        let arguments = Array(CommandLine.arguments.dropFirst())
        if let message = NotAvailableYet.refusal(of: arguments) {
            FileHandle.standardError.write(Data("crispyx-coordinator: \(message)\n".utf8))
            Glibc.exit(ProgramStatus.usage.rawValue)
        }
        // A closed pipe and a file at its size limit are errors to report, not reasons to die.
        signal(SIGPIPE, SIG_IGN)
        signal(SIGXFSZ, SIG_IGN)
        main(arguments)
    }
}
