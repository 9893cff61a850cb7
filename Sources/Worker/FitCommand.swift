import ArgumentParser
import ChildProcesses
import ComputeThreads
import Logging
import NodeTopology
import Reporting
import RunFiles
import WireProtocol

/// The command line `crispyx-worker fit --run-dir R --shard I/N`.
struct FitCommand: ParsableCommand {
    static let name = "fit"

    static let configuration = CommandConfiguration(
        commandName: "crispyx-worker fit",
        abstract: "Fit one part of a prepared run, without a coordinator.",
        discussion: """
            The run directory was made by 'crispyx-coordinator prepare' and is on a disk that this \
            machine sees. The perturbations are cut into N parts of about equal work; this command \
            fits part I, from 0 to N-1, and leaves the rows in the run directory, where \
            'crispyx-coordinator merge' finds them. It listens on no port and connects to nothing.

            What earlier attempts have left is kept: run the same command again after any end. Two \
            processes with the same part do no harm.

            EXAMPLES
              crispyx-coordinator prepare screen.h5ad --run-dir R --method nb-glm ...
              crispyx-worker fit --run-dir R --shard 0/2
              crispyx-worker fit --run-dir R --shard 1/2
              crispyx-coordinator merge --run-dir R

            EXIT STATUS
              0 every row of the part is saved, 3 saved but some perturbations could not be fitted,
              64 usage, 65 the run directory is damaged or of another run, 66 no prepared run there,
              70 internal, 74 input/output error or disk full, 77 prepared by another build,
              128+N ended by signal N; after 74 and 128+N the same command goes on.
            """,
        version: BuildIdentity.release
    )

    @Option(help: ArgumentHelp("The directory of the prepared run.", valueName: "path"))
    var runDir: String

    @Option(help: ArgumentHelp("Which part of how many, from 0/N to N-1/N.", valueName: "i/n"))
    var shard: String

    @Option(help: "Threads; by default one for each CPU that this process may use.")
    var threads: Int?

    @Option(help: "Memory, such as 8G; by default 70 % of what is free.")
    var memoryLimit: String?

    @Option(help: "How log lines look: text or json.")
    var logFormat: LogFormat = .text

    @Flag(name: .shortAndLong, help: "Log only warnings and errors.")
    var quiet = false

    @Flag(name: .shortAndLong, help: "Log every step.")
    var verbose = false

    func validate() throws {
        guard Shard(shard) != nil else {
            throw ValidationError(
                "--shard \(shard) is no part: write I/N with I from 0 to N-1, such as 0/8 for the "
                    + "first of eight; N is at most \(Shard.mostParts)"
            )
        }
        if let threads, threads < 1 { throw ValidationError("--threads must be at least 1") }
        if let memoryLimit, (try? MemorySize(parsing: memoryLimit)) == nil {
            throw ValidationError("--memory-limit \(memoryLimit) is no size; write 8G or 512M")
        }
    }

    func run() throws {
        let log = Logger(
            program: "crispyx-worker",
            level: quiet ? .warning : verbose ? .debug : .info,
            format: logFormat
        )
        guard let shard = Shard(shard) else { throw ExitCode(64) }
        let mailbox = Mailbox<ShardEvent>()
        let signals = try SignalWatch.start([.terminate, .interrupt, .user1]) {
            mailbox.post(.signal($0))
        }
        defer { signals.stop() }
        do throws(ShardFailure) {
            let job = ShardJob(directory: runDir, shard: shard, limits: limits, log: log)
            switch try job.run(mailbox) {
            case .complete: return
            case .incomplete: throw ShardFailure(3, "some perturbations could not be fitted")
            case .signalled(let signal):
                log.notice("stopped; every finished row is saved, the same command goes on")
                SignalWatch.endProcess(by: signal)
            }
        } catch {
            log.error("\(error.description)")
            throw ExitCode(error.status)
        }
    }

    /// What this process may use.
    private var limits: FitLimits {
        let size = memoryLimit.flatMap { try? MemorySize(parsing: $0) }
        let available = size?.bytes ?? MemoryLimits().availableBytes / 10 * 7
        let cpus = Topology.discover().plan().map(\.threads).reduce(0, +)
        // Half for fits, as in a worker with a connection.
        return FitLimits(threads: threads ?? max(cpus, 1), memoryBytes: available / 2)
    }
}
