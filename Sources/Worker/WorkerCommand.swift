import ArgumentParser
import ChildProcesses
import Foundation
import Glibc
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
              With certificates in place of a token:
                crispyx-worker --connect node0:7400 --tls-cert worker.pem --tls-key worker.key \
                  --tls-ca ca.pem
              See where it would compute:
                crispyx-worker --show-topology --numa auto
              Without a coordinator, part 3 of 8 of a run prepared with 'crispyx-coordinator prepare':
                crispyx-worker fit --run-dir RUNDIR --shard 3/8
                crispyx-worker fit --help

            EXIT STATUS
              0 left in order, 64 usage, 69 no coordinator answered, 70 internal, 75 the connection
              was lost, 77 not authorised or another version.
            """,
        version: BuildIdentity.release
    )

    @Option(
        help: ArgumentHelp(
            "Where the coordinator is: HOST:PORT, several of those with commas between, or @RUNDIR "
                + "to read addresses and token from a run directory.",
            valueName: "where"
        )
    )
    var connect: String?

    @Option(
        help: "File with the run's token, mode 0600; '-' for the first line of standard input."
    )
    var tokenFile: String?

    @Option(
        help: ArgumentHelp(
            "The run directory as this machine sees it: what a coordinator with --data-plane shared "
                + "has left there is read instead of asked for. @RUNDIR says so, too.",
            valueName: "path"
        )
    )
    var runDir: String?

    @OptionGroup var certificates: CertificateArguments

    @Option(help: "Threads in each process; by default one for each CPU of its node.")
    var threads: Int?

    @Option(help: "Worker processes; by default one for each NUMA node.")
    var processes: Int?

    @Option(
        help: ArgumentHelp(
            "NUMA nodes to use: auto for all, off for none (the machine as one), or a list such as "
                + "0-1,3.",
            valueName: "nodes"
        )
    )
    var numa: String = "auto"

    @Flag(help: "Print the machine's NUMA nodes and where the processes would compute, then end.")
    var showTopology = false

    @Option(help: "Memory for all processes together, such as 8G; by default 70 % of what is free.")
    var memoryLimit: String?

    @Option(
        help:
            "Seconds to go on trying to connect; a coordinator listens once it has read its input."
    )
    var connectTimeout: Int = 900

    @Option(
        help: "Seconds to look for a coordinator that was lost, which may start again; 0 for none."
    )
    var reconnectTimeout: Int = 900

    @Flag(help: "End when standard input does, so that nothing outlives an ssh connection.")
    var endWithInput = false

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

    /// Entry point: the subcommand is chosen first, since its options have names of this command's.
    static func main() {
        let arguments = Array(CommandLine.arguments.dropFirst())
        if arguments.first == FitCommand.name {
            // A file at its size limit is an error to report, not a reason to die.
            signal(SIGXFSZ, SIG_IGN)
            FitCommand.main(Array(arguments.dropFirst()))
        } else {
            main(arguments)
        }
    }

    func validate() throws {
        if let threads, threads < 1 { throw ValidationError("--threads must be at least 1") }
        if let memoryLimit, (try? MemorySize(parsing: memoryLimit)) == nil {
            throw ValidationError("--memory-limit \(memoryLimit) is no size; write 8G or 512M")
        }
        if let processes, !(1...1024).contains(processes) {
            throw ValidationError("--processes must be from 1 to 1024")
        }
        do {
            _ = try NodeSelection(parsing: numa)
        } catch {
            throw ValidationError("--numa \(numa): write auto, off or a list such as 0-1,3")
        }
        if tokenFile != nil, certificates.files != nil {
            throw ValidationError("--tls-cert and --token-file exclude each other")
        }
        guard let connect else {
            if showTopology { return }
            throw ValidationError("--connect is missing: where is the coordinator?")
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
        if showTopology {
            let (topology, placements) = try plan(log)
            let memory = memoryBytes
            print(topology.report(placements: placements, memoryBytes: memory))
            return
        }
        guard let target = connect.flatMap({ WorkerTarget($0) }) else { throw ExitCode(64) }
        let status: Int32
        do {
            let credentials = try credentials()
            if isChild(target) {
                status = try WorkerChild(
                    command: self,
                    target: target,
                    credentials: credentials,
                    log: log
                ).run()
            } else {
                let (_, placements) = try plan(log)
                status = try WorkerParent(
                    command: self,
                    target: target,
                    credentials: credentials,
                    placements: placements,
                    log: log
                ).run()
            }
        } catch let exit as ExitCode {
            throw exit
        } catch let error as TransportError {
            log.error("\(error)")
            throw ExitCode(error.status)
        } catch {
            log.error("\(error)")
            throw ExitCode(70)
        }
        throw ExitCode(status)
    }

    /// What to prove itself with; certificates are looked at before anything is started.
    private func credentials() throws(TransportError) -> CredentialSource {
        if let files = certificates.files {
            _ = try files.load()
            return .certificates(files)
        }
        return tokenFile == "-" ? .token(try TokenFile.read(from: 0)) : .tokenFile(tokenFile)
    }

    /// Whether this process was started to fit rather than to start others.
    private func isChild(_ target: WorkerTarget) -> Bool {
        if case .descriptor = target { return true }
        return placement != nil
    }

    /// Where the processes compute.
    private func plan(_ log: Logger) throws -> (Topology, [ChildPlacement]) {
        do throws(NodeTopologyError) {
            let topology = try Topology.discover().selecting(try NodeSelection(parsing: numa))
            return (topology, topology.plan(childCount: processes, threads: threads))
        } catch {
            log.error("--numa \(numa): \(error)")
            throw ExitCode(64)
        }
    }

    /// Memory that all processes of this worker may use together, bytes.
    var memoryBytes: Int {
        if let memoryLimit, let size = try? MemorySize(parsing: memoryLimit) { return size.bytes }
        return MemoryLimits().availableBytes / 10 * 7
    }
}

extension LogFormat: ExpressibleByArgument {}
