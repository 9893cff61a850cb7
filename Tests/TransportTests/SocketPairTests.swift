import Foundation
import NIOCore
import Synchronization
import Testing
import Transport
import WireProtocol

#if canImport(Glibc)
import Glibc
#endif

@Suite(.timeLimit(.minutes(1))) struct SocketPairTests {
    @Test func messagesGoBothWays() async throws {
        let pair = try await LinkedPair.overSocketPair()
        try await pair.greet()
        try pair.worker.send(.started(lease: 1, perturbation: 2))
        #expect(
            try await pair.coordinatorInbox.next() == .message(.started(lease: 1, perturbation: 2))
        )
        try pair.coordinator.send(.finish(reason: "complete"))
        #expect(try await pair.workerInbox.next() == .message(.finish(reason: "complete")))
        #expect(pair.worker.peer == "local socket")
        try await pair.close()
    }

    @Test func aLinkMayBeUsedAsSoonAsItIsAccepted() async throws {
        let sockets = try SocketPair.make()
        _ = try await LocalSocket.coordinatorLink(descriptor: sockets.parent, on: loops) { link in
            link.keepAlive(every: .seconds(5), silence: .seconds(60)) { .heartbeat }
            #expect(throws: Never.self) { try link.send(.heartbeat) }
            return { _ in }
        }
        let inbox = EventInbox<CoordinatorMessage>()
        let worker = try await LocalSocket.workerLink(
            descriptor: sockets.child,
            on: loops,
            onEvent: inbox.receiver
        )
        #expect(try await inbox.next() == .message(.heartbeat))
        worker.close()
        #expect(try await inbox.closure() == .local)
    }

    @Test func bothEndsAreClosedWhenAnotherProgramStarts() throws {
        let sockets = try SocketPair.make()
        for descriptor in [sockets.parent, sockets.child] {
            #expect(fcntl(descriptor, F_GETFD) & FD_CLOEXEC != 0)
        }
        close(sockets.parent)
        close(sockets.child)
    }

    @Test func closingTheChildEndLeavesNoCopyInThisProcess() throws {
        let sockets = try SocketPair.make()
        sockets.closeChildEnd()
        var byte: UInt8 = 0
        #expect(read(sockets.parent, &byte, 1) == 0)
        close(sockets.parent)
    }

    @Test func theDeathOfAChildProcessIsNoticedAtOnce() async throws {
        let sockets = try SocketPair.make()
        let child = Process()
        child.executableURL = URL(fileURLWithPath: "/bin/sleep")
        child.arguments = ["60"]
        child.standardInput = FileHandle(fileDescriptor: sockets.child, closeOnDealloc: false)
        try child.run()
        sockets.closeChildEnd()
        let inbox = EventInbox<WorkerMessage>()
        _ = try await LocalSocket.coordinatorLink(descriptor: sockets.parent, on: loops) { _ in
            inbox.receiver
        }
        try await Task.sleep(for: .milliseconds(50))
        #expect(inbox.isEmpty)
        kill(child.processIdentifier, SIGKILL)
        #expect(try await inbox.next(within: .seconds(5)) == .closed(.peerClosed))
    }

    @Test func whatIsNoConnectedSocketIsRefused() async throws {
        var pipeEnds: [Int32] = [-1, -1]
        #expect(pipe(&pipeEnds) == 0)
        let unconnected = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
        for descriptor in [pipeEnds[0], unconnected, 99_999] {
            await #expect(throws: TransportError.notAConnectedSocket(descriptor: descriptor)) {
                try await LocalSocket.workerLink(descriptor: descriptor, on: loops) { _ in }
            }
        }
        for descriptor in pipeEnds + [unconnected] {
            #expect(close(descriptor) == 0)
        }
    }

    @Test func closingSendsWhatIsQueuedFirst() async throws {
        let pair = try await LinkedPair.overSocketPair()
        try await pair.greet()
        for index in 0..<20 {
            try pair.worker.send(.row(Fixture.row(index)))
        }
        try pair.worker.send(.goodbye(reason: "done"))
        pair.worker.close()
        for index in 0..<20 {
            #expect(
                try await pair.coordinatorInbox.next() == .message(.row(Fixture.row(index)))
            )
        }
        #expect(try await pair.coordinatorInbox.next() == .message(.goodbye(reason: "done")))
        #expect(try await pair.coordinatorInbox.next() == .closed(.peerClosed))
        #expect(try await pair.workerInbox.closure() == .local)
    }

    @Test func aRefusalArrivesAlthoughThePeerKeepsSending() async throws {
        let pair = try await LinkedPair.overSocketPair()
        try pair.worker.send(.hello(Fixture.hello))
        _ = try await pair.coordinatorInbox.next()
        for _ in 0..<100 {
            try pair.worker.send(.goodbye(reason: "noise"))
        }
        let refusal = Refusal(code: .build, text: "another build")
        try pair.coordinator.send(.refused(refusal))
        pair.coordinator.close()
        #expect(try await pair.workerInbox.next() == .message(.refused(refusal)))
        #expect(try await pair.workerInbox.next() == .closed(.peerClosed))
        #expect(try await pair.coordinatorInbox.closure() == .local)
    }

    @Test func aClosedLinkTakesNothingMore() async throws {
        let pair = try await LinkedPair.overSocketPair()
        try await pair.close()
        try pair.worker.send(.goodbye(reason: "too late"))
        pair.worker.close()
        #expect(pair.worker.queuedBytes == 0)
        try await Task.sleep(for: .milliseconds(20))
        #expect(pair.workerInbox.isEmpty && pair.coordinatorInbox.isEmpty)
    }

    @Test func messagesOfEveryThreadKeepTheirOrder() async throws {
        let pair = try await LinkedPair.overSocketPair()
        try await pair.greet()
        await withTaskGroup(of: Void.self) { group in
            for thread in UInt64(0)..<4 {
                group.addTask {
                    for number in UInt32(0)..<2000 {
                        try? pair.worker.send(.started(lease: thread, perturbation: number))
                    }
                }
            }
        }
        var next: [UInt64: UInt32] = [:]
        for _ in 0..<8000 {
            guard
                case .message(.started(let thread, let number)) =
                    try await pair.coordinatorInbox.next()
            else {
                Issue.record("not a started")
                return
            }
            #expect(number == next[thread, default: 0])
            next[thread] = number + 1
        }
        #expect(try await eventually { pair.worker.queuedBytes == 0 })
        try await pair.close()
    }

    @Test func aHundredMegabytesArriveIntactAndInOrder() async throws {
        let pair = try await LinkedPair.overSocketPair()
        try await pair.greet()
        try await exchangeBulk(pair)
        try await pair.close()
    }
}

/// Sends 100 MiB of rows up, then lets the worker pull 100 MiB of resources.
func exchangeBulk(_ pair: LinkedPair) async throws {
    for index in 0..<100 {
        try pair.worker.send(.row(Fixture.row(index)))
    }
    #expect(pair.worker.queuedBytes > 0)
    for index in 0..<100 {
        let event = try await pair.coordinatorInbox.next()
        #expect((event == .message(.row(Fixture.row(index)))) == true, "row \(index)")
    }
    #expect(try await eventually { pair.worker.queuedBytes == 0 })

    var requested: UInt64 = 0
    func request() throws {
        guard requested < 100 else { return }
        let offset = requested << 20
        let length = UInt32(ProtocolLimits.chunkPayloadBytes)
        try pair.worker.send(
            .fetch(ResourceRequest(request: requested, name: "r", offset: offset, length: length))
        )
        requested += 1
    }
    for _ in 0..<ProtocolLimits.openRequests {
        try request()
    }
    for index in 0..<100 {
        guard case .message(.fetch(let asked)) = try await pair.coordinatorInbox.next() else {
            Issue.record("not a fetch")
            return
        }
        let chunk = ResourceChunk(
            request: asked.request,
            offset: asked.offset,
            payload: Fixture.payload(Int(asked.request))
        )
        try pair.coordinator.send(.resourceChunk(chunk))
        let event = try await pair.workerInbox.next()
        #expect((event == .message(.resourceChunk(chunk))) == true, "chunk \(index)")
        try request()
    }
}
