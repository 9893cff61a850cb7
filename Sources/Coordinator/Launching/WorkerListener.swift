import ComputeThreads
import Foundation
import Logging
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
    private let listener: Listener
    /// The secret that workers must hold.
    let token: Token
    /// Addresses of this machine to try, in order.
    let hosts: [String]

    /// The port that is listened on.
    var port: Int { listener.port }

    /// Begins to listen and writes the endpoint into the run directory.
    ///
    /// - Throws: ``RunFailure`` when the address cannot be bound or the token file is unfit.
    init(
        _ address: ListenAddress,
        tokenPath: String?,
        directory: RunDirectory,
        runID: Bytes16,
        loops: EventLoops,
        mailbox: Mailbox<ServeEvent>,
        numbers: ConnectionNumbers,
        log: Logger
    ) throws(RunFailure) {
        let secret: Token
        do throws(TransportError) {
            if let tokenPath {
                secret = try TokenFile.loadOrCreate(path: tokenPath).token
            } else {
                unlink(directory.tokenPath)
                secret = try TokenFile.create(path: directory.tokenPath)
            }
        } catch {
            throw RunFailure(.refused, "\(error)")
        }
        token = secret
        do {
            listener = try waitFor {
                try await Listener.start(
                    ListenerConfiguration(host: address.host, port: address.port, token: secret),
                    on: loops,
                    onRejected: { rejected in
                        log.warning(
                            "connection refused",
                            metadata: [
                                "peer": "\(rejected.peer)", "why": "\(rejected.failure)",
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
                "token": "\(tokenPath ?? directory.tokenPath)",
            ]
        )
    }

    /// Stops listening.
    func close() {
        let listener = listener
        // Closing only frees the port; the process is about to end anyway.
        _ = try? waitFor { await listener.close() }
    }
}
