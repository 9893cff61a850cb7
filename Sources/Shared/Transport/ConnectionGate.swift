internal import NIOCore
internal import Synchronization

/// Counts a listener's connections and says which may stay: ``ConnectionAdmission`` with channels.
final class ConnectionGate: Sendable {
    /// What happens to a new connection.
    enum Admission {
        /// It may shake hands; `crowdedOut` is another that has to go for it.
        case admitted(ticket: UInt64, crowdedOut: (any Channel)?)
        /// It may not stay; `isNews` unless the same was said of its address just before.
        case refused(HandshakeFailure, isNews: Bool)
    }

    private struct State {
        var admission: ConnectionAdmission
        var handshakes: [UInt64: any Channel] = [:]
    }

    private let state: Mutex<State>

    init(_ limits: AdmissionLimits) {
        state = Mutex(State(admission: ConnectionAdmission(limits: limits)))
    }

    /// Number of connections that are open.
    var connectionCount: Int { state.withLock { $0.admission.connectionCount } }

    /// Judges a new connection.
    func admit(_ channel: any Channel) -> Admission {
        let address = PeerAddress(channel.remoteAddress)
        return state.withLock { state in
            switch state.admission.connected(from: address, now: .now()) {
            case .admitted(let ticket, let crowdedOut):
                let victim = crowdedOut.flatMap { state.handshakes.removeValue(forKey: $0) }
                state.handshakes[ticket] = channel
                return .admitted(ticket: ticket, crowdedOut: victim)
            case .tooManyConnections(let limit):
                return .refused(.tooManyConnections(limit: limit), isNews: true)
            case .tooManyFromAddress(let limit):
                return .refused(.tooManyFromAddress(limit: limit), isNews: true)
            case .shutOut(let failures, let isNews):
                return .refused(.shutOut(failures: failures), isNews: isNews)
            }
        }
    }

    /// The handshake of a connection is over; false if the connection was crowded out before.
    func handshakeEnded(_ ticket: UInt64) -> Bool {
        state.withLock { state in
            state.handshakes[ticket] = nil
            return state.admission.handshakeEnded(ticket)
        }
    }

    /// A connection did not prove that it belongs to the run.
    func failed(_ address: SocketAddress?) {
        state.withLock { $0.admission.failed(PeerAddress(address), now: .now()) }
    }

    /// A connection is gone.
    func connectionEnded(_ ticket: UInt64) {
        state.withLock { state in
            state.handshakes[ticket] = nil
            state.admission.ended(ticket)
        }
    }

    /// The connections whose handshake is not over.
    func unfinished() -> [any Channel] {
        state.withLock { Array($0.handshakes.values) }
    }
}
