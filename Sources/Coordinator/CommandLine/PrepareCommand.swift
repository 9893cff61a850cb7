import ArgumentParser
import Logging

/// The command line `crispyx-coordinator prepare INPUT.h5ad --run-dir R ...`.
struct PrepareCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "prepare",
        abstract: "Leave in a run directory all that fits need, for engines that distribute work.",
        discussion: """
            Array mode, without a listening port: 'prepare' reads the screen and freezes what is \
            global; 'crispyx-worker fit --run-dir R --shard I/N', once for every I from 0 to N-1, on \
            any machines that see R; 'merge' writes the result, byte for byte that of 'run'. \
            Options are those of 'run'. Prints the run directory.

            Doing it again with the same screen and options changes nothing; with others it is \
            refused unless --force is given, which forgets the rows fitted so far.

            EXAMPLE
              crispyx-coordinator prepare screen.h5ad --run-dir /shared/R --method nb-glm \\
                --perturbation-column gene --control-label non-targeting --output result.h5ad
              seq 0 7 | parallel crispyx-worker fit --run-dir /shared/R --shard {}/8
              crispyx-coordinator merge --run-dir /shared/R

            EXIT STATUS
              Those of 'run'.
            """
    )

    @OptionGroup var arguments: RunArguments

    func validate() throws {
        let machine = arguments.machine
        let idle: [(Bool, String)] = [
            (machine.listen != nil, "--listen"), (machine.hosts != nil, "--hosts"),
            (machine.tokenFile != nil, "--token-file"),
            (machine.localWorkers != nil, "--local-workers"),
            (machine.dataPlane != .link, "--data-plane"),
            (arguments.outputs.resume, "--resume"),
        ]
        if let (_, name) = idle.first(where: \.0) {
            throw ValidationError("\(name) has no effect: prepare starts and serves no workers")
        }
    }

    func run() throws {
        let log = arguments.logging.logger
        arguments.tellDefaults(log)
        let runner = RunRunner(
            log: log,
            quiet: arguments.logging.quiet,
            json: arguments.outputs.json
        )
        try runner.prepare { try arguments.request() }
    }
}
