internal import NIOCore
internal import Synchronization

/// Counts a listener's connections and says which may stay.
final class ConnectionGate: Sendable {
    /// What happens to a new connection.
    enum Admission {
        /// It may shake hands; `crowdedOut` is an older one that has to go for it.
        case admitted(ticket: UInt64, crowdedOut: (any Channel)?)
        /// There are too many already.
        case refused
    }

    private struct State {
        var nextTicket: UInt64 = 0
        var connections = 0
        var handshakes: [UInt64: any Channel] = [:]
    }

    private let maximumConnections: Int
    private let maximumHandshakes: Int
    private let state = Mutex(State())

    init(maximumConnections: Int, maximumHandshakes: Int) {
        self.maximumConnections = maximumConnections
        self.maximumHandshakes = maximumHandshakes
    }

    /// Number of connections that are open.
    var connectionCount: Int { state.withLock { $0.connections } }

    /// Judges a new connection.
    ///
    /// Among too many unfinished handshakes the oldest goes, so that somebody who holds connections
    /// without speaking cannot keep workers out.
    func admit(_ channel: any Channel) -> Admission {
        state.withLock { state in
            guard state.connections < maximumConnections else { return .refused }
            let ticket = state.nextTicket
            state.nextTicket += 1
            state.connections += 1
            var crowdedOut: (any Channel)?
            if state.handshakes.count >= maximumHandshakes,
                let oldest = state.handshakes.keys.min()
            {
                crowdedOut = state.handshakes.removeValue(forKey: oldest)
            }
            state.handshakes[ticket] = channel
            return .admitted(ticket: ticket, crowdedOut: crowdedOut)
        }
    }

    /// The handshake of a connection is over; false if the connection was crowded out before.
    func handshakeEnded(_ ticket: UInt64) -> Bool {
        state.withLock { $0.handshakes.removeValue(forKey: ticket) != nil }
    }

    /// A connection is gone.
    func connectionEnded(_ ticket: UInt64) {
        state.withLock { state in
            state.handshakes.removeValue(forKey: ticket)
            state.connections -= 1
        }
    }

    /// The connections whose handshake is not over.
    func unfinished() -> [any Channel] {
        state.withLock { Array($0.handshakes.values) }
    }
}
