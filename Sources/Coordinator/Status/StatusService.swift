import ComputeThreads
import Foundation
import Logging
import Monitoring

/// The status endpoint of a run, from before the input is read until the run is over.
struct StatusService {
    private let endpoint: StatusEndpoint

    /// Begins to show the status and says where.
    ///
    /// - Throws: ``RunFailure`` with `cannotCreate` when the address cannot be bound.
    init(_ address: StatusAddress, _ monitor: RunMonitor, log: Logger) throws(RunFailure) {
        do {
            endpoint = try waitFor {
                try await StatusEndpoint.start(
                    host: address.host,
                    port: address.port,
                    allowsAnyHost: !address.isLoopback,
                    status: { monitor.status() }
                )
            }
        } catch {
            throw RunFailure(
                .cannotCreate,
                "--status-port: \(error); choose another port, or 0 for any free one"
            )
        }
        // A wildcard address means another machine to everybody who reads it.
        let isWildcard = ["", "0.0.0.0", "::"].contains(address.host)
        let shown =
            isWildcard
            ? "\(ProcessInfo.processInfo.hostName):\(endpoint.port)" : endpoint.address
        monitor.endpoint = shown
        log.notice("status page", metadata: ["address": "http://\(shown)/"])
    }

    /// Stops showing it.
    func close() {
        let endpoint = endpoint
        // Closing only frees the port; the process is about to end anyway.
        _ = try? waitFor { await endpoint.close() }
    }
}
