import Coordinator
import Foundation
import NodeTopology
import Testing

@Suite("Files that name machines")
struct HostsFileTests {
    private func reason(_ text: String) -> HostsFileError? {
        do throws(HostsFileError) {
            _ = try HostsFile.parse(text)
            return nil
        } catch {
            return error
        }
    }

    @Test("a machine alone, with user and port, and as an IPv6 address")
    func addresses() throws {
        let hosts = try HostsFile.parse(
            """
            # a comment
            node1

            \talice@node2.example.org:2222   # another
            bob@[2001:db8::1]:22
            [fe80::1%eth0]
            10.0.0.9 user=carl port=23
            """
        )
        #expect(
            hosts.map(\.host) == [
                "node1", "node2.example.org", "2001:db8::1", "fe80::1%eth0", "10.0.0.9",
            ]
        )
        #expect(hosts.map(\.user) == [nil, "alice", "bob", nil, "carl"])
        #expect(hosts.map(\.port) == [nil, 2222, 22, nil, 23])
        #expect(hosts.map(\.line) == [2, 4, 5, 6, 7])
    }

    @Test("every setting is read, quotes keep spaces")
    func settings() throws {
        let host = try #require(
            try HostsFile.parse(
                "n slots=2 threads=16 numa=0-1,3 memory=64G worker=\"my tools/crispyx-worker\" "
                    + "tls-cert=/c.pem tls-key=k tls-ca=\"my ca\" "
                    + "ssh=proxyjump=alice@gate:22,b ssh=\"IdentityFile=~/keys/a b\""
            ).first
        )
        #expect(host.slots == 2)
        #expect(host.threads == 16)
        #expect(host.numa == .nodes([0, 1, 3]))
        #expect(host.memory == MemorySize(bytes: 64 << 30))
        #expect(host.worker == "my tools/crispyx-worker")
        #expect(host.certificate == "/c.pem" && host.key == "k" && host.authority == "my ca")
        #expect(host.sshOptions == ["ProxyJump=alice@gate:22,b", "IdentityFile=~/keys/a b"])
    }

    @Test("settings of * hold for the machines below it, unless they say otherwise")
    func defaults() throws {
        let hosts = try HostsFile.parse(
            "a\n* threads=4 worker=/opt/w\nb\nc threads=8\n* threads=2\nd"
        )
        #expect(hosts.map(\.threads) == [nil, 4, 8, 2])
        #expect(hosts.map(\.worker) == [nil, "/opt/w", "/opt/w", "/opt/w"])
    }

    @Test(
        "ranges stand for machines",
        arguments: [
            ("node[1-3]", ["node1", "node2", "node3"]),
            ("node[08-11]", ["node08", "node09", "node10", "node11"]),
            ("gpu[1-2,7]", ["gpu1", "gpu2", "gpu7"]),
            ("r[1-2]n[01,03].x", ["r1n01.x", "r1n03.x", "r2n01.x", "r2n03.x"]),
            ("[5-6]", ["5", "6"]), ("n[7]", ["n7"]),
        ]
    )
    func ranges(text: String, names: [String]) throws {
        #expect(try HostsFile.parse(text).map(\.host) == names)
    }

    @Test("a range keeps user, port and settings")
    func rangeSettings() throws {
        let hosts = try HostsFile.parse("me@n[1-2]:24 slots=3")
        #expect(hosts.map(\.identity2) == ["me n1 24 3", "me n2 24 3"])
    }

    @Test(
        "what cannot be understood is refused with its line",
        arguments: [
            "n[1", "n1]", "n[]", "n[a-b]", "n[3-1]", "n[1-2-3]", "n[1,,2]", "n[-1]",
            "n[0-9999999999]", "n[1-5000]", "n[1-99][1-99]", "-oProxyCommand=x", "n[1]-",
            "-l", "a@-b", "-a@b", "a@", "@b", "a@b@c d", "a:0", "a:65536", "a:x", "a:", "[::1",
            "[::1]x", "[:g;]", "a;b", "a$(b)", "a`b`", "a/b", "a b", "a =1", "a slots", "a slots=",
            "a slots=0", "a slots=-1", "a slots=1.5", "a threads=0", "a numa=x", "a memory=1",
            "a memory=1K", "a colour=red", "a worker=-x", "a worker=a'b", "a worker=$HOME/x",
            "a worker=~/x", "a worker=`x`", "a worker=\"x", "a \"worker=a\\b\"", "a ssh=x",
            "a ssh=ProxyCommand=x", "a ssh=LocalCommand=x", "a ssh=KnownHostsCommand=x",
            "a ssh=Match=x", "a ssh=Include=x", "a ssh=ProxyJump=-oX", "a ssh=ProxyJump=a;b",
            "a ssh=IdentityFile=", "a user=-l", "a user=b;c", "a port=a", "a\u{1B}[2J", "a\u{0}",
            "a ssh=\"LogLevel=a\u{8}\"",
        ]
    )
    func refusals(text: String) throws {
        let error = try #require(reason("good\n\n" + text), "\(text)")
        #expect(error.line == 3)
        #expect("\(error)".hasPrefix("line 3: "))
    }

    @Test("no machine at all, too many and too long are refused")
    func bounds() {
        #expect(reason("")?.line == 0)
        #expect(reason("# nothing\n* slots=2\n")?.line == 0)
        #expect(reason("a\n" + String(repeating: "b", count: 5000))?.line == 2)
        #expect(reason(String(repeating: "#\n", count: 1 << 20))?.line == 0)
        #expect(reason("n[1-4096]") == nil)
        #expect(reason("n[1-4096]\nm")?.line == 2)
    }

    @Test("a machine twice is an error that names the first line")
    func twice() throws {
        #expect(reason("a\nb\na")?.reason.contains("line 1") == true)
        #expect(reason("n[1-3]\nn2")?.line == 2)
        #expect(reason("a\na:22")?.line == 2)
        #expect(reason("a\nx@a\na:23") == nil)
    }

    @Test("random bytes are read or refused, never more machines than allowed")
    func noise() {
        var random = SystemRandomNumberGenerator()
        let alphabet = Array("a1[]-,:@*=\"# \t\nslotsh/;$'\\\u{7F}é".unicodeScalars)
        for _ in 0..<5000 {
            var text = String.UnicodeScalarView()
            for _ in 0..<Int.random(in: 0..<60, using: &random) {
                if let scalar = alphabet.randomElement(using: &random) { text.append(scalar) }
            }
            let hosts = (try? HostsFile.parse(String(text))) ?? []
            #expect(hosts.count <= HostsFile.mostHosts)
            for host in hosts {
                #expect(!host.host.hasPrefix("-") && !host.host.isEmpty)
                #expect(!host.host.contains { "[];$'\" \t".contains($0) })
            }
        }
    }
}

extension HostEntry {
    fileprivate var identity2: String { "\(user ?? "") \(host) \(port ?? 0) \(slots ?? 0)" }
}
