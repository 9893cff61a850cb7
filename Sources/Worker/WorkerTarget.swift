package import Foundation
import Transport
package import WireProtocol

/// Where a coordinator may be reached.
package struct CoordinatorAddress: Equatable, Sendable {
    /// Host name or address, without brackets.
    package var host: String
    /// TCP port.
    package var port: Int

    /// An address that is known to be one.
    package init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    /// Reads `HOST:PORT`, `HOST`, `[ADDR6]:PORT` or `[ADDR6]`; nil for anything else.
    package init?(_ text: Substring) {
        var host = text
        port = 7400
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
        self.host = String(host)
    }
}

/// What a worker connects to.
package enum WorkerTarget: Equatable, Sendable {
    /// A descriptor inherited from the process that started it.
    case descriptor(Int32)
    /// A coordinator's addresses, tried in order; at least one.
    case addresses([CoordinatorAddress])
    /// A run directory that holds address and token.
    case runDirectory(String)

    /// Most addresses of one coordinator.
    static let mostAddresses = 16

    /// One address.
    package static func address(host: String, port: Int) -> WorkerTarget {
        .addresses([CoordinatorAddress(host: host, port: port)])
    }

    /// Reads `fd:3`, `HOST:PORT`, `HOST`, several of those with commas between, or `@RUNDIR`; nil
    /// for anything else.
    package init?(_ text: String) {
        if text.hasPrefix("fd:") {
            guard let number = Int32(text.dropFirst(3)), number >= 3 else { return nil }
            self = .descriptor(number)
        } else if text.hasPrefix("@") {
            guard text.count > 1 else { return nil }
            self = .runDirectory(String(text.dropFirst()))
        } else {
            let parts = text.split(separator: ",", omittingEmptySubsequences: false)
            let addresses = parts.compactMap { CoordinatorAddress($0) }
            guard addresses.count == parts.count, addresses.count <= Self.mostAddresses else {
                return nil
            }
            self = .addresses(addresses)
        }
    }
}

/// Where a coordinator listens, as its run directory says.
package struct CoordinatorEndpoint: Equatable, Sendable {
    private struct Content: Decodable {
        var runID: String
        var hosts: [String]
        var port: UInt16
    }

    /// Addresses to try, in order; at least one.
    package let addresses: [CoordinatorAddress]
    /// The run.
    package let runID: Bytes16?

    /// Reads the content of `endpoint.json`; nil for anything else.
    package init?(_ data: Data) {
        guard let content = try? JSONDecoder().decode(Content.self, from: data), content.port > 0,
            !content.hosts.isEmpty,
            content.hosts.allSatisfy({ (1...255).contains($0.utf8.count) })
        else { return nil }
        addresses = content.hosts.prefix(WorkerTarget.mostAddresses).map {
            CoordinatorAddress(host: $0, port: Int(content.port))
        }
        runID = Bytes16(hexadecimal: content.runID)
    }
}

/// What a worker proves itself with.
enum CredentialSource: Sendable {
    /// A token's file, read at every attempt to connect; nil for the one in the run directory.
    case tokenFile(String?)
    /// The token itself, as it came over a stream.
    case token(Token)
    /// Certificates, read at every attempt to connect, so that renewed ones are used.
    case certificates(CertificateFiles)
}

/// Addresses, credentials and run that a worker connects with.
struct ConnectionPlan {
    /// Addresses to try, in order.
    var addresses: [CoordinatorAddress]
    /// How it proves itself.
    var credentials: Credentials
    /// The run, when it is known.
    var runID: Bytes16?

    /// Resolves a target that is not a descriptor.
    ///
    /// - Throws: ``WorkerFailure`` without a token or endpoint, `TransportError` for an unfit token or
    ///   certificate.
    init(_ target: WorkerTarget, _ source: CredentialSource) throws {
        let place: String?
        switch target {
        case .descriptor:
            throw WorkerFailure("an inherited descriptor needs no address")
        case .addresses(let addresses):
            self.addresses = addresses
            place = nil
        case .runDirectory(let directory):
            let path = directory + "/endpoint.json"
            guard let data = FileManager.default.contents(atPath: path),
                let endpoint = CoordinatorEndpoint(data)
            else {
                throw WorkerFailure(
                    "\(path) cannot be read; is a coordinator with --listen running there?"
                )
            }
            addresses = endpoint.addresses
            runID = endpoint.runID
            place = directory + "/token"
        }
        switch source {
        case .token(let token): credentials = .token(token)
        case .certificates(let files): credentials = .certificates(try files.load())
        case .tokenFile(let path):
            guard let path = path ?? place else {
                throw WorkerFailure(
                    "a connection over TCP needs --token-file, or --tls-cert; the coordinator keeps "
                        + "the token in its run directory"
                )
            }
            credentials = .token(try TokenFile.load(path: path))
        }
    }
}
