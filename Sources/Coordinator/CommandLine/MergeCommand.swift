import ArgumentParser
import Foundation
import Logging
import NodeTopology

/// The command line `crispyx-coordinator merge --run-dir R`.
struct MergeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "merge",
        abstract: "Write the result of a prepared run from the rows that its parts have left.",
        discussion: """
            Takes the first whole row of every perturbation, checks its digest, and publishes what \
            'run' would have, byte for byte. The screen is not read. Rows that are missing are named \
            together with the commands that fit them (75). Prints the result's path.

            EXAMPLE
              crispyx-coordinator merge --run-dir /shared/R

            EXIT STATUS
              0 complete, 3 published but some perturbations have no row, 64 usage, 65 the run \
            directory is damaged, 66 no prepared run there, 73 cannot create the output, 74 \
            input/output error or disk full, 75 rows are missing, 77 prepared by another build.
            """
    )

    @Option(help: ArgumentHelp("The directory of the prepared run.", valueName: "path"))
    var runDir: String

    @Option(
        name: .shortAndLong,
        help: ArgumentHelp(
            "Path of the result; by default the one that was given to 'prepare'.",
            valueName: "path"
        )
    )
    var output: String?

    @Flag(help: "Replace an existing result.")
    var force = false

    @Flag(help: "Publish without the rows that are missing; their perturbations count as failed.")
    var allowMissing = false

    @Flag(help: "Print a summary as JSON instead of the result's path.")
    var json = false

    @OptionGroup(title: "Log") var logging: LogArguments

    func run() throws {
        let log = logging.logger
        let runner = RunRunner(log: log, quiet: logging.quiet, json: json)
        let job = MergeJob(
            directory: RunDirectory(path: URL(filePath: runDir).path),
            output: output.map { URL(filePath: $0).path },
            force: force,
            allowMissing: allowMissing,
            log: log
        )
        try runner.merge(job)
    }
}
