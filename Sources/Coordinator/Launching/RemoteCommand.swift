import NodeTopology
package import Transport

/// The command line of `ssh` that starts a worker on another machine.
///
/// Fixed words throughout: nothing is left to a shell here, and what the remote shell sees is one
/// quoted word each. The token is not among them; it goes over standard input.
package struct RemoteCommand: Equatable, Sendable {
    /// How much the remote worker says.
    package enum Loudness: Equatable, Sendable {
        /// Warnings and errors.
        case quiet
        /// What matters to somebody who watches.
        case normal
        /// Every step.
        case verbose
    }

    /// The arguments of `ssh`.
    package let arguments: [String]

    /// Writes the command for one machine.
    ///
    /// - Parameters:
    ///   - entry: The machine.
    ///   - addresses: Where the coordinator can be reached, `HOST:PORT`, best first.
    ///   - runDirectory: Where the worker looks for what it would fetch; nil not to look.
    ///   - certificates: Where certificates lie on machines that name no others; nil when the worker
    ///     is given a token.
    ///   - loudness: How much the worker says.
    package init(
        _ entry: HostEntry,
        addresses: [String],
        runDirectory: String? = nil,
        certificates: CertificateFiles? = nil,
        loudness: Loudness
    ) {
        var words = [
            "-T", "-x", "-a",
            "-o", "BatchMode=yes",
            "-o", "ConnectionAttempts=1",
            "-o", "ServerAliveInterval=10",
            "-o", "ServerAliveCountMax=3",
            "-o", "ClearAllForwardings=yes",
            // A connection that others share must not end, or go on, with this one.
            "-o", "ControlMaster=no",
            "-o", "EscapeChar=none",
        ]
        for option in entry.sshOptions { words += ["-o", option] }
        // The first value counts: a file's own goes before.
        words += ["-o", "ConnectTimeout=15"]
        if let port = entry.port { words += ["-p", "\(port)"] }
        if let user = entry.user { words += ["-l", user] }
        words += ["--", entry.host]
        arguments = words + [Self.remote(entry, addresses, runDirectory, certificates, loudness)]
    }

    private static func remote(
        _ entry: HostEntry,
        _ addresses: [String],
        _ runDirectory: String?,
        _ certificates: CertificateFiles?,
        _ loudness: Loudness
    ) -> String {
        var words = [
            entry.worker ?? "crispyx-worker",
            "--connect", addresses.joined(separator: ","),
        ]
        if let certificates {
            words += ["--tls-cert", entry.certificate ?? certificates.certificate]
            words += ["--tls-key", entry.key ?? certificates.key]
            words += ["--tls-ca", entry.authority ?? certificates.authority]
        } else {
            words += ["--token-file", "-"]
        }
        words += ["--end-with-input", "--connect-timeout", "120"]
        if let slots = entry.slots { words += ["--processes", "\(slots)"] }
        if let threads = entry.threads { words += ["--threads", "\(threads)"] }
        if let numa = entry.numa { words += ["--numa", "\(numa)"] }
        if let memory = entry.memory { words += ["--memory-limit", "\(memory.bytes)"] }
        if let runDirectory { words += ["--run-dir", runDirectory] }
        switch loudness {
        case .quiet: words.append("--quiet")
        case .normal: break
        case .verbose: words.append("--verbose")
        }
        // The shell makes room for the worker, so that signals and the end of input reach it.
        return "exec " + words.map(quoted).joined(separator: " ")
    }

    /// A word as every common shell reads it back.
    package static func quoted(_ word: String) -> String {
        "'" + word.replacing("'", with: "'\\''") + "'"
    }
}
