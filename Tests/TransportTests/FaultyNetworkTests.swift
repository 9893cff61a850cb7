import NIOCore
import TestSupport
import Testing
import Transport
import WireProtocol

/// Cuts and inverted bits at random places of a connection, as many as `CRISPYX_TEST_CUTS` says.
@Suite(.timeLimit(.minutes(30))) struct FaultyNetworkTests {
    /// What a worker says in every round.
    private static let said: [WorkerMessage] =
        [.hello(Fixture.hello)] + (0..<3).map { .row(part($0)) } + [.goodbye(reason: "done")]

    private static func part(_ index: Int) -> RowChunk {
        var chunk = Fixture.row(index)
        chunk.payload =
            chunk.payload.getSlice(at: chunk.payload.readerIndex, length: 700)
            ?? chunk.payload
        return chunk
    }

    /// Bytes that a client sends for all of it, handshake included; a little more is no matter.
    private static let wireBytes = 3400

    /// What the coordinator got of one connection: messages, then the end.
    private struct Received {
        var messages: [WorkerMessage] = []
        var closure: LinkClosure?
    }

    /// Speaks through the proxy and says what arrived; nil when there was no link.
    private func round(
        _ server: TestServer,
        _ proxy: TamperingProxy,
        _ fault: TamperingProxy.Fault,
        _ earlier: Int
    ) async throws -> Received? {
        proxy.inject(fault)
        let worker: WorkerLink
        let workerInbox = EventInbox<CoordinatorMessage>()
        do {
            worker = try await Connector.connect(
                host: "127.0.0.1",
                port: proxy.port,
                credentials: TestServer.credentials,
                deadline: .seconds(3),
                on: loops,
                onEvent: workerInbox.receiver
            )
        } catch {
            return nil
        }
        guard let (coordinator, inbox) = try await server.nextLinkOrRejection(earlier) else {
            worker.close()
            return nil
        }
        var received = Received()
        func take() async throws {
            switch try await inbox.next() {
            case .message(let message): received.messages.append(message)
            case .closed(let closure): received.closure = closure
            }
        }
        // Rows are allowed once the greeting is answered.
        try worker.send(.hello(Fixture.hello))
        try await take()
        if received.closure == nil {
            try coordinator.send(.welcome(Fixture.welcome))
            _ = try await workerInbox.next()
            for message in Self.said.dropFirst() { try worker.send(message) }
        }
        worker.close()
        while received.closure == nil { try await take() }
        return received
    }

    @Test func whatArrivesIsABeginningOfWhatWasSaid() async throws {
        let count = TestVariables.number("CRISPYX_TEST_CUTS") ?? 100
        let server = try await TestServer.start {
            $0.limits.failures = .max
            $0.handshakeDeadline = .seconds(3)
        }
        let proxy = try await TamperingProxy.start(to: server.listener.port)
        var random = SeededGenerator(seed: FuzzInputs.seed)
        var (fired, linked, whole, noticed) = (0, 0, 0, 0)
        for index in 0..<count {
            let place = Int.random(in: 0..<Self.wireBytes, using: &random)
            let bit = UInt8.random(in: 0..<8, using: &random)
            let isCut = index.isMultiple(of: 2)
            let received = try await round(
                server,
                proxy,
                isCut ? .cutAfter(place) : .flipAfter(place, bit: bit),
                server.rejectedCount
            )
            let hasFired = proxy.hasFired
            if hasFired { fired += 1 }
            guard let received else { continue }
            linked += 1
            #expect(received.messages == Array(Self.said.prefix(received.messages.count)))
            if received.messages.count == Self.said.count { whole += 1 }
            if case .tlsFailed = received.closure { noticed += 1 }
            if case .protocolViolation(let error) = received.closure {
                Issue.record("bit \(bit) of byte \(place) got through: \(error)")
            }
        }
        #expect(fired > count * 3 / 4, "\(fired) of \(count) faults happened")
        #expect(noticed > 0, "inverted bits are noticed by TLS")
        #expect(linked > count / 4 && whole < linked, "\(linked) links, \(whole) undisturbed")
        await server.listener.close()
    }
}
