import Foundation
import Transport
import WireProtocol

/// What a worker connects to.
package enum WorkerTarget: Equatable, Sendable {
    /// A descriptor inherited from the process that started it.
    case descriptor(Int32)
    /// A coordinator's address.
    case address(host: String, port: Int)
    /// A run directory that holds address and token.
    case runDirectory(String)

    /// Reads `fd:3`, `HOST:PORT`, `HOST` or `@RUNDIR`; nil for anything else.
    package init?(_ text: String) {
        if text.hasPrefix("fd:") {
            guard let number = Int32(text.dropFirst(3)), number >= 3 else { return nil }
            self = .descriptor(number)
        } else if text.hasPrefix("@") {
            guard text.count > 1 else { return nil }
            self = .runDirectory(String(text.dropFirst()))
        } else {
            var host = text[...]
            var port = 7400
            if let colon = text.lastIndex(of: ":"), !text.hasSuffix("]") {
                guard let number = UInt16(text[text.index(after: colon)...]), number > 0 else {
                    return nil
                }
                host = text[..<colon]
                port = Int(number)
            }
            if host.hasPrefix("["), host.hasSuffix("]") {
                host = host.dropFirst().dropLast()
            } else if host.contains(":") {
                return nil
            }
            guard !host.isEmpty else { return nil }
            self = .address(host: String(host), port: port)
        }
    }
}

/// Addresses, secret and run that a worker connects with.
struct ConnectionPlan {
    /// Hosts to try, in order.
    var hosts: [String]
    /// TCP port.
    var port: Int
    /// The run's secret.
    var token: Token
    /// The run, when it is known.
    var runID: Bytes16?

    private struct Endpoint: Codable {
        var runID: String
        var hosts: [String]
        var port: Int
    }

    /// Resolves a target that is not a descriptor.
    ///
    /// - Throws: ``WorkerFailure`` without a token or endpoint, `TransportError` for an unfit token.
    init(_ target: WorkerTarget, tokenFile: String?) throws {
        switch target {
        case .descriptor:
            throw WorkerFailure("an inherited descriptor needs no address")
        case .address(let host, let port):
            guard let tokenFile else {
                throw WorkerFailure(
                    "a connection over TCP needs --token-file; the coordinator keeps the token in "
                        + "its run directory"
                )
            }
            hosts = [host]
            self.port = port
            token = try TokenFile.load(path: tokenFile)
        case .runDirectory(let directory):
            let path = directory + "/endpoint.json"
            guard let data = FileManager.default.contents(atPath: path),
                let endpoint = try? JSONDecoder().decode(Endpoint.self, from: data)
            else {
                throw WorkerFailure(
                    "\(path) cannot be read; is a coordinator with --listen running there?"
                )
            }
            hosts = endpoint.hosts
            port = endpoint.port
            runID = Bytes16(hexadecimal: endpoint.runID)
            token = try TokenFile.load(path: tokenFile ?? directory + "/token")
        }
    }
}
