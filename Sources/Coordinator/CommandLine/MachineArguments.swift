import ArgumentParser
import Foundation
import NodeTopology
import Reporting
import Transport

/// Options about processes, threads, memory and scratch space; none changes a number.
struct MachineArguments: ParsableArguments {
    @Option(help: "Threads of each worker process; by default the CPUs of its NUMA node.")
    var threads: Int?

    @Option(
        help: ArgumentHelp(
            "Worker processes on this machine: by default one for each NUMA node; 0 for none.",
            valueName: "count"
        )
    )
    var localWorkers: Int?

    @Option(
        help: ArgumentHelp(
            "NUMA nodes of this machine to use: auto for all, off for none (the machine as one), or "
                + "a list such as 0-1,3.",
            valueName: "nodes"
        )
    )
    var numa: String = "auto"

    @Option(
        help: ArgumentHelp(
            "Start workers over ssh on the machines of this file, one a line; see "
                + "cluster/hosts.txt. Listens on every interface, port chosen by the system, unless "
                + "--listen says otherwise.",
            valueName: "file"
        )
    )
    var hosts: String?

    @Option(
        help: ArgumentHelp(
            "Wait for workers on this address, port 7400 when omitted; start them with "
                + "'crispyx-worker --connect'. Connections are encrypted, with the run's token or "
                + "with certificates.",
            valueName: "address:port"
        )
    )
    var listen: String?

    @Option(
        help: ArgumentHelp(
            "The token workers must have, made when the file is absent; by default a new one in the "
                + "run directory.",
            valueName: "file"
        )
    )
    var tokenFile: String?

    @OptionGroup var certificates: CertificateArguments

    @Option(
        help: ArgumentHelp(
            "How workers get counts and frozen values: link (over their connections) or shared "
                + "(read from the run directory where they see it, over the link otherwise; faster "
                + "when many machines share a fast disk).",
            valueName: "link|shared"
        )
    )
    var dataPlane: DataPlane = .link

    @Option(
        name: [.long, .customLong("memory-limit-gb")],
        help: ArgumentHelp(
            "Memory of all processes on this machine together, such as 8G; a bare number counts "
                + "gigabytes. By default 70 % of what is free.",
            valueName: "size"
        )
    )
    var memoryLimit: String?

    @Option(
        help: ArgumentHelp(
            "Time after which the process of a fit that does not end is ended, such as 30m or 90s; ten "
                + "times what is usual for the perturbation's size when that is longer. Two such ends "
                + "give the perturbation up.",
            valueName: "duration"
        )
    )
    var fitTimeout: TimeLimit = .init(seconds: 1800)

    @Option(
        help: ArgumentHelp("Where counts go that do not fit in memory.", valueName: "directory")
    )
    var scratchDir: String?

    func validate() throws {
        if let threads, threads < 1 { throw ValidationError("--threads must be at least 1") }
        if let localWorkers, localWorkers < 0 {
            throw ValidationError("--local-workers must be at least 0")
        }
        if let listen, ListenAddress(listen) == nil {
            throw ValidationError("--listen \(listen) is no address; write 127.0.0.1:7400")
        }
        if certificates.files != nil {
            if tokenFile != nil {
                throw ValidationError("--tls-cert and --token-file exclude each other")
            }
            if listen == nil, hosts == nil {
                throw ValidationError(
                    "--tls-cert is for workers of other machines; add --listen or --hosts"
                )
            }
        }
        if localWorkers == 0, listen == nil, hosts == nil {
            throw ValidationError("--local-workers 0 leaves nobody to fit; add --hosts or --listen")
        }
        do {
            _ = try NodeSelection(parsing: numa)
        } catch {
            throw ValidationError("--numa \(numa): write auto, off or a list such as 0-1,3")
        }
        if hosts != nil, let listen, let address = ListenAddress(listen),
            NetworkAddresses.isLoopback(address.host)
        {
            throw ValidationError(
                "--listen \(listen) cannot be reached from the machines of --hosts; write an "
                    + "address of this machine, or leave it out"
            )
        }
        if memoryLimit != nil, try memoryBytes() < MemoryPlan.smallestTotal {
            throw ValidationError("--memory-limit must be at least 128M")
        }
    }

    /// Where to listen: as told, or on every interface when there are machines to start.
    var listenAddress: ListenAddress? {
        listen.flatMap { ListenAddress($0) } ?? (hosts == nil ? nil : ListenAddress(":0"))
    }

    /// The machines of the hosts file.
    ///
    /// - Throws: ``RunFailure`` naming the file and the line.
    func hostEntries() throws(RunFailure) -> [HostEntry] {
        guard let hosts else { return [] }
        guard let data = FileManager.default.contents(atPath: hosts) else {
            throw RunFailure(.noInput, "\(hosts): cannot read the hosts file")
        }
        guard let text = String(data: data, encoding: .utf8) else {
            throw RunFailure(.usage, "\(hosts): is no UTF-8 text")
        }
        do throws(HostsFileError) {
            let entries = try HostsFile.parse(text)
            if certificates.files == nil, let entry = entries.first(where: \.namesCertificates) {
                throw HostsFileError(
                    line: entry.line,
                    "tls-cert, tls-key and tls-ca need --tls-cert on the command line"
                )
            }
            return entries
        } catch {
            throw RunFailure(.usage, "\(hosts): \(error)")
        }
    }

    /// How workers of other machines and this one prove themselves.
    ///
    /// - Throws: ``RunFailure`` naming the file that cannot be used.
    func security() throws(RunFailure) -> WorkerSecurity {
        guard let files = certificates.files else { return .token(file: tokenFile) }
        do throws(TransportError) {
            return .certificates(files, try files.load())
        } catch {
            throw RunFailure(.usage, "\(error)")
        }
    }

    /// The NUMA nodes to use.
    ///
    /// - Throws: ``RunFailure`` for a node that is not here.
    func numaNodes() throws(RunFailure) -> NodeSelection {
        do throws(NodeTopologyError) {
            let selection = try NodeSelection(parsing: numa)
            _ = try Topology.discover().selecting(selection)
            return selection
        } catch {
            throw RunFailure(.usage, "--numa \(numa): \(error)")
        }
    }

    /// Memory of all processes together, bytes.
    func memoryBytes() throws -> Int {
        guard let memoryLimit else { return MemoryLimits().availableBytes / 10 * 7 }
        if let gigabytes = Double(memoryLimit) {
            guard gigabytes > 0, gigabytes < 1e6 else {
                throw ValidationError("--memory-limit \(memoryLimit) is no size; write 8G or 512M")
            }
            return Int(gigabytes * 1e9)
        }
        do {
            return try MemorySize(parsing: memoryLimit).bytes
        } catch {
            throw ValidationError("--memory-limit: \(error)")
        }
    }

    /// Where to spill.
    var scratchDirectory: String {
        scratchDir ?? ProcessInfo.processInfo.environment["TMPDIR"] ?? "/tmp"
    }
}

extension DataPlane: ExpressibleByArgument {}

/// Options about the result.
package struct OutputArguments: ParsableArguments {
    @Option(name: .shortAndLong, help: ArgumentHelp("Path of the result.", valueName: "path"))
    var output: String?

    @Option(
        help: ArgumentHelp(
            "Directory of the result when --output is not given; by default that of the input.",
            valueName: "directory"
        )
    )
    var outputDir: String?

    @Option(
        help: ArgumentHelp(
            "Names the result crispyx_NAME_METHOD.h5ad; by default crispyx_METHOD.h5ad, METHOD "
                + "being t_test, wilcoxon or nb_glm.",
            valueName: "name"
        )
    )
    var dataName: String?

    @Option(help: ArgumentHelp("By default the result's path and '.crispyx'.", valueName: "path"))
    var runDir: String?

    @Flag(help: "Replace an existing result, forget an interrupted run.")
    var force = false

    @Flag(help: "Finish a run that was interrupted; without one, start it.")
    var resume = false

    @Flag(help: "Print a summary as JSON instead of the result's path.")
    var json = false

    @Flag(
        inversion: .prefixedNo,
        help: "Record time and memory of every stage in the run directory and in --json."
    )
    var profiling = false

    /// Every option at its default.
    package init() {}

    /// Refuses options that exclude each other.
    ///
    /// - Throws: `ValidationError` naming them.
    package func validate() throws {
        if output != nil, outputDir != nil || dataName != nil {
            throw ValidationError("--output and --output-dir or --data-name exclude each other")
        }
        if let dataName, dataName.contains("/") || dataName.isEmpty {
            throw ValidationError("--data-name is a name, not a path")
        }
    }

    /// Path of the result.
    ///
    /// - Parameters:
    ///   - input: Path of the input, beside which the result lies by default.
    ///   - suffix: The method's part of the default name.
    /// - Returns: The path given, or the published package's name for it.
    package func path(input: String, suffix: String) -> String {
        if let output { return output }
        var name = "crispyx_\(suffix)"
        if let dataName {
            name = dataName.hasPrefix("crispyx_") ? dataName : "crispyx_" + dataName
            if !name.hasSuffix("_\(suffix)") { name += "_\(suffix)" }
        }
        let directory = outputDir ?? (input as NSString).deletingLastPathComponent
        return directory.isEmpty ? name + ".h5ad" : directory + "/" + name + ".h5ad"
    }
}

/// Options about what is told on standard error.
struct LogArguments: ParsableArguments {
    @Flag(name: .shortAndLong, help: "Show no progress; log only warnings and errors.")
    var quiet = false

    @Flag(name: .shortAndLong, help: "Log every step.")
    var verbose = false

    @Option(help: "How log lines look: text or json.")
    var logFormat: LogFormat = .text
}

extension LogFormat: ExpressibleByArgument {}
