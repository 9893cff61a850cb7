import ArgumentParser
import DifferentialExpression
import Foundation
import Logging

/// The command line `crispyx-coordinator [run] INPUT.h5ad ...`.
struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Test every perturbation of a screen against control cells.",
        discussion: """
            Reads the screen once, freezes what is global, fits every perturbation in worker \
            processes, and writes one .h5ad with perturbations as rows, genes as columns and one \
            layer for each statistic. The result is the same, byte for byte, for any number of \
            workers and threads.

            EXAMPLES
              All perturbations against the control label, on this machine:
                crispyx-coordinator screen.h5ad --method nb-glm \\
                  --perturbation-column perturbation --control-label non-targeting
              Log-normalised expression, rank sums:
                crispyx-coordinator lognorm.h5ad --method wilcoxon \\
                  --perturbation-column perturbation --control-label non-targeting
              Counts in a layer, half the memory, two worker processes of four threads:
                crispyx-coordinator screen.h5ad --method nb-glm --perturbation-column gene \\
                  --layer counts --memory-limit 8G --local-workers 2 --threads 4
              Workers on other machines, started over ssh:
                crispyx-coordinator screen.h5ad --method nb-glm --perturbation-column gene \\
                  --hosts cluster/hosts.txt
              Workers that others start:
                crispyx-coordinator screen.h5ad --method nb-glm --perturbation-column gene \\
                  --listen :7400
                crispyx-worker --connect node0:7400 --token-file token

            EXIT STATUS
              0 complete, 3 published but some perturbations have no row, 64 usage, 65 bad input,
              66 no such input, 69 no workers, 70 internal, 73 cannot create the output,
              74 input/output error or disk full, 75 stopped early (--resume goes on),
              77 not authorised or another version, 128+N ended by signal N (--resume goes on).
            """
    )

    @OptionGroup var arguments: RunArguments
    @OptionGroup(title: "Watching") var status: StatusArguments

    func run() throws {
        let log = arguments.logging.logger
        arguments.tellDefaults(log)
        let runner = RunRunner(
            log: log,
            quiet: arguments.logging.quiet,
            json: arguments.outputs.json
        )
        try runner.run { try arguments.request(status: status) }
    }
}

/// Lists on the command line: repeated options, or `@FILE` with one value a line.
package enum ListArgument {
    /// Replaces every `@FILE` by the lines of the file; blank lines are skipped.
    ///
    /// - Throws: ``RunFailure`` with status `noInput` when a file cannot be read.
    package static func expand(_ values: [String]) throws(RunFailure) -> [String] {
        var expanded: [String] = []
        for value in values {
            guard value.hasPrefix("@") else {
                expanded.append(value)
                continue
            }
            let path = String(value.dropFirst())
            guard let data = FileManager.default.contents(atPath: path) else {
                throw RunFailure(.noInput, "\(path): cannot read the list")
            }
            expanded += String(decoding: data, as: UTF8.self)
                .split(whereSeparator: \.isNewline).map(String.init)
                .filter { !$0.allSatisfy(\.isWhitespace) }
        }
        return expanded
    }
}
