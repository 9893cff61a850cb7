import Testing
import Worker

@Suite("What a worker connects to")
struct WorkerTargetTests {
    @Test(
        "a descriptor, an address or a run directory",
        arguments: [
            ("fd:3", .descriptor(3)), ("fd:2147483647", .descriptor(.max)),
            ("@/runs/a.crispyx", .runDirectory("/runs/a.crispyx")),
            ("@a:b", .runDirectory("a:b")), ("@fd:3", .runDirectory("fd:3")),
            ("node0", .address(host: "node0", port: 7400)),
            ("node0:1", .address(host: "node0", port: 1)),
            ("node0:65535", .address(host: "node0", port: 65535)),
            ("127.0.0.1:7401", .address(host: "127.0.0.1", port: 7401)),
            ("[::1]", .address(host: "::1", port: 7400)),
            ("[::1]:7402", .address(host: "::1", port: 7402)),
            ("[fe80::1%eth0]:80", .address(host: "fe80::1%eth0", port: 80)),
            (
                "10.0.0.1:5,[::1],node0",
                .addresses([
                    CoordinatorAddress(host: "10.0.0.1", port: 5),
                    CoordinatorAddress(host: "::1", port: 7400),
                    CoordinatorAddress(host: "node0", port: 7400),
                ])
            ),
        ] as [(String, WorkerTarget)]
    )
    func targets(text: String, target: WorkerTarget) {
        #expect(WorkerTarget(text) == target)
    }

    @Test(
        "anything else is refused",
        arguments: [
            "", "@", "fd:", "fd:x", "fd:0", "fd:2", "fd:-1", "fd:2147483648", "node0:", "node0:0",
            "node0:65536", "node0:-1", "node0:http", ":7400", "[]", "[]:7400", "[::1]7400",
            "[::1]:", ",", "a,", ",a", "a,,b", "a:1,b:x", "a,@b:c:d",
            Array(repeating: "a", count: 17).joined(separator: ","),
        ]
    )
    func refusals(text: String) {
        #expect(WorkerTarget(text) == nil)
    }

    @Test("waits double up to a limit and are spread below it")
    func backoff() {
        var backoff = ConnectBackoff()
        var limit = 200
        for _ in 0..<20 {
            let wait = backoff.nextMilliseconds()
            #expect((limit / 2...limit).contains(wait))
            limit = min(limit * 2, ConnectBackoff.longest)
        }
        var (one, other) = (ConnectBackoff(), ConnectBackoff())
        #expect((0..<8).contains { _ in one.nextMilliseconds() != other.nextMilliseconds() })
    }
}
