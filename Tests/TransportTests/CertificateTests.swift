import Foundation
import NIOCore
import TestSupport
import Testing
import Transport
import WireProtocol

/// Mutual TLS: certificates that fit, and every way in which they do not.
@Suite(.timeLimit(.minutes(1))) struct CertificateTests {
    private let folder: TestCertificates

    init() throws { folder = try TestCertificates() }

    private func connect(
        _ server: TestServer,
        _ credentials: Credentials,
        _ inbox: EventInbox<CoordinatorMessage> = EventInbox()
    ) async throws -> WorkerLink {
        try await Connector.connect(
            host: "127.0.0.1",
            port: server.listener.port,
            credentials: credentials,
            on: loops,
            onEvent: inbox.receiver
        )
    }

    private func server(_ files: CertificateFiles) async throws -> TestServer {
        let identity = try files.load()
        return try await TestServer.start { $0.credentials = .certificates(identity) }
    }

    @Test func certificatesOfTheAuthorityConnect() async throws {
        let server = try await server(folder.files("coordinator"))
        let inbox = EventInbox<CoordinatorMessage>()
        let worker = try await connect(
            server,
            .certificates(try folder.files("worker").load()),
            inbox
        )
        let (coordinator, coordinatorInbox) = try await server.nextLink()
        let pair = LinkedPair(
            coordinator: coordinator,
            coordinatorInbox: coordinatorInbox,
            worker: worker,
            workerInbox: inbox
        )
        try await pair.greet()
        try await pair.close()
        await server.listener.close()
    }

    /// The connecting side believes that it is through before the other has seen its certificate.
    @Test(arguments: ["stranger", "expired"])
    func aWorkerThatIsNotAcceptedIsToldSo(_ name: String) async throws {
        let server = try await server(folder.files("coordinator"))
        var files = folder.files(name)
        files.authority = folder.files("worker").authority
        // Loaded as of then, so that only the listener sees that it has expired.
        let then = name == "expired" ? CertificateMaker.earlier : nil
        let inbox = EventInbox<CoordinatorMessage>()
        let link = try await connect(
            server,
            .certificates(try files.load(now: then)),
            inbox
        )
        try link.send(.hello(Fixture.hello))
        guard case .certificateRefused(let why) = try await inbox.closure() else {
            Issue.record("the refusal was not understood")
            return
        }
        #expect(why.contains(name == "expired" ? "EXPIRED" : "UNKNOWN_CA"))
        guard case .tlsFailed = try await server.failures(1).first else {
            Issue.record("the listener saw no TLS failure")
            return
        }
        await server.listener.close()
    }

    @Test func aCoordinatorOfAnotherAuthorityIsNotBelieved() async throws {
        let server = try await server(folder.files("stranger"))
        var files = folder.files("worker")
        let error = await #expect(throws: TransportError.self) {
            try await connect(server, .certificates(try files.load()))
        }
        guard case .notAuthenticated = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        files.authority = folder.files("stranger").authority
        #expect(try files.load().description == "CertificateIdentity(hidden)")
        await server.listener.close()
    }

    @Test func aTokenIsNoCertificateAndTheOtherWayAbout() async throws {
        let server = try await server(folder.files("coordinator"))
        let identity = try folder.files("worker").load()
        await #expect(throws: TransportError.self) {
            try await connect(server, TestServer.credentials)
        }
        let other = try await TestServer.start()
        await #expect(throws: TransportError.self) {
            try await connect(other, .certificates(identity))
        }
        #expect(try await server.failures(1).count == 1)
        #expect(try await other.failures(1).count == 1)
        await server.listener.close()
        await other.listener.close()
    }

    @Test func anAddressThatKeepsFailingIsShutOut() async throws {
        let server = try await TestServer.start { $0.limits.failures = 3 }
        for _ in 0..<3 {
            await #expect(throws: TransportError.self) {
                try await connect(server, .token(Token.random()))
            }
        }
        #expect(try await server.failures(3).count == 3)
        for _ in 0..<2 {
            let error = await #expect(throws: TransportError.self) {
                try await connect(server, TestServer.credentials)
            }
            guard case .cannotConnect = error else {
                Issue.record("\(String(describing: error)) is not worth another attempt later")
                return
            }
        }
        #expect(try await server.failures(4).suffix(1) == [.shutOut(failures: 3)])
        await server.listener.close()
    }

    @Test func connectionsOfOneAddressAreBounded() async throws {
        let server = try await TestServer.start { $0.limits.connectionsPerAddress = 1 }
        let pair = try await LinkedPair.overTLS(server)
        try await pair.greet()
        let stranger = try await strangerConnection(to: server.listener.port)
        try await stranger.closeFuture.get()
        #expect(try await server.failures(1) == [.tooManyFromAddress(limit: 1)])
        try await pair.close()
        await server.listener.close()
    }
}

/// Files that cannot be used, each with what is said about it.
@Suite struct CertificateFileTests {
    private let folder: TestCertificates

    init() throws { folder = try TestCertificates() }

    private func refusal(of files: CertificateFiles) -> String {
        do {
            _ = try files.load()
            return "taken"
        } catch {
            return "\(error)"
        }
    }

    @Test func goodFilesAreTaken() {
        #expect(refusal(of: folder.files("worker")) == "taken")
    }

    @Test func filesThatAreNotThereOrNotInForm() throws {
        var files = folder.files("worker")
        files.certificate = folder.path + "/absent"
        #expect(refusal(of: files).hasSuffix("absent: cannot open it: No such file or directory"))
        files.certificate = files.key
        #expect(refusal(of: files).contains("holds no certificates in PEM form"))
        files = folder.files("worker")
        files.authority = folder.path
        #expect(refusal(of: files) == "\(folder.path): is not a regular file")
        let empty = try folder.write("", "empty")
        files.authority = empty
        #expect(refusal(of: files).hasPrefix("\(empty): holds no certificates"))
        files = folder.files("worker")
        files.key = empty
        #expect(refusal(of: files) == "\(empty): holds no private key in PEM form")
        files.key = try folder.write(String(repeating: "x", count: 1_100_000), "large")
        #expect(refusal(of: files).hasSuffix("is larger than 1 MiB"))
    }

    @Test(arguments: [0o640, 0o604, 0o700] as [mode_t])
    func aKeyThatOthersMayRead(_ mode: mode_t) {
        let files = folder.files("worker")
        #expect(chmod(files.key, mode) == 0)
        #expect(refusal(of: files).contains("wider than 0600"))
    }

    @Test func aKeyWithAPassphrase() throws {
        var files = folder.files("worker")
        let locked = folder.path + "/locked.key"
        try folder.maker.run(
            ["pkcs8", "-topk8", "-in", files.key, "-out", locked, "-passout", "pass:secret"]
        )
        #expect(chmod(locked, 0o600) == 0)
        files.key = locked
        #expect(refusal(of: files).contains("has a passphrase"))
    }

    @Test func theKeyOfAnotherCertificate() {
        var files = folder.files("worker")
        files.key = folder.files("coordinator").key
        #expect(refusal(of: files).contains("is not the key of \(files.certificate)"))
    }

    @Test func whatHasExpiredOrIsNotValidYet() throws {
        #expect(refusal(of: folder.files("expired")).hasSuffix("the certificate has expired"))
        let now = Int(Date().timeIntervalSince1970)
        let files = folder.files("worker")
        #expect(throws: TransportError.self) { try files.load(now: now - 86_400) }
        let late = #expect(throws: TransportError.self) { try files.load(now: now + 3 * 86_400) }
        #expect(late?.description.contains("expired") == true)
    }
}

/// An authority, certificates of it, and some that are not.
struct TestCertificates {
    let path: String
    let maker: CertificateMaker
    private let owner: Owner

    private final class Owner: Sendable {
        let path: String
        init(_ path: String) { self.path = path }
        deinit { try? FileManager.default.removeItem(atPath: path) }
    }

    init() throws {
        let folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("certificates-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        path = folder.path
        owner = Owner(path)
        maker = CertificateMaker(folder: path)
        for name in ["ca", "other"] { try maker.makeAuthority(name) }
        for name in ["coordinator", "worker"] { try maker.make(name, by: "ca") }
        try maker.makeExpired("expired", by: "ca")
        try maker.make("stranger", by: "other")
    }

    /// The files of a name, with the authority that signed its certificate.
    func files(_ name: String) -> CertificateFiles {
        CertificateFiles(
            certificate: maker.certificate(name),
            key: maker.key(name),
            authority: maker.certificate(name == "stranger" ? "other" : "ca")
        )
    }

    /// Writes a private file and says where.
    func write(_ text: String, _ name: String) throws -> String {
        let file = path + "/" + name
        try Data(text.utf8).write(to: URL(filePath: file))
        chmod(file, 0o600)
        return file
    }
}
