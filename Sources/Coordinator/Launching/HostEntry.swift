package import NodeTopology

/// One machine of a hosts file: how to reach it and what to start there.
package struct HostEntry: Equatable, Sendable {
    /// Name or address, as `ssh` takes it.
    package var host: String
    /// Who logs in; nil for what `ssh` chooses.
    package var user: String?
    /// Port of the ssh server; nil for what `ssh` chooses.
    package var port: Int?
    /// Worker processes; nil for one for each NUMA node.
    package var slots: Int?
    /// Threads of each process; nil for one for each CPU of its node.
    package var threads: Int?
    /// NUMA nodes to use.
    package var numa: NodeSelection?
    /// Memory of all processes together; nil for 70 % of what is free there.
    package var memory: MemorySize?
    /// Path of the worker program there, from the home directory unless absolute; nil looks for
    /// `crispyx-worker` where programs are.
    package var worker: String?
    /// Path of the machine's certificate; nil for that of the command line.
    package var certificate: String?
    /// Path of its key; nil for that of the command line.
    package var key: String?
    /// Path of the authority's certificate there; nil for that of the command line.
    package var authority: String?
    /// Options of `ssh` as `Name=value`.
    package var sshOptions: [String] = []
    /// Line of the file it stands on, from 1.
    package var line: Int

    /// A machine with every setting left open.
    package init(host: String, line: Int = 0) {
        self.host = host
        self.line = line
    }

    /// Whether it says anything about certificates.
    var namesCertificates: Bool { certificate != nil || key != nil || authority != nil }

    /// How the machine appears in logs.
    package var name: String { host }

    /// What makes two entries the same machine.
    var identity: String { "\(user ?? "")@\(host):\(port ?? 22)" }
}

/// What is wrong with a hosts file, and where.
package struct HostsFileError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The line, from 1; 0 for the file as a whole.
    package let line: Int
    /// What is wrong, and what to write instead.
    package let reason: String

    /// An error on a line.
    package init(line: Int, _ reason: String) {
        self.line = line
        self.reason = reason
    }

    /// The error without the file's name.
    package var description: String { line == 0 ? reason : "line \(line): \(reason)" }
}
