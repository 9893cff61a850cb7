import ChildProcesses
import Foundation
import Glibc
import TestSupport
import Testing

/// Strangers on the network, while a run goes on.
@Suite("Strangers on the network")
struct HostilePeerTests {
    private static let token = String(repeating: "0123456789abcdef", count: 4)

    /// A coordinator that waits, its token's file, and what its result has to be.
    private func waiting(_ more: [String] = []) throws -> (Listening, [String], Data) {
        let screen = Screen()
        let expected = try Run.undisturbed(screen)
        var run = try Run(screen)
        run.deadline = .seconds(120)
        let file = try run.folder.write(Self.token, "secret")
        let token = ["--token-file", file]
        return (try Listening(run, token + more), token, expected)
    }

    /// What port scanners and lost programs say first.
    private static let probes: [[UInt8]] = {
        let texts = [
            "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "POST /api HTTP/1.0\r\nContent-Length: 9\r\n\r\n",
            "OPTIONS * HTTP/1.1\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            "SSH-2.0-OpenSSH_9.9\r\n", "EHLO mail.example\r\n", "USER anonymous\r\n",
            "HELP\r\n", "QUIT\r\n", "\r\n\r\n", "OPTIONS sip:nm SIP/2.0\r\nVia: SIP/2.0/TCP nm\r\n",
            "*1\r\n$4\r\nPING\r\n", "stats\r\n", "CONNECT example.org:443 HTTP/1.1\r\n\r\n",
            "{\"jsonrpc\":\"2.0\",\"method\":\"x\"}\n", "<stream:stream to='x'>", "JRMI\u{0}\u{2}K",
        ]
        var probes = texts.map { Array($0.utf8) }
        let smb: [UInt8] = [0, 0, 0, 0x2F, 0xFF, 0x53, 0x4D, 0x42, 0x72]
        probes.append(smb + [UInt8](repeating: 0, count: 42))
        probes.append([0xFE, 0x53, 0x4D, 0x42] + [UInt8](repeating: 0, count: 60))
        // Greetings of TLS 1.0 and SSL 2, a handshake record that promises much, an alert.
        let version10: [UInt8] =
            [0x16, 3, 1, 0, 45, 1, 0, 0, 41, 3, 1] + [UInt8](repeating: 7, count: 32)
            + [0, 0, 2, 0, 0x2F, 1, 0]
        probes.append(version10)
        probes.append([0x80, 0x2E, 1, 0, 2, 0, 0x15, 0, 0, 0, 0x10] + Array(0..<37))
        probes.append([0x16, 3, 3, 0xFF, 0xFF] + [UInt8](repeating: 1, count: 70_000))
        probes.append([0x15, 3, 3, 0, 2, 2, 40])
        probes.append([0x17, 3, 3, 0x40, 0] + [UInt8](repeating: 9, count: 20_000))
        // Remote desktop, a database, a directory, and a length of almost 4 GB.
        probes.append([3, 0, 0, 0x13, 0x0E, 0xE0, 0, 0, 0, 0, 0, 1, 0, 8, 0, 3, 0, 0, 0])
        probes.append([0, 0, 0, 8, 4, 0xD2, 0x16, 0x2F])
        probes.append([0x30, 0x0C, 2, 1, 1, 0x60, 7, 2, 1, 3, 4, 0, 0x80, 0])
        probes.append([0xFF, 0xFF, 0xFF, 0xFF, 1] + [UInt8](repeating: 0, count: 1000))
        probes.append([UInt8](repeating: 0, count: 1 << 20))
        var random = SeededGenerator(seed: 13)
        for _ in 0..<3 {
            probes.append((0..<4 << 20).map { _ in UInt8(truncatingIfNeeded: random.next()) })
        }
        return probes
    }()

    @Test("who talk other protocols are thrown out and leave nothing behind")
    func garbage() throws {
        let (coordinator, token, expected) = try waiting()
        defer { coordinator.kill() }
        #expect(Self.probes.count >= 30)
        // What the first connections of all cost is not growth.
        for host in 240..<244 as Range<UInt8> {
            try Stranger(to: coordinator.port, from: host).say(Self.probes[0])
        }
        #expect(eventually(20) { coordinator.openFiles < 40 })
        let (memory, files) = (coordinator.residentBytes, coordinator.openFiles)
        for (index, probe) in Self.probes.enumerated() {
            // Few from each address, so that all are heard.
            let stranger = try Stranger(to: coordinator.port, from: UInt8(2 + index / 4))
            stranger.say(probe)
            #expect(eventually(15) { stranger.isClosed }, "probe \(index) is thrown out")
        }
        #expect(coordinator.residentBytes - memory < 10 << 20)
        #expect(eventually(10) { coordinator.openFiles <= files }, "no connection is left open")
        // One address that goes on is not listened to any more.
        for _ in 0..<20 {
            let stranger = try Stranger(to: coordinator.port, from: 200)
            stranger.say(Self.probes[0])
            #expect(eventually(15) { stranger.isClosed })
        }
        let worker = try coordinator.worker(token)
        defer { worker.process.send(signal: SIGTERM) }
        let ended = try coordinator.program.wait()
        #expect(ended.status == .exited(code: 0), "\(ended.errors)")
        #expect(expected.firstDifference(from: coordinator.run.result) == nil)
        #expect(ended.errors.contains("it is shut out for a while"))
        #expect(
            ended.errors.split(separator: "\n").filter { $0.contains("127.0.0.200:") }.count == 9,
            "eight failures, and once that there is no more"
        )
    }

    @Test("who hold connections, or drip, do so for seconds and keep nobody out")
    func idleFlood() throws {
        let count = TestVariables.number("CRISPYX_TEST_IDLE_CONNECTIONS") ?? 300
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        limit.rlim_cur = limit.rlim_max
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        let (coordinator, token, expected) = try waiting()
        defer { coordinator.kill() }
        let files = coordinator.openFiles
        var held: [Stranger] = []
        for index in 0..<count {
            let stranger = try Stranger(to: coordinator.port, from: UInt8(2 + index % 8))
            stranger.say([0x16])
            held.append(stranger)
        }
        let drip = try Stranger(to: coordinator.port, from: 20)
        #expect(eventually(5) { coordinator.openFiles > files + 100 }, "they are connected")
        #expect(coordinator.openFiles < files + 300, "no more than 256 may shake hands at once")
        let greeting: [UInt8] = [0x16, 3, 1, 2, 0, 1, 0, 1, 0xFC, 3, 3]
        let start = ContinuousClock.now
        let isOver = eventually(30) {
            drip.say([greeting.randomElement() ?? 0])
            usleep(200_000)
            return drip.isClosed && held.allSatisfy(\.isClosed)
        }
        #expect(isOver)
        // The handshake's deadline is 10 s; a busy machine may be late.
        #expect(ContinuousClock.now - start < .seconds(25))
        #expect(eventually(10) { coordinator.openFiles <= files + 1 })
        try coordinator.finish(with: token, expected)
    }

    @Test("do not keep a worker out while they hold their connections")
    func workerAmongStrangers() throws {
        let (coordinator, token, expected) = try waiting()
        defer { coordinator.kill() }
        var held: [Stranger] = []
        for index in 0..<300 {
            held.append(try Stranger(to: coordinator.port, from: UInt8(2 + index % 8)))
        }
        #expect(held.count { !$0.isClosed } > 100)
        try coordinator.finish(with: token, expected)
    }

    @Test("many worker processes of one machine at once are no strangers")
    func manyWorkers() throws {
        let count = TestVariables.number("CRISPYX_TEST_MANY_WORKERS") ?? 12
        let screen = Screen(perturbations: 4 * count, genes: 60, cellsPerPerturbation: 12)
        let expected = try Run.undisturbed(screen)
        var run = try Run(screen)
        run.deadline = .seconds(300)
        let file = try run.folder.write(Self.token, "secret")
        let coordinator = try Listening(run, ["--token-file", file])
        defer { coordinator.kill() }
        let worker = try coordinator.worker([
            "--token-file", file, "--processes", "\(count)", "--numa", "off", "--memory-limit",
            "4G",
        ])
        let ended = try coordinator.program.wait()
        #expect(ended.status == .exited(code: 0), "\(ended.errors)")
        #expect(expected.firstDifference(from: run.result) == nil)
        // Processes that came too late for this run would look for the next one.
        worker.process.send(signal: SIGTERM)
        _ = try worker.wait()
        #expect(run.events("worker_joined").count <= count)
        #expect(!run.events("worker_joined").isEmpty)
    }
}
