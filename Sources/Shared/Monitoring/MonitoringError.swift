/// Why a run cannot be watched.
package enum MonitoringError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The address for the status pages cannot be bound.
    case cannotListen(endpoint: String, reason: String)
    /// Nobody answers at an address, or not in time.
    case noAnswer(endpoint: String, reason: String)
    /// Something else than a coordinator's status endpoint answers.
    case strangeAnswer(endpoint: String, reason: String)
    /// A text is no status.
    case notAStatus
    /// A status cannot be written as JSON.
    case notEncodable

    package var description: String {
        switch self {
        case .cannotListen(let endpoint, let reason):
            "cannot show the status at \(endpoint): \(reason)"
        case .noAnswer(let endpoint, let reason): "no status from \(endpoint): \(reason)"
        case .strangeAnswer(let endpoint, let reason):
            "what answers at \(endpoint) is not a status port: \(reason)"
        case .notAStatus: "the text is no status of a run"
        case .notEncodable: "the status cannot be written as JSON"
        }
    }
}
