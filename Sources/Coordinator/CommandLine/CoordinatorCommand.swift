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
            ShrinkCommand.self, StatusCommand.self, PrepareCommand.self, MergeCommand.self,
        ],
        defaultSubcommand: RunCommand.self
    )

    /// Entry point: options of the Python package that mean nothing here are refused by name before
    /// anything is parsed, and a configuration file's options join those of the command line.
    static func main() {
        let arguments = Array(CommandLine.arguments.dropFirst())
        if let message = OptionsOfTheReference.refusal(of: arguments) { complain(message, .usage) }
        // A closed pipe and a file at its size limit are errors to report, not reasons to die.
        signal(SIGPIPE, SIG_IGN)
        signal(SIGXFSZ, SIG_IGN)
        var configured: ConfiguredArguments?
        if arguments.contains(where: { $0 == "--config" || $0.hasPrefix("--config=") }) {
            do throws(RunFailure) {
                configured = try ConfiguredArguments(arguments, .ofThisProgram)
            } catch {
                complain(error.description, error.status)
            }
        }
        do {
            var command = try parseAsRoot(configured?.arguments ?? arguments)
            try command.run()
        } catch {
            if !exitCode(for: error).isSuccess,
                let text = configured?.explained(message(for: error))
            {
                complain(text, .usage)
            }
            exit(withError: error)
        }
    }

    private static func complain(_ text: String, _ status: ProgramStatus) -> Never {
        FileHandle.standardError.write(Data("crispyx-coordinator: \(text)\n".utf8))
        Glibc.exit(status.rawValue)
    }
}

extension ProgramOptions {
    /// The commands of this program, as its parser declares them.
    package static var ofThisProgram: ProgramOptions {
        struct Description: Decodable { var command: CommandDescription }
        let json = Data(CoordinatorCommand._dumpHelp().utf8)
        guard let description = try? JSONDecoder().decode(Description.self, from: json) else {
            preconditionFailure("the parser describes itself in its own format")
        }
        return ProgramOptions(description.command)
    }
}
