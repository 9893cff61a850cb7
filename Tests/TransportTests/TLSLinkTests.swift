import NIOCore
import Testing
import Transport
import WireProtocol

@Suite(.timeLimit(.minutes(1))) struct TLSLinkTests {
    @Test func aWorkerWithTheTokenConnects() async throws {
        let server = try await TestServer.start()
        #expect(server.listener.host == "127.0.0.1")
        #expect(server.listener.port > 0)
        let pair = try await LinkedPair.overTLS(server)
        try await pair.greet()
        #expect(pair.coordinator.peer.hasPrefix("127.0.0.1:"))
        #expect(pair.worker.peer == "127.0.0.1:\(server.listener.port)")
        try await pair.close()
        #expect(try await eventually { server.listener.connectionCount == 0 })
        await server.listener.close()
    }

    @Test func aWrongTokenFailsOnBothSides() async throws {
        let server = try await TestServer.start()
        let error = await #expect(throws: TransportError.self) {
            try await Connector.connect(
                host: "127.0.0.1",
                port: server.listener.port,
                credentials: .token(Token.random()),
                on: loops,
                onEvent: { _ in Issue.record("an event without a link") }
            )
        }
        guard case .notAuthenticated = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        guard case .tlsFailed = try await server.failures(1).first else {
            Issue.record("the listener saw no TLS failure")
            return
        }
        await server.listener.close()
    }

    @Test func garbageIsDroppedAndDisturbsNobody() async throws {
        let server = try await TestServer.start()
        let pair = try await LinkedPair.overTLS(server)
        try await pair.greet()
        let probes: [[UInt8]] = [
            Array("GET / HTTP/1.1\r\nHost: x\r\n\r\n".utf8),
            Array("SSH-2.0-OpenSSH_9.9\r\n".utf8),
            [UInt8](repeating: 0, count: 4096),
            (0..<4096).map { UInt8(truncatingIfNeeded: $0 &* 167 &+ 13) },
            // The protocol itself, but in plain text.
            Array(try WorkerMessage.hello(Fixture.hello).encoded().joined.readableBytesView),
        ]
        for probe in probes {
            let stranger = try await strangerConnection(to: server.listener.port)
            try? await stranger.writeAndFlush(ByteBuffer(bytes: probe)).get()
            try await stranger.closeFuture.get()
        }
        #expect(try await server.failures(probes.count).count == probes.count)
        try pair.worker.send(.goodbye(reason: "still here"))
        #expect(try await pair.coordinatorInbox.next() == .message(.goodbye(reason: "still here")))
        try await pair.close()
        await server.listener.close()
    }

    @Test func aStrangerThatSaysNothingIsDropped() async throws {
        let server = try await TestServer.start { $0.handshakeDeadline = .milliseconds(150) }
        let stranger = try await strangerConnection(to: server.listener.port)
        try await stranger.closeFuture.get()
        #expect(try await server.failures(1) == [.timedOut(milliseconds: 150)])
        await server.listener.close()
    }

    @Test func anAuthenticWorkerThatDoesNotGreetIsDropped() async throws {
        let server = try await TestServer.start { $0.helloDeadline = .milliseconds(150) }
        let pair = try await LinkedPair.overTLS(server)
        #expect(
            try await pair.coordinatorInbox.next()
                == .closed(.timedOut(.greeting(milliseconds: 150)))
        )
        let closure = try await pair.workerInbox.closure()
        #expect(closure == .peerClosed || closure == .reset)
        await server.listener.close()
    }

    @Test func tooManyConnectionsAreTurnedAway() async throws {
        let server = try await TestServer.start { $0.limits.connections = 1 }
        let pair = try await LinkedPair.overTLS(server)
        try await pair.greet()
        let stranger = try await strangerConnection(to: server.listener.port)
        try await stranger.closeFuture.get()
        #expect(try await server.failures(1) == [.tooManyConnections(limit: 1)])
        let error = await #expect(throws: TransportError.self) {
            try await LinkedPair.overTLS(server)
        }
        guard case .cannotConnect = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        try await pair.close()
        #expect(try await eventually { server.listener.connectionCount == 0 })
        let second = try await LinkedPair.overTLS(server)
        try await second.close()
        await server.listener.close()
    }

    @Test func silentStrangersCannotKeepAWorkerOut() async throws {
        let server = try await TestServer.start { $0.limits.handshakes = 3 }
        var strangers: [any Channel] = []
        for _ in 0..<5 {
            strangers.append(try await strangerConnection(to: server.listener.port))
        }
        // Two of the five had to go already; connections are admitted in no fixed order.
        _ = try await server.failures(2)
        let pair = try await LinkedPair.overTLS(server)
        try await pair.greet()
        #expect(
            try await server.failures(3)
                == [HandshakeFailure](repeating: .tooManyHandshakes(limit: 3), count: 3)
        )
        await server.listener.close()
        for stranger in strangers {
            try await stranger.closeFuture.get()
        }
        try pair.worker.send(.goodbye(reason: "outlived the listener"))
        #expect(
            try await pair.coordinatorInbox.next()
                == .message(.goodbye(reason: "outlived the listener"))
        )
        try await pair.close()
    }

    @Test func silenceClosesTheLink() async throws {
        let server = try await TestServer.start()
        let pair = try await LinkedPair.overTLS(server)
        try await pair.greet()
        pair.coordinator.keepAlive(every: .seconds(1), silence: .milliseconds(150)) { .heartbeat }
        #expect(
            try await pair.coordinatorInbox.next()
                == .closed(.timedOut(.silence(milliseconds: 150)))
        )
        #expect(try await pair.workerInbox.closure() == .peerClosed)
        await server.listener.close()
    }

    @Test func aHundredMegabytesArriveIntactAndInOrder() async throws {
        let server = try await TestServer.start()
        let pair = try await LinkedPair.overTLS(server)
        try await pair.greet()
        try await exchangeBulk(pair)
        try await pair.close()
        await server.listener.close()
    }

    @Test func aPeerThatDiesWithoutGoodbyeHasClosed() async throws {
        let server = try await TestServer.start()
        let proxy = try await TamperingProxy.start(to: server.listener.port)
        let pair = try await LinkedPair.overTLS(server, port: proxy.port)
        try await pair.greet()
        proxy.inject(.cut)
        try pair.worker.send(.goodbye(reason: "never arrives"))
        // Unlike a peer that gives the connection up, which says so in TLS.
        #expect(try await pair.coordinatorInbox.next() == .closed(.vanished))
        #expect(try await pair.workerInbox.next() == .closed(.vanished))
        await server.listener.close()
    }

    @Test func damageOnTheWayEndsTheLink() async throws {
        let server = try await TestServer.start()
        let proxy = try await TamperingProxy.start(to: server.listener.port)
        let pair = try await LinkedPair.overTLS(server, port: proxy.port)
        try await pair.greet()
        proxy.inject(.flip)
        try pair.worker.send(.goodbye(reason: "damaged"))
        guard case .tlsFailed = try await pair.coordinatorInbox.closure() else {
            Issue.record("the damage was not noticed")
            return
        }
        #expect(try await pair.workerInbox.closure() != .local)
        await server.listener.close()
    }

    @Test func nobodyAtTheAddressIsSaid() async throws {
        let server = try await TestServer.start()
        let port = server.listener.port
        await server.listener.close()
        await #expect(
            throws: TransportError.cannotConnect(
                endpoint: "127.0.0.1:\(port)",
                reason: "Connection refused"
            )
        ) {
            try await LinkedPair.overTLS(server)
        }
    }

    @Test func aPeerThatIsNoCoordinatorTimesOut() async throws {
        let mute = try await MuteServer.start()
        await #expect(
            throws: TransportError.handshakeTimedOut(
                endpoint: "127.0.0.1:\(mute.port)",
                milliseconds: 150
            )
        ) {
            try await Connector.connect(
                host: "127.0.0.1",
                port: mute.port,
                credentials: TestServer.credentials,
                deadline: .milliseconds(150),
                on: loops,
                onEvent: { _ in }
            )
        }
        try await mute.close()
    }

    @Test func aPortInUseIsSaid() async throws {
        let server = try await TestServer.start()
        let port = server.listener.port
        await #expect(
            throws: TransportError.cannotListen(
                endpoint: "127.0.0.1:\(port)",
                reason: "Address already in use"
            )
        ) {
            try await TestServer.start { $0.port = port }
        }
        await server.listener.close()
    }

    @Test func anEmptyHostListensOnEveryInterface() async throws {
        let server = try await TestServer.start { $0.host = "" }
        let pair = try await LinkedPair.overTLS(server)
        try await pair.greet()
        try await pair.close()
        await server.listener.close()
    }
}

@Suite struct EventLoopsTests {
    @Test func shuttingDownClosesWhatIsOpen() async throws {
        let own = EventLoops()
        let sockets = try SocketPair.make()
        let inbox = EventInbox<WorkerMessage>()
        let link = try await LocalSocket.coordinatorLink(
            descriptor: sockets.parent,
            on: own
        ) { _ in inbox.receiver }
        try await own.shutdown()
        guard case .closed = try await inbox.next() else {
            Issue.record("no closure")
            return
        }
        try link.send(.heartbeat)
        #expect(link.queuedBytes == 0)
        sockets.closeChildEnd()
    }
}
