import Foundation
import Glibc
import Monitoring
import Testing

@Suite("The status endpoint over a socket")
struct StatusEndpointTests {
    private func withEndpoint(
        anyHost: Bool = false,
        limits: StatusEndpoint.Limits = .init(),
        _ body: (Int) async throws -> Void
    ) async throws {
        let endpoint = try await StatusEndpoint.start(
            host: "127.0.0.1",
            port: 0,
            allowsAnyHost: anyHost,
            limits: limits,
            status: { SampleStatus.fitting }
        )
        #expect(endpoint.address == "127.0.0.1:\(endpoint.port)")
        do {
            try await body(endpoint.port)
        } catch {
            await endpoint.close()
            throw error
        }
        await endpoint.close()
    }

    private func request(
        _ port: Int,
        _ line: String,
        host: String? = "localhost",
        more: String = ""
    ) throws -> RawAnswer {
        let client = try RawClient(port: port)
        let header = host.map { "Host: \($0)\r\n" } ?? ""
        client.send("\(line) HTTP/1.1\r\n\(header)\(more)\r\n")
        return try RawAnswer(try #require(client.received()))
    }

    @Test("each page, and that nobody may keep it or guess what it is")
    func pages() async throws {
        try await withEndpoint { port in
            for (path, type, text) in [
                ("/", "text/html; charset=utf-8", "<title>"),
                ("/?x=1", "text/html; charset=utf-8", "<title>"),
                ("/status.json", "application/json", "\"phase\":\"fitting\""),
                ("/metrics", "text/plain; version=0.0.4; charset=utf-8", "crispyx_workers 2"),
                ("/healthz", "text/plain; charset=utf-8", "ok\n"),
            ] {
                let answer = try request(port, "GET \(path)")
                #expect(answer.status == 200, "\(path)")
                #expect(answer.headers["content-type"] == type)
                #expect(answer.body.contains(text), "\(path)")
                #expect(answer.headers["content-length"] == "\(answer.body.utf8.count)")
                #expect(answer.headers["cache-control"] == "no-store")
                #expect(answer.headers["x-content-type-options"] == "nosniff")
                #expect(answer.headers["connection"] == "close")
                #expect(answer.headers["access-control-allow-origin"] == nil)
            }
            let json = try request(port, "GET /status.json").body
            #expect(try RunStatus(json: Array(json.utf8)) == SampleStatus.fitting)
        }
    }

    @Test("the page runs nothing but its own script and loads nothing")
    func page() async throws {
        try await withEndpoint { port in
            let first = try request(port, "GET /")
            let second = try request(port, "GET /")
            let policy = try #require(first.headers["content-security-policy"])
            let nonce = try #require(first.body.firstMatch(of: /script nonce="([0-9a-z]+)"/)).1
            #expect(policy.contains("default-src 'none'"))
            #expect(policy.contains("script-src 'nonce-\(nonce)'"))
            #expect(!first.body.contains("{nonce}"))
            #expect(!second.body.contains(nonce), "a new one each time")
            for outside in ["src=\"http", "href=\"http", "url(", "innerHTML", "@import"] {
                #expect(!first.body.contains(outside), "\(outside)")
            }
        }
    }

    @Test("HEAD has the headers alone")
    func head() async throws {
        try await withEndpoint { port in
            let answer = try request(port, "HEAD /status.json")
            #expect(answer.status == 200)
            #expect(answer.body == "")
            #expect(Int(answer.headers["content-length"] ?? "") ?? 0 > 100)
        }
    }

    @Test("what changes things, is not there or is no HTTP is refused")
    func refusals() async throws {
        try await withEndpoint { port in
            for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"] {
                let answer = try request(port, "\(method) /", more: "Content-Length: 3\r\n")
                #expect(answer.status == 405, "\(method)")
                #expect(answer.headers["allow"] == "GET, HEAD")
            }
            for path in ["/absent", "/status.json/", "/../etc/passwd", "/metrics%00", "//"] {
                #expect(try request(port, "GET \(path)").status == 404, "\(path)")
            }
            for garbage in ["\u{16}\u{03}\u{01}\u{02}", "nonsense\r\n\r\n", "GET\r\n\r\n"] {
                let client = try RawClient(port: port)
                client.send(garbage)
                let text = try #require(client.received())
                #expect(text.hasPrefix("HTTP/1.1 400"), "\(text)")
            }
            #expect(try request(port, "GET /healthz").status == 200, "and it goes on")
        }
    }

    @Test("names of other machines are refused on loopback (DNS rebinding)")
    func hosts() async throws {
        try await withEndpoint { port in
            for host in [
                "localhost", "LocalHost:9400", "127.0.0.1", "127.0.0.1:\(port)", "127.1.2.3:1",
                "[::1]", "[::1]:9400",
            ] {
                #expect(try request(port, "GET /healthz", host: host).status == 200, "\(host)")
            }
            for host in [
                "evil.example", "evil.example:\(port)", "localhost.evil.example", "127.0.0.1.evil",
                "10.0.0.1", "[::2]", "[::1", "localhost:x", "127.0.0.1.", "127.0.0.256",
                "127.0.0", "evil@localhost",
            ] {
                let answer = try request(port, "GET /status.json", host: host)
                #expect(answer.status == 421, "\(host)")
                #expect(!answer.body.contains("phase"))
            }
            #expect(try request(port, "GET /", host: nil).status == 400)
            let two = try request(port, "GET /", more: "Host: evil.example\r\n")
            #expect(two.status == 400)
        }
        try await withEndpoint(anyHost: true) { (port: Int) async throws -> Void in
            #expect(try request(port, "GET /healthz", host: "node0:9400").status == 200)
            #expect(try request(port, "GET /healthz", host: nil).status == 400)
        }
    }

    @Test("headers that are too long or too many")
    func longHeaders() async throws {
        try await withEndpoint { port in
            let cookie = "Cookie: " + String(repeating: "x", count: 17 << 10) + "\r\n"
            #expect(try request(port, "GET /", more: cookie).status == 431)
            let many = (0..<101).map { "X-\($0): 1\r\n" }.joined()
            #expect(try request(port, "GET /", more: many).status == 431)
            let some = "Cookie: " + String(repeating: "x", count: 8 << 10) + "\r\n"
            #expect(try request(port, "GET /healthz", more: some).status == 200)
            let client = try RawClient(port: port)
            client.send("GET /")
            let path = String(repeating: "x", count: 10 << 10)
            for _ in 0..<100 where client.send(path) {}
            // A path without end is cut off; the answer may be lost with what is still on its way.
            let cut = try #require(client.received())
            #expect(cut.isEmpty || cut.hasPrefix("HTTP/1.1 431"), "\(cut)")
        }
    }

    @Test("a client that takes its time is let go, and holds up nobody")
    func slowClient() async throws {
        var limits = StatusEndpoint.Limits()
        limits.request = .milliseconds(300)
        try await withEndpoint(limits: limits) { port in
            let slow = try RawClient(port: port)
            slow.send("GET /status.json HTTP/1.1\r\nHost: local")
            #expect(try request(port, "GET /healthz").status == 200)
            #expect(slow.received() == "", "closed without an answer")
            let idle = try RawClient(port: port)
            #expect(idle.received() == "")
        }
    }

    @Test("a client that does not close is closed after the answer")
    func lingering() async throws {
        var limits = StatusEndpoint.Limits()
        limits.linger = .milliseconds(200)
        try await withEndpoint(limits: limits) { port in
            let client = try RawClient(port: port)
            client.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            client.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            let text = try #require(client.received())
            #expect(text.components(separatedBy: "HTTP/1.1 200").count == 2, "one answer")
        }
    }

    @Test("among too many connections the oldest goes")
    func tooMany() async throws {
        var limits = StatusEndpoint.Limits()
        limits.connections = 4
        try await withEndpoint(limits: limits) { port in
            let held = try (0..<4).map { _ in try RawClient(port: port) }
            // The first is served only after the four were admitted.
            #expect(try request(port, "GET /healthz").status == 200)
            #expect(held[0].received() == "", "crowded out")
            held[3].send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            #expect(held[3].received()?.hasPrefix("HTTP/1.1 200") == true)
        }
    }

    @Test("a port that is taken is named with the reason")
    func taken() async throws {
        try await withEndpoint { port in
            await #expect {
                _ = try await StatusEndpoint.start(
                    host: "127.0.0.1",
                    port: port,
                    allowsAnyHost: false,
                    status: { SampleStatus.fitting }
                )
            } throws: { error in
                "\(error)".contains("127.0.0.1:\(port)") && "\(error)".contains("in use")
            }
        }
    }

    @Test("the client brings the status back")
    func client() async throws {
        try await withEndpoint { port in
            let status = try await StatusClient.status(host: "127.0.0.1", port: port)
            #expect(status == SampleStatus.fitting)
        }
    }

    @Test("the client says what is wrong at the other end")
    func clientFailures() async throws {
        await #expect {
            _ = try await StatusClient.status(host: "127.0.0.1", port: 1)
        } throws: { error in
            "\(error)".contains("127.0.0.1:1") && "\(error)".contains("refused")
        }
        // Something that listens and never says a word.
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(listener) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                _ = bind(listener, $0, length)
                _ = listen(listener, 4)
                _ = getsockname(listener, $0, &length)
            }
        }
        let port = Int(UInt16(bigEndian: address.sin_port))
        await #expect {
            _ = try await StatusClient.status(
                host: "127.0.0.1",
                port: port,
                timeout: .milliseconds(200)
            )
        } throws: { error in
            "\(error)".contains("in time")
        }
    }
}
