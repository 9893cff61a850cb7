import ComputeThreads
import Foundation
import Logging
import Synchronization
import Transport
import WireProtocol

/// Where workers that others start find a run: written into the run directory by rename.
struct Endpoint: Codable, Equatable {
    /// The run, so that a worker does not join a stranger that has the port now.
    var runID: String
    /// Addresses to try, in order.
    var hosts: [String]
    /// TCP port.
    var port: Int
}

/// An address to listen on, as given on the command line.
package struct ListenAddress: Equatable, Sendable {
    /// Host name or address; empty for every interface.
    package var host: String
    /// Port; 7400 when omitted, 0 for any free one.
    package var port: Int

    /// Reads `ADDR:PORT`, `ADDR`, `:PORT`, or `[ADDR6]:PORT`; nil for anything else.
    package init?(_ text: String) {
        var rest = text[...]
        if rest.first == "[" {
            guard let end = rest.firstIndex(of: "]") else { return nil }
            host = String(rest[rest.index(after: rest.startIndex)..<end])
            rest = rest[rest.index(after: end)...]
        } else if let colon = rest.lastIndex(of: ":") {
            host = String(rest[..<colon])
            rest = rest[colon...]
            guard !host.contains(":") else { return nil }
        } else {
            host = String(rest)
            rest = ""
        }
        port = 7400
        guard !rest.isEmpty else { return }
        guard rest.first == ":", let port = UInt16(rest.dropFirst()) else { return nil }
        self.port = Int(port)
    }
}

/// Accepts workers over TCP and announces where.
struct WorkerListener {
    /// What a worker on another machine has to be given.
    enum Admission: Sendable {
        /// The secret itself.
        case token(Token)
        /// Paths of its certificate, unless its machine has others.
        case certificates(CertificateFiles)
    }

    private let listener: Listener
    /// What workers are let in with.
    let admission: Admission
    /// Addresses of this machine to try, in order.
    let hosts: [String]

    /// The port that is listened on.
    var port: Int { listener.port }

    /// Begins to listen and writes the endpoint into the run directory.
    ///
    /// - Throws: ``RunFailure`` when the address cannot be bound or the token file is unfit.
    init(
        _ address: ListenAddress,
        security: WorkerSecurity,
        directory: RunDirectory,
        runID: Bytes16,
        loops: EventLoops,
        mailbox: Mailbox<ServeEvent>,
        numbers: ConnectionNumbers,
        log: Logger
    ) throws(RunFailure) {
        let credentials: Credentials
        (admission, credentials) = try Self.credentials(security, directory)
        let budget = Mutex(LineBudget())
        do {
            listener = try waitFor {
                try await Listener.start(
                    ListenerConfiguration(
                        host: address.host,
                        port: address.port,
                        credentials: credentials
                    ),
                    on: loops,
                    onRejected: { rejected in
                        // Strangers who come in thousands must not fill the disk.
                        let now = monotonicNanoseconds()
                        let verdict = budget.withLock { $0.verdict(nanoseconds: now) }
                        guard case .pass(let untold) = verdict else { return }
                        log.warning(
                            "connection refused",
                            metadata: [
                                "peer": "\(rejected.peer)", "why": "\(rejected.failure)",
                                "untold": "\(untold)",
                            ]
                        )
                    },
                    accept: { link in
                        let id = numbers.next()
                        mailbox.post(.connected(id, link))
                        return { mailbox.post(.link(id, $0)) }
                    }
                )
            }
        } catch {
            throw RunFailure(.cannotCreate, "\(error)")
        }
        // A wildcard address means another machine to everybody who reads it.
        let isWildcard = ["", "0.0.0.0", "::"].contains(address.host)
        let found = isWildcard ? NetworkAddresses.all() : [listener.host]
        hosts = found.isEmpty ? [ProcessInfo.processInfo.hostName] : found
        let endpoint = Endpoint(
            runID: runID.description,
            hosts: hosts,
            port: listener.port
        )
        if let data = try? JSONEncoder().encode(endpoint) {
            try PlainFile.replace(directory.endpointPath, with: Array(data), mode: 0o600)
        }
        log.notice(
            "waiting for workers",
            metadata: [
                "address": "\(listener.host):\(listener.port)",
                "security": "\(Self.description(of: security, directory))",
            ]
        )
    }

    private static func credentials(
        _ security: WorkerSecurity,
        _ directory: RunDirectory
    ) throws(RunFailure) -> (Admission, Credentials) {
        do throws(TransportError) {
            switch security {
            case .certificates(let files, let identity):
                unlink(directory.tokenPath)
                return (.certificates(files), .certificates(identity))
            case .token(let path?):
                let token = try TokenFile.loadOrCreate(path: path).token
                return (.token(token), .token(token))
            case .token(nil):
                unlink(directory.tokenPath)
                let token = try TokenFile.create(path: directory.tokenPath)
                return (.token(token), .token(token))
            }
        } catch {
            throw RunFailure(.refused, "\(error)")
        }
    }

    private static func description(
        of security: WorkerSecurity,
        _ directory: RunDirectory
    ) -> String {
        switch security {
        case .certificates(let files, _): "certificates of \(files.authority)"
        case .token(let path): "token in \(path ?? directory.tokenPath)"
        }
    }

    /// Stops listening.
    func close() {
        let listener = listener
        // Closing only frees the port; the process is about to end anyway.
        _ = try? waitFor { await listener.close() }
    }
}
