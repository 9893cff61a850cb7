import Glibc
import NIOCore
import NIOPosix
import Synchronization
import Testing
import Transport
import WireProtocol

/// The event loops of the whole test run.
let loops = EventLoops(threadCount: 2)

/// Keeps a link's events for a test to take one by one.
final class EventInbox<Message: WireMessage>: Sendable {
    struct TimedOut: Error {}

    private let events = Mutex<[LinkEvent<Message>]>([])

    var receiver: LinkEventHandler<Message> {
        { event in self.events.withLock { $0.append(event) } }
    }

    /// The next event, waiting for it.
    func next(within limit: Duration = .seconds(20)) async throws -> LinkEvent<Message> {
        let end = ContinuousClock.now + limit
        while ContinuousClock.now < end {
            let event = events.withLock { $0.isEmpty ? nil : $0.removeFirst() }
            if let event { return event }
            try await Task.sleep(for: .milliseconds(1))
        }
        throw TimedOut()
    }

    /// The closure, after dropping the messages before it.
    func closure(within limit: Duration = .seconds(20)) async throws -> LinkClosure {
        while true {
            if case .closed(let closure) = try await next(within: limit) { return closure }
        }
    }

    /// Whether nothing waits.
    var isEmpty: Bool { events.withLock { $0.isEmpty } }
}

/// Waits until a condition holds; false if it never does.
func eventually(_ condition: () -> Bool) async throws -> Bool {
    let end = ContinuousClock.now + .seconds(20)
    while ContinuousClock.now < end {
        if condition() { return true }
        try await Task.sleep(for: .milliseconds(1))
    }
    return false
}

/// Both ends of a connection.
struct LinkedPair {
    let coordinator: CoordinatorLink
    let coordinatorInbox: EventInbox<WorkerMessage>
    let worker: WorkerLink
    let workerInbox: EventInbox<CoordinatorMessage>

    /// Connects two links by a socket pair.
    static func overSocketPair() async throws -> LinkedPair {
        let sockets = try SocketPair.make()
        let coordinatorInbox = EventInbox<WorkerMessage>()
        let workerInbox = EventInbox<CoordinatorMessage>()
        return LinkedPair(
            coordinator: try await LocalSocket.coordinatorLink(
                descriptor: sockets.parent,
                on: loops
            ) { _ in coordinatorInbox.receiver },
            coordinatorInbox: coordinatorInbox,
            worker: try await LocalSocket.workerLink(
                descriptor: sockets.child,
                on: loops,
                onEvent: workerInbox.receiver
            ),
            workerInbox: workerInbox
        )
    }

    /// Connects two links by TLS, through `port` if it is not the listener's own.
    static func overTLS(_ server: TestServer, port: Int? = nil) async throws -> LinkedPair {
        let workerInbox = EventInbox<CoordinatorMessage>()
        let worker = try await Connector.connect(
            host: "127.0.0.1",
            port: port ?? server.listener.port,
            credentials: TestServer.credentials,
            on: loops,
            onEvent: workerInbox.receiver
        )
        let (coordinator, inbox) = try await server.nextLink()
        return LinkedPair(
            coordinator: coordinator,
            coordinatorInbox: inbox,
            worker: worker,
            workerInbox: workerInbox
        )
    }

    /// Exchanges the greetings.
    func greet() async throws {
        try worker.send(.hello(Fixture.hello))
        #expect(try await coordinatorInbox.next() == .message(.hello(Fixture.hello)))
        try coordinator.send(.welcome(Fixture.welcome))
        #expect(try await workerInbox.next() == .message(.welcome(Fixture.welcome)))
    }

    /// Closes both ends and waits until they are gone.
    func close() async throws {
        worker.close()
        coordinator.close()
        _ = try await workerInbox.closure()
        _ = try await coordinatorInbox.closure()
    }
}

/// A listener that keeps what it accepts and rejects.
final class TestServer: Sendable {
    static let credentials = Credentials.token(Token(bytes: Array(0..<32)) ?? Token.random())

    private typealias Accepted = (CoordinatorLink, EventInbox<WorkerMessage>)
    private final class Record: Sendable {
        let accepted = Mutex<[Accepted]>([])
        let rejected = Mutex<[RejectedConnection]>([])
    }

    let listener: Listener
    private let record: Record

    private init(listener: Listener, record: Record) {
        self.listener = listener
        self.record = record
    }

    static func start(
        _ change: (inout ListenerConfiguration) -> Void = { _ in }
    ) async throws -> TestServer {
        var configuration = ListenerConfiguration(
            host: "127.0.0.1",
            port: 0,
            credentials: credentials
        )
        change(&configuration)
        let record = Record()
        let listener = try await Listener.start(
            configuration,
            on: loops,
            onRejected: { rejected in record.rejected.withLock { $0.append(rejected) } },
            accept: { link in
                let inbox = EventInbox<WorkerMessage>()
                record.accepted.withLock { $0.append((link, inbox)) }
                return inbox.receiver
            }
        )
        return TestServer(listener: listener, record: record)
    }

    /// The next accepted link, waiting for it.
    func nextLink() async throws -> (CoordinatorLink, EventInbox<WorkerMessage>) {
        #expect(try await eventually { record.accepted.withLock { !$0.isEmpty } })
        return record.accepted.withLock { $0.removeFirst() }
    }

    /// Connections that never became a link.
    var rejectedCount: Int { record.rejected.withLock(\.count) }

    /// The next accepted link; nil when a connection is rejected before there is one.
    func nextLinkOrRejection(
        _ earlier: Int
    ) async throws -> (CoordinatorLink, EventInbox<WorkerMessage>)? {
        #expect(
            try await eventually {
                record.accepted.withLock { !$0.isEmpty } || rejectedCount > earlier
            }
        )
        return record.accepted.withLock { $0.isEmpty ? nil : $0.removeFirst() }
    }

    /// The failures so far, once there are `count`.
    func failures(_ count: Int) async throws -> [HandshakeFailure] {
        #expect(try await eventually { record.rejected.withLock { $0.count >= count } })
        return record.rejected.withLock { $0.map(\.failure) }
    }
}

/// A TCP connection without TLS, as a stranger opens it.
func strangerConnection(to port: Int) async throws -> any Channel {
    try await ClientBootstrap(group: loops.group).connect(host: "127.0.0.1", port: port).get()
}

/// Messages and payloads that the tests exchange.
enum Fixture {
    static let identifier = Bytes16(high: 1, low: 2)

    static let hello = Hello(
        role: .fitter,
        workerID: identifier,
        host: "here",
        processID: 1,
        threads: 2,
        memoryBytes: 1 << 30
    )

    static let welcome = Welcome(
        runID: identifier,
        inputFingerprint: identifier,
        optionsDigest: identifier,
        optionsJSON: Array("{}".utf8),
        rowSchemaVersion: 1,
        method: "nb-glm",
        geneCount: 10,
        rowBytes: 1 << 20,
        heartbeatMilliseconds: 5000,
        silenceMilliseconds: 60_000,
        rowCreditBytes: 16 << 20,
        resources: []
    )

    private static let noise: ByteBuffer = {
        var state: UInt64 = 88
        let count = ProtocolLimits.chunkPayloadBytes + 256
        return ByteBuffer(
            bytes: (0..<count).map { _ in
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                return UInt8(truncatingIfNeeded: state >> 56)
            }
        )
    }()

    /// A full payload that differs from its neighbours'.
    static func payload(_ index: Int) -> ByteBuffer {
        noise.getSlice(at: index % 251, length: ProtocolLimits.chunkPayloadBytes) ?? noise
    }

    static func row(_ index: Int) -> RowChunk {
        RowChunk(
            lease: 1,
            perturbation: UInt32(index),
            totalBytes: 1 << 20,
            offset: 0,
            digest: identifier,
            payload: payload(index)
        )
    }
}
