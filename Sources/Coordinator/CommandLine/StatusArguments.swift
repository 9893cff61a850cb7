import ArgumentParser

/// Options about showing a run while it goes on.
struct StatusArguments: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Show the run on a web page at this port of this machine's loopback, with /status.json "
                + "and Prometheus /metrics; 0 for any free port. From before the input is read until "
                + "the end.",
            valueName: "[address:]port"
        )
    )
    var statusPort: String?

    @Flag(
        help: """
            Allow an address for --status-port that other machines reach. Whoever reaches it can \
            read names of files, labels and machines; nothing can be changed there.
            """
    )
    var statusPublic = false

    func validate() throws {
        guard let statusPort else {
            if statusPublic {
                throw ValidationError("--status-public has an effect with --status-port only")
            }
            return
        }
        guard let address = StatusAddress(statusPort) else {
            throw ValidationError(
                "--status-port \(statusPort) is no port; write 9400 or 127.0.0.1:9400"
            )
        }
        if !address.isLoopback, !statusPublic {
            throw ValidationError(
                "--status-port \(statusPort) can be read by everybody who reaches this machine: add "
                    + "--status-public if that is meant, or leave the address out and use ssh -L"
            )
        }
    }

    /// Where to show the run.
    var address: StatusAddress? { statusPort.flatMap { StatusAddress($0) } }
}
