import ArgumentParser
import ComputeThreads
import Foundation
import Glibc
import Monitoring

/// The command line `crispyx-coordinator status (RUNDIR | --connect HOST:PORT)`.
struct StatusCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Show how a run is: going on, stopped, or finished.",
        discussion: """
            By run directory (made beside the output, as OUTPUT.crispyx, once the input has been \
            read) it tells of a living run how far it is, of a stopped one what is kept and which \
            command resumes it, of a finished one what came of it. A run with --status-port is asked \
            itself, and tells of workers, leases and memory as well.

            By address it asks the status port of a run on whatever machine; not the port that \
            workers connect to.

            EXAMPLES
              crispyx-coordinator status result.h5ad.crispyx
              crispyx-coordinator status result.h5ad.crispyx --watch
              crispyx-coordinator status --connect localhost:9400 --json

            EXIT STATUS
              0 told, whatever the run is like; 64 usage; 66 no run there; 74 nobody answers.
            """
    )

    @Argument(
        help: ArgumentHelp("The run directory, or the result beside it.", valueName: "rundir")
    )
    var runDirectory: String?

    @Option(
        help: ArgumentHelp("The status port of a run that is going on.", valueName: "host:port")
    )
    var connect: String?

    @Flag(help: "Print JSON.")
    var json = false

    @Flag(help: "Show it again and again while the run goes on.")
    var watch = false

    @Option(help: ArgumentHelp("Time between two looks with --watch.", valueName: "seconds"))
    var interval: Double = 2

    func validate() throws {
        guard (runDirectory == nil) != (connect == nil) else {
            throw ValidationError("name a run directory, or an address with --connect")
        }
        if let connect, address(connect) == nil {
            throw ValidationError("--connect \(connect) is no address; write localhost:9400")
        }
        guard interval.isFinite, interval >= 0.1, interval <= 86_400 else {
            throw ValidationError("--interval is 0.1 to 86400 seconds")
        }
    }

    func run() throws {
        do throws(RunFailure) {
            try show()
        } catch {
            FileHandle.standardError.write(Data("\(error.description)\n".utf8))
            throw ExitCode(error.status.rawValue)
        }
    }

    private func show() throws(RunFailure) {
        let isScreen = watch && !json && isatty(STDOUT_FILENO) == 1
        var isFirst = true
        while true {
            let status: RunStatus
            do throws(RunFailure) {
                status = try current()
            } catch {
                // A run that is over takes its status port with it.
                if connect != nil, !isFirst {
                    FileHandle.standardError.write(Data("\(error.description)\n".utf8))
                    return
                }
                throw error
            }
            var output = StandardOutput()
            var text = json ? try encoded(status) : StatusText(status).text
            if isScreen {
                // Home, then each line over the old one, then nothing below: no flicker.
                text = "\u{1B}[H" + text.replacing("\n", with: "\u{1B}[K\n") + "\u{1B}[J"
                if isFirst { text = "\u{1B}[2J" + text }
            } else if !isFirst, !json {
                text = "\n" + text
            }
            guard try output.write(text), try output.flush(), watch, status.standing == .live else {
                return
            }
            isFirst = false
            usleep(UInt32(interval * 1e6))
        }
    }

    private func encoded(_ status: RunStatus) throws(RunFailure) -> String {
        do throws(MonitoringError) {
            // With --watch one line each time, for programs that read lines.
            return String(decoding: try status.json(pretty: !watch), as: UTF8.self)
        } catch {
            throw RunFailure(.internalError, "\(error)")
        }
    }

    private func current() throws(RunFailure) -> RunStatus {
        if let connect, let address = address(connect) {
            return try ask(address.host, address.port, patience: .seconds(5))
        }
        let recorded = try RecordedStatus(runDirectory ?? "")
        guard let endpoint = recorded.endpoint,
            let told = try? ask(endpoint.host, endpoint.port, patience: .seconds(2)),
            told.process == recorded.status.process
        else { return recorded.status }
        return told
    }

    private func ask(
        _ host: String,
        _ port: Int,
        patience: Duration
    ) throws(RunFailure) -> RunStatus {
        do {
            return try waitFor {
                try await StatusClient.status(host: host, port: port, timeout: patience)
            }
        } catch {
            throw RunFailure(.inputOutput, "\(error)")
        }
    }

    private func address(_ text: String) -> StatusAddress? {
        guard let address = StatusAddress(text), !address.host.isEmpty, address.port > 0 else {
            return nil
        }
        return address
    }
}
