import ArgumentParser
import ChildProcesses
import Foundation
import Logging
import NodeTopology
import Reporting
import Transport
import WireProtocol

/// The command line of `crispyx-worker`.
@main
struct WorkerCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "crispyx-worker",
        abstract: "Fits perturbations for a crispyx-coordinator.",
        discussion: """
            A worker needs a connection and nothing else: no input file, no HDF5, no shared disk. \
            It starts one process for each NUMA node of the machine, pinned to the node's CPUs and \
            memory, with one thread for each CPU.

            EXAMPLES
              On the machine of the coordinator or one that sees its run directory:
                crispyx-worker --connect @screen.h5ad.crispyx
              Anywhere else, with the run's token in a file that only you can read:
                crispyx-worker --connect node0:7400 --token-file token

            EXIT STATUS
              0 left in order, 64 usage, 69 no coordinator answered, 70 internal, 75 the connection
              was lost, 77 not authorised or another version.
            """,
        version: BuildIdentity.release
    )

    @Option(
        help: ArgumentHelp(
            "Where the coordinator is: HOST:PORT, or @RUNDIR to read address and token from a run "
                + "directory.",
            valueName: "where"
        )
    )
    var connect: String

    @Option(help: "File with the run's token; its mode must be 0600.")
    var tokenFile: String?

    @Option(help: "Threads in each process; by default one for each CPU of its node.")
    var threads: Int?

    @Option(help: "Memory for all processes together, such as 8G; by default 70 % of what is free.")
    var memoryLimit: String?

    @Option(
        help:
            "Seconds to go on trying to connect; a coordinator listens once it has read its input."
    )
    var connectTimeout: Int = 900

    @Option(help: "How log lines look: text or json.")
    var logFormat: LogFormat = .text

    @Flag(name: .shortAndLong, help: "Log only warnings and errors.")
    var quiet = false

    @Flag(name: .shortAndLong, help: "Log every step.")
    var verbose = false

    @Option(help: .hidden)
    var placement: String?

    @Option(help: .hidden)
    var lifeline: Int32?

    func validate() throws {
        if let threads, threads < 1 { throw ValidationError("--threads must be at least 1") }
        if let memoryLimit, (try? MemorySize(parsing: memoryLimit)) == nil {
            throw ValidationError("--memory-limit \(memoryLimit) is no size; write 8G or 512M")
        }
        if WorkerTarget(connect) == nil {
            throw ValidationError(
                "--connect \(connect) is neither HOST:PORT nor @RUNDIR nor fd:NUMBER"
            )
        }
    }

    func run() throws {
        let log = Logger(
            program: "crispyx-worker",
            level: quiet ? .warning : verbose ? .debug : .info,
            format: logFormat
        )
        guard let target = WorkerTarget(connect) else { throw ExitCode(64) }
        let status: Int32
        do {
            if placement != nil {
                status = try WorkerChild(command: self, target: target, log: log).run()
            } else if case .descriptor = target {
                status = try WorkerChild(command: self, target: target, log: log).run()
            } else {
                status = try WorkerParent(command: self, log: log).run()
            }
        } catch {
            log.error("\(error)")
            throw ExitCode(70)
        }
        throw ExitCode(status)
    }

    /// Memory that all processes of this worker may use together, bytes.
    var memoryBytes: Int {
        if let memoryLimit, let size = try? MemorySize(parsing: memoryLimit) { return size.bytes }
        return MemoryLimits().availableBytes / 10 * 7
    }
}

extension LogFormat: ExpressibleByArgument {}
