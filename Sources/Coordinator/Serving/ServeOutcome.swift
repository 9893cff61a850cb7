import ChildProcesses

/// A perturbation that has no row, and why.
struct LostPerturbation: Equatable, Sendable, Codable {
    /// Whether its fit reported failure or its workers died.
    enum Kind: String, Sendable, Codable {
        /// The fit reported failure on every try.
        case failed
        /// Worker processes died with it; it was given up.
        case quarantined
    }

    /// Position in the result.
    var perturbation: Int
    /// What happened to it.
    var kind: Kind
    /// Every reason known.
    var reasons: [String]
}

/// How serving ended.
enum ServeOutcome: Equatable {
    /// Every perturbation is settled.
    case settled([LostPerturbation])
    /// The run stopped before that; it can be resumed.
    case stopped(RunFailure)
    /// A signal stopped the run; it can be resumed.
    case signalled(WatchedSignal)

    /// Whether it was a signal.
    var isSignalled: Bool {
        if case .signalled = self { true } else { false }
    }
}

extension ServeOutcome {
    /// For the event log.
    var description: String {
        switch self {
        case .settled: "every perturbation is settled"
        case .stopped(let failure): failure.description
        case .signalled(let signal): "stopped by \(signal)"
        }
    }
}
