import Glibc
import NIOCore
import Synchronization
import Testing
import Transport
import WireProtocol

/// Deadlines, limits and violations, seen from the coordinator's end of a socket pair.
@Suite(.timeLimit(.minutes(1))) struct LinkDeadlineTests {
    /// A link whose peer is the test itself, writing raw bytes.
    private func bareLink(
        helloDeadline: Duration = .seconds(60)
    ) async throws -> (link: CoordinatorLink, inbox: EventInbox<WorkerMessage>, peer: Int32) {
        let sockets = try SocketPair.make()
        let inbox = EventInbox<WorkerMessage>()
        let link = try await LocalSocket.coordinatorLink(
            descriptor: sockets.parent,
            on: loops,
            helloDeadline: helloDeadline
        ) { _ in inbox.receiver }
        return (link, inbox, sockets.child)
    }

    @Test func silenceClosesTheLink() async throws {
        let (link, inbox, peer) = try await bareLink()
        let start = ContinuousClock.now
        link.keepAlive(every: .milliseconds(20), silence: .milliseconds(150)) { .heartbeat }
        #expect(try await inbox.next() == .closed(.timedOut(.silence(milliseconds: 150))))
        #expect(ContinuousClock.now - start >= .milliseconds(150))
        close(peer)
    }

    @Test func heartbeatsKeepBothEndsAlive() async throws {
        let pair = try await LinkedPair.overSocketPair()
        try await pair.greet()
        let report = WorkerHeartbeat(
            finishedPerturbations: 1,
            runningPerturbations: [2],
            residentBytes: 3
        )
        let silence = Duration.milliseconds(1500)
        pair.worker.keepAlive(every: .milliseconds(50), silence: silence) { .heartbeat(report) }
        pair.coordinator.keepAlive(every: .milliseconds(50), silence: silence) { .heartbeat }
        let end = ContinuousClock.now + .milliseconds(2000)
        while ContinuousClock.now < end {
            #expect(try await pair.coordinatorInbox.next() == .message(.heartbeat(report)))
            #expect(try await pair.workerInbox.next() == .message(.heartbeat))
        }
        // From here on the worker says nothing.
        pair.worker.keepAlive(every: .seconds(60), silence: .seconds(60)) { nil }
        #expect(
            try await pair.coordinatorInbox.closure() == .timedOut(.silence(milliseconds: 1500))
        )
        let closure = try await pair.workerInbox.closure()
        #expect(closure == .peerClosed || closure == .reset)
    }

    @Test func aPeerThatStopsReadingGetsOneHeartbeatNotMany() async throws {
        let (link, inbox, peer) = try await bareLink()
        try link.send(.welcome(Fixture.welcome))
        for index in 0..<8 {
            try link.send(
                .resourceChunk(
                    ResourceChunk(request: 1, offset: 0, payload: Fixture.payload(index))
                )
            )
        }
        let heartbeats = Mutex(0)
        link.keepAlive(every: .milliseconds(1), silence: .seconds(60)) {
            heartbeats.withLock { $0 += 1 }
            return .heartbeat
        }
        #expect(try await eventually { heartbeats.withLock { $0 } == 1 })
        try await Task.sleep(for: .milliseconds(100))
        #expect(heartbeats.withLock { $0 } == 1)
        #expect((2 << 20..<9 << 20).contains(link.queuedBytes))
        close(peer)
        let closure = try await inbox.closure()
        #expect([.peerClosed, .vanished, .reset].contains(closure))
        #expect(try await eventually { link.queuedBytes == 0 })
    }

    @Test func aPeerThatDoesNotGreetIsDropped() async throws {
        let (_, inbox, peer) = try await bareLink(helloDeadline: .milliseconds(100))
        #expect(try await inbox.next() == .closed(.timedOut(.greeting(milliseconds: 100))))
        close(peer)
    }

    @Test func aGreetingEndsTheGreetingDeadline() async throws {
        // Long enough for a busy machine to greet in time.
        let (_, inbox, peer) = try await bareLink(helloDeadline: .seconds(2))
        let hello = try WorkerMessage.hello(Fixture.hello).encoded().joined
        let sent = hello.readableBytesView.withUnsafeBytes { write(peer, $0.baseAddress, $0.count) }
        #expect(sent == hello.readableBytes)
        #expect(try await inbox.next() == .message(.hello(Fixture.hello)))
        try await Task.sleep(for: .milliseconds(2500))
        #expect(inbox.isEmpty)
        close(peer)
        #expect(try await inbox.next() == .closed(.peerClosed))
    }

    @Test func aViolationClosesTheLinkAndNothingFollows() async throws {
        let (_, inbox, peer) = try await bareLink()
        let garbage: [UInt8] = Array("GET / HTTP/1.1\r\n\r\n".utf8)
        #expect(write(peer, garbage, garbage.count) == garbage.count)
        #expect(
            try await inbox.next()
                == .closed(.protocolViolation(.unknownFrameKind(UInt8(ascii: "/"))))
        )
        var byte: UInt8 = 0
        #expect(read(peer, &byte, 1) <= 0)
        close(peer)
        try await Task.sleep(for: .milliseconds(20))
        #expect(inbox.isEmpty)
    }

    @Test func aPeerThatDiesWithinAFrameHasClosed() async throws {
        let (_, inbox, peer) = try await bareLink()
        let part: [UInt8] = [100, 0, 0, 0, 1, 0x0a]
        #expect(write(peer, part, part.count) == part.count)
        close(peer)
        #expect(try await inbox.next() == .closed(.peerClosed))
    }

    @Test func tooManyOpenRequestsEndTheLink() async throws {
        let pair = try await LinkedPair.overSocketPair()
        try await pair.greet()
        func fetch(_ request: UInt64) throws {
            try pair.worker.send(
                .fetch(ResourceRequest(request: request, name: "r", offset: 0, length: 1))
            )
        }
        // Answered requests do not count.
        for request in UInt64(0)..<40 {
            try fetch(request)
            _ = try await pair.coordinatorInbox.next()
            try pair.coordinator.send(.resourceMissing(request: request, reason: "test"))
            _ = try await pair.workerInbox.next()
        }
        for request in 0...UInt64(ProtocolLimits.openRequests) {
            try fetch(request)
        }
        #expect(
            try await pair.coordinatorInbox.closure()
                == .protocolViolation(
                    .tooManyOpenRequests(limit: ProtocolLimits.openRequests)
                )
        )
    }

    @Test func whatThePeerWouldRefuseIsNotSent() async throws {
        let pair = try await LinkedPair.overSocketPair()
        try await pair.greet()
        #expect(throws: WireProtocolError.self) {
            try pair.worker.send(
                .fetch(ResourceRequest(request: 1, name: "../etc", offset: 0, length: 1))
            )
        }
        #expect(pair.worker.queuedBytes == 0)
        try await pair.close()
    }
}
