package import NIOCore

/// Most of everything that strangers may take of a listener.
package struct AdmissionLimits: Equatable, Sendable {
    /// Connections at once, links and unfinished handshakes together.
    package var connections = 4096
    /// Connections at once from one address.
    package var connectionsPerAddress = 1024
    /// Unfinished handshakes at once; beyond that one of the address with the most has to go.
    package var handshakes = 256
    /// Failed handshakes of one address within ``failureWindow`` after which it is shut out.
    package var failures = 8
    /// How long a failure counts.
    package var failureWindow = TimeAmount.minutes(1)
    /// How long an address is shut out.
    package var shutOut = TimeAmount.minutes(1)
    /// Addresses whose failures are remembered; beyond that the one that failed longest ago is
    /// forgotten.
    package var rememberedAddresses = 4096

    /// The limits that the protocol's description names.
    package init() {}
}

/// Decides which connections a listener keeps; time is passed in, sockets are elsewhere.
///
/// A connection that is admitted has a ticket. It shakes hands, is authentic from then on or fails,
/// and ends.
package struct ConnectionAdmission: Sendable {
    /// What happens to a new connection.
    package enum Verdict: Equatable, Sendable {
        /// It may shake hands; the connection with the ticket `crowdedOut` has to go for it.
        case admitted(ticket: UInt64, crowdedOut: UInt64?)
        /// There are too many already.
        case tooManyConnections(limit: Int)
        /// There are too many from its address.
        case tooManyFromAddress(limit: Int)
        /// Too many handshakes of its address failed; `isNews` the first time it is told.
        case shutOut(failures: Int, isNews: Bool)
    }

    private struct Failures {
        /// When the latest failures were, oldest first.
        var times: [NIODeadline] = []
        var shutOutUntil: NIODeadline?
        var isTold = false
    }

    private let limits: AdmissionLimits
    private var nextTicket: UInt64 = 0
    private var addresses: [UInt64: PeerAddress] = [:]
    private var connectionsOfAddress: [PeerAddress: Int] = [:]
    private var handshakes: [UInt64: PeerAddress] = [:]
    private var failures: [PeerAddress: Failures] = [:]

    /// An admission that has seen nobody.
    package init(limits: AdmissionLimits = AdmissionLimits()) {
        self.limits = limits
    }

    /// Connections that are open.
    package var connectionCount: Int { addresses.count }

    /// Addresses whose failures are remembered.
    package var rememberedCount: Int { failures.count }

    /// Tickets of connections whose handshake is not over.
    package var unfinished: [UInt64] { handshakes.keys.sorted() }

    /// Judges a new connection.
    package mutating func connected(from address: PeerAddress, now: NIODeadline) -> Verdict {
        if let refusal = shutOut(address, now) { return refusal }
        guard addresses.count < limits.connections else {
            return .tooManyConnections(limit: limits.connections)
        }
        guard connectionsOfAddress[address, default: 0] < limits.connectionsPerAddress else {
            return .tooManyFromAddress(limit: limits.connectionsPerAddress)
        }
        let crowdedOut = handshakes.count >= limits.handshakes ? crowdOut() : nil
        let ticket = nextTicket
        nextTicket += 1
        addresses[ticket] = address
        connectionsOfAddress[address, default: 0] += 1
        handshakes[ticket] = address
        return .admitted(ticket: ticket, crowdedOut: crowdedOut)
    }

    /// The handshake of a connection is over; false if the connection was crowded out before.
    package mutating func handshakeEnded(_ ticket: UInt64) -> Bool {
        handshakes.removeValue(forKey: ticket) != nil
    }

    /// A connection did not prove that it belongs to the run.
    package mutating func failed(_ address: PeerAddress, now: NIODeadline) {
        var record = failures[address] ?? Failures()
        let start = now - limits.failureWindow
        record.times.removeAll { $0 <= start }
        record.times.append(now)
        if record.times.count >= limits.failures {
            record.shutOutUntil = now + limits.shutOut
            record.times = []
            record.isTold = false
        }
        failures[address] = record
        if failures.count > limits.rememberedAddresses { forgetSome(now) }
    }

    /// A connection is gone.
    package mutating func ended(_ ticket: UInt64) {
        handshakes.removeValue(forKey: ticket)
        guard let address = addresses.removeValue(forKey: ticket) else { return }
        let left = connectionsOfAddress[address, default: 1] - 1
        connectionsOfAddress[address] = left > 0 ? left : nil
    }

    private mutating func shutOut(_ address: PeerAddress, _ now: NIODeadline) -> Verdict? {
        guard let until = failures[address]?.shutOutUntil else { return nil }
        guard now < until else {
            failures[address] = nil
            return nil
        }
        let isNews = failures[address]?.isTold == false
        failures[address]?.isTold = true
        return .shutOut(failures: limits.failures, isNews: isNews)
    }

    /// Takes the oldest handshake of the address that has the most of them.
    ///
    /// So somebody who holds connections without speaking keeps neither workers of other addresses
    /// out, nor those of its own for long.
    private mutating func crowdOut() -> UInt64? {
        var counts: [PeerAddress: Int] = [:]
        for address in handshakes.values { counts[address, default: 0] += 1 }
        let most = counts.values.max() ?? 0
        let victim = handshakes.filter { counts[$0.value] == most }.keys.min()
        if let victim { handshakes[victim] = nil }
        return victim
    }

    /// Makes room: failures that no longer count go first, else those that are oldest.
    private mutating func forgetSome(_ now: NIODeadline) {
        let start = now - limits.failureWindow
        failures = failures.filter { _, record in
            (record.shutOutUntil ?? start) > now || (record.times.last ?? start) > start
        }
        while failures.count > limits.rememberedAddresses {
            let oldest = failures.min { last($0.value) < last($1.value) }
            guard let oldest else { return }
            failures[oldest.key] = nil
        }
    }

    private func last(_ record: Failures) -> NIODeadline {
        record.shutOutUntil.map { $0 - limits.shutOut } ?? record.times.last
            ?? .uptimeNanoseconds(0)
    }
}
