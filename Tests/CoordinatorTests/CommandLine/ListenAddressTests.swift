import Coordinator
import Testing

@Suite("Addresses to listen on")
struct ListenAddressTests {
    @Test(
        "an address has a host, a port or both",
        arguments: [
            ("127.0.0.1:7400", "127.0.0.1", 7400), ("127.0.0.1:0", "127.0.0.1", 0),
            ("node0", "node0", 7400), ("node0:65535", "node0", 65535), (":7401", "", 7401),
            ("", "", 7400), ("[::1]:7402", "::1", 7402), ("[::1]", "::1", 7400),
            ("[::]:0", "::", 0), ("[fe80::1%eth0]:80", "fe80::1%eth0", 80),
        ]
    )
    func addresses(text: String, host: String, port: Int) throws {
        let address = try #require(ListenAddress(text))
        #expect(address.host == host)
        #expect(address.port == port)
    }

    @Test(
        "anything else is refused",
        arguments: [
            "node0:", "node0:http", "node0:65536", "node0:-1", "node0: 7400", "::1", "::1:7400",
            "a:b:1", "[::1", "[::1]7400", "[::1]:", "[::1]:x", "[::1]x:1", ":",
        ]
    )
    func refusals(text: String) {
        #expect(ListenAddress(text) == nil)
    }
}
