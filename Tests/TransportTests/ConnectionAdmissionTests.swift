import NIOCore
import Testing
import Transport

/// An admission that expectations may ask.
private final class Doorkeeper {
    private var admission: ConnectionAdmission

    init(_ limits: AdmissionLimits) { admission = ConnectionAdmission(limits: limits) }

    var connectionCount: Int { admission.connectionCount }
    var rememberedCount: Int { admission.rememberedCount }
    var unfinished: [UInt64] { admission.unfinished }

    func connected(from address: PeerAddress, now: NIODeadline) -> ConnectionAdmission.Verdict {
        admission.connected(from: address, now: now)
    }

    func handshakeEnded(_ ticket: UInt64) -> Bool { admission.handshakeEnded(ticket) }
    func failed(_ address: PeerAddress, now: NIODeadline) { admission.failed(address, now: now) }
    func ended(_ ticket: UInt64) { admission.ended(ticket) }
}

/// Who may connect, decided with a clock of the test's own.
@Suite struct ConnectionAdmissionTests {
    private let stranger = PeerAddress.version4(0x7F00_0002)
    private let worker = PeerAddress.version4(0x7F00_0001)

    private func time(_ seconds: Int64) -> NIODeadline {
        .uptimeNanoseconds(UInt64(1_000_000 + seconds) * 1_000_000_000)
    }

    private func admission(_ change: (inout AdmissionLimits) -> Void = { _ in }) -> Doorkeeper {
        var limits = AdmissionLimits()
        change(&limits)
        return Doorkeeper(limits)
    }

    private func ticket(_ verdict: ConnectionAdmission.Verdict) -> UInt64? {
        if case .admitted(let ticket, _) = verdict { ticket } else { nil }
    }

    @Test func anAddressThatFailsTooOftenIsShutOutForAWhile() {
        let admission = admission()
        for second in 0..<8 {
            #expect(ticket(admission.connected(from: stranger, now: time(Int64(second)))) != nil)
            admission.failed(stranger, now: time(Int64(second)))
        }
        #expect(
            admission.connected(from: stranger, now: time(8)) == .shutOut(failures: 8, isNews: true)
        )
        #expect(
            admission.connected(from: stranger, now: time(66))
                == .shutOut(failures: 8, isNews: false)
        )
        #expect(ticket(admission.connected(from: worker, now: time(9))) != nil)
        #expect(ticket(admission.connected(from: stranger, now: time(67))) != nil)
        // It begins with a clean slate, and is told of again.
        for _ in 0..<8 { admission.failed(stranger, now: time(70)) }
        #expect(
            admission.connected(from: stranger, now: time(71))
                == .shutOut(failures: 8, isNews: true)
        )
    }

    @Test func failuresThatAreLongAgoDoNotCount() {
        let admission = admission()
        for second in 0..<100 {
            admission.failed(stranger, now: time(Int64(second) * 9))
            let verdict = admission.connected(from: stranger, now: time(Int64(second) * 9 + 1))
            #expect(ticket(verdict) != nil, "after \(second) seconds")
        }
    }

    @Test func whatIsRememberedIsBounded() {
        let admission = admission { $0.rememberedAddresses = 100 }
        for _ in 0..<8 { admission.failed(stranger, now: time(50)) }
        for address in 0..<5000 {
            let second = 51 + Int64(address / 1000)
            admission.failed(.version4(UInt32(address)), now: time(second))
            #expect(admission.rememberedCount <= 100)
        }
        // The stranger failed longest ago, so that it was forgotten for the others.
        #expect(ticket(admission.connected(from: stranger, now: time(56))) != nil)
        // Failures that no longer count make room first.
        admission.failed(stranger, now: time(900))
        #expect(admission.rememberedCount == 1)
    }

    @Test func connectionsAreBoundedInAllAndByAddress() throws {
        let admission = admission {
            $0.connections = 3
            $0.connectionsPerAddress = 2
        }
        let first = try #require(ticket(admission.connected(from: stranger, now: time(0))))
        #expect(ticket(admission.connected(from: stranger, now: time(0))) != nil)
        #expect(
            admission.connected(from: stranger, now: time(0)) == .tooManyFromAddress(limit: 2)
        )
        #expect(ticket(admission.connected(from: worker, now: time(0))) != nil)
        #expect(admission.connected(from: .other, now: time(0)) == .tooManyConnections(limit: 3))
        #expect(admission.handshakeEnded(first))
        #expect(admission.connectionCount == 3, "a link is a connection still")
        admission.ended(first)
        admission.ended(first)
        #expect(admission.connectionCount == 2)
        #expect(ticket(admission.connected(from: stranger, now: time(0))) != nil)
    }

    @Test func theAddressWithMostHandshakesLosesItsOldest() throws {
        let admission = admission { $0.handshakes = 4 }
        let early = try #require(ticket(admission.connected(from: worker, now: time(0))))
        let held = (0..<3).compactMap { _ in
            ticket(admission.connected(from: stranger, now: time(1)))
        }
        #expect(admission.unfinished == [early] + held)
        for index in 0..<3 {
            let verdict = admission.connected(from: stranger, now: time(2))
            guard case .admitted(_, held[index]) = verdict else {
                Issue.record("\(verdict) where \(held[index]) should go")
                return
            }
            #expect(!admission.handshakeEnded(held[index]), "it was crowded out")
        }
        #expect(admission.handshakeEnded(early))
        // A finished handshake makes room for another.
        guard case .admitted(_, nil) = admission.connected(from: worker, now: time(3)) else {
            Issue.record("there was room")
            return
        }
    }

    @Test func addressesOfOneNetworkAreOne() {
        let mapped: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 127, 0, 0, 2]
        #expect(PeerAddress(version6: mapped) == stranger)
        var first = [UInt8](repeating: 0, count: 16)
        first[0] = 0x20
        var second = first
        second[15] = 9
        #expect(PeerAddress(version6: first) == PeerAddress(version6: second))
        second[7] = 1
        #expect(PeerAddress(version6: first) != PeerAddress(version6: second))
        #expect(PeerAddress(version6: []) == .other)
    }
}
