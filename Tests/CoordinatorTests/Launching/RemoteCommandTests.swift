import Coordinator
import Foundation
import NodeTopology
import Testing
import Transport

@Suite("Starting a worker over ssh")
struct RemoteCommandTests {
    @Test("a machine without settings gets the fixed words")
    func plain() {
        let command = RemoteCommand(
            HostEntry(host: "node1"),
            addresses: ["10.0.0.1:5000", "[::1]:5000"],
            loudness: .normal
        )
        #expect(
            command.arguments == [
                "-T", "-x", "-a", "-o", "BatchMode=yes", "-o", "ConnectionAttempts=1", "-o",
                "ServerAliveInterval=10", "-o", "ServerAliveCountMax=3", "-o",
                "ClearAllForwardings=yes", "-o", "ControlMaster=no", "-o", "EscapeChar=none", "-o",
                "ConnectTimeout=15", "--", "node1",
                "exec 'crispyx-worker' '--connect' '10.0.0.1:5000,[::1]:5000' '--token-file' '-' "
                    + "'--end-with-input' '--connect-timeout' '120'",
            ]
        )
    }

    @Test("settings reach ssh or the worker; a file's own option comes first")
    func settings() throws {
        var entry = HostEntry(host: "node1")
        entry.user = "alice"
        entry.port = 2222
        entry.slots = 2
        entry.threads = 4
        entry.numa = .nodes([0, 1])
        entry.memory = MemorySize(bytes: 1 << 30)
        entry.worker = "my tools/w"
        entry.sshOptions = ["ConnectTimeout=3"]
        let words = RemoteCommand(entry, addresses: ["a:1"], loudness: .quiet).arguments
        #expect(words.suffix(4).prefix(3) == ["alice", "--", "node1"])
        #expect(words.contains("2222"))
        let own = try #require(words.firstIndex(of: "ConnectTimeout=3"))
        let common = try #require(words.firstIndex(of: "ConnectTimeout=15"))
        #expect(own < common)
        #expect(
            words.last
                == "exec 'my tools/w' '--connect' 'a:1' '--token-file' '-' '--end-with-input' "
                + "'--connect-timeout' '120' '--processes' '2' '--threads' '4' '--numa' '0-1' "
                + "'--memory-limit' '1073741824' '--quiet'"
        )
    }

    @Test("certificates take the place of the token, a machine's own before the others")
    func certificates() {
        var entry = HostEntry(host: "node1")
        entry.key = "/etc/own key"
        let words = RemoteCommand(
            entry,
            addresses: ["a:1"],
            certificates: CertificateFiles(certificate: "/c", key: "/k", authority: "/it's"),
            loudness: .normal
        ).arguments
        #expect(
            words.last
                == "exec 'crispyx-worker' '--connect' 'a:1' '--tls-cert' '/c' '--tls-key' "
                + "'/etc/own key' '--tls-ca' '/it'\\''s' '--end-with-input' '--connect-timeout' '120'"
        )
    }

    @Test("a shell reads quoted words back as they were")
    func quoting() throws {
        let words = ["plain", "two words", "it's", "$HOME `id` \\ \"x\"", "*?[a]", ""]
        let process = Process()
        process.executableURL = URL(filePath: "/bin/sh")
        process.arguments = [
            "-c", "printf '%s\\n' " + words.map(RemoteCommand.quoted).joined(separator: " "),
        ]
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        process.waitUntilExit()
        let text = String(
            decoding: pipe.fileHandleForReading.readDataToEndOfFile(),
            as: UTF8.self
        )
        #expect(text == words.map { $0 + "\n" }.joined())
    }
}

@Suite("Addresses of this machine")
struct NetworkAddressesTests {
    @Test("loopback is told from the rest")
    func loopback() {
        #expect(NetworkAddresses.isLoopback("127.0.0.2"))
        #expect(NetworkAddresses.isLoopback("localhost"))
        #expect(NetworkAddresses.isLoopback("::1"))
        #expect(!NetworkAddresses.isLoopback(""))
        #expect(!NetworkAddresses.isLoopback("10.0.0.1"))
        #expect(NetworkAddresses.all().allSatisfy { !NetworkAddresses.isLoopback($0) })
    }

    @Test("a route to this machine starts at it; names are not looked up")
    func source() {
        #expect(NetworkAddresses.source(towards: "127.0.0.1") == "127.0.0.1")
        #expect(NetworkAddresses.source(towards: "localhost") == nil)
        #expect(NetworkAddresses.source(towards: "") == nil)
    }
}

@Suite("How much a machine may say")
struct LineBudgetTests {
    @Test("lines beyond the budget are counted and told later")
    func budget() {
        var budget = LineBudget()
        for _ in 0..<LineBudget.lines {
            #expect(budget.verdict(nanoseconds: 10_000_000_000) == .pass(dropped: 0))
        }
        for _ in 0..<3 { #expect(budget.verdict(nanoseconds: 19_999_999_999) == .drop) }
        #expect(budget.verdict(nanoseconds: 20_000_000_000) == .pass(dropped: 3))
        #expect(budget.verdict(nanoseconds: 20_000_000_001) == .pass(dropped: 0))
    }
}
