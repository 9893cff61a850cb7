import ChildProcesses
import Foundation
import Glibc
import TestSupport
import Testing

/// A coordinator that waits for workers on loopback, with none of its own.
struct Listening {
    let run: Run
    let program: Program
    let port: Int

    /// Starts it and waits until it listens.
    init(_ run: Run, _ more: [String] = []) throws {
        self.run = run
        program = try run.start(["--listen", "127.0.0.1:0", "--local-workers", "0"] + more)
        let endpoint = run.directory + "/endpoint.json"
        guard eventually(30, { run.folder.exists(endpoint) }) else {
            program.process.send(signal: SIGKILL)
            throw EndToEndFailure("it never listened: \(try program.wait().errors)")
        }
        port = try JSONDecoder().decode(
            Endpoint.self,
            from: run.folder.bytes(endpoint) ?? Data()
        ).port
    }

    private struct Endpoint: Decodable {
        var port: Int
    }

    /// Memory that it has in use, bytes.
    var residentBytes: Int {
        let path = "/proc/\(program.process.processID)/status"
        let lines = (try? String(contentsOfFile: path, encoding: .utf8))?.split(separator: "\n")
        let line = lines?.first { $0.hasPrefix("VmRSS:") }
        return (line?.split(separator: " ").compactMap { Int($0) }.first ?? 0) * 1024
    }

    /// Files and connections that it has open.
    var openFiles: Int {
        let path = "/proc/\(program.process.processID)/fd"
        return (try? FileManager.default.contentsOfDirectory(atPath: path).count) ?? 0
    }

    /// Starts a worker that connects to it.
    func worker(_ more: [String], name: String = Program.worker) throws -> Program {
        try Program(
            name,
            ["--connect", "127.0.0.1:\(port)", "--threads", "1", "--quiet"] + more,
            in: run.folder,
            deadline: run.deadline
        )
    }

    /// Lets a worker do the work, and expects that nothing is left to be desired.
    func finish(
        with more: [String],
        _ expected: Data,
        at location: SourceLocation = #_sourceLocation
    ) throws {
        let worker = try worker(more)
        defer { worker.process.send(signal: SIGTERM) }
        let ended = try program.wait()
        #expect(ended.status == .exited(code: 0), "\(ended.errors)", sourceLocation: location)
        let left = try worker.wait()
        #expect(left.status == .exited(code: 0), "\(left.errors)", sourceLocation: location)
        #expect(expected.firstDifference(from: run.result) == nil, sourceLocation: location)
    }

    /// Ends it, whatever it does.
    func kill() { program.process.send(signal: SIGKILL) }
}

extension TestFolder {
    /// Writes a private file and gives its path.
    func write(_ text: String, _ name: String, mode: mode_t = 0o600) throws -> String {
        try Data(text.utf8).write(to: URL(filePath: file(name)))
        chmod(file(name), mode)
        return file(name)
    }

    /// Makes an authority `ca` with a certificate for each name, and `stranger` of another one.
    func makeCertificates(_ names: String...) throws -> CertificateMaker {
        let maker = CertificateMaker(folder: path)
        try maker.makeAuthority("ca")
        for name in names { try maker.make(name, by: name == "stranger" ? "other" : "ca") }
        return maker
    }
}

extension CertificateMaker {
    /// The options that name a certificate.
    func options(_ name: String, authority: String = "ca") -> [String] {
        [
            "--tls-cert", certificate(name), "--tls-key", key(name), "--tls-ca",
            certificate(authority),
        ]
    }
}

/// A TCP connection of somebody who knows nothing of the run.
final class Stranger {
    private let descriptor: Int32

    /// Connects from an address of loopback.
    ///
    /// - Parameters:
    ///   - port: Where to.
    ///   - host: Last number of the address 127.0.0.x to come from.
    /// - Throws: `EndToEndFailure` when there is no connection.
    init(to port: Int, from host: UInt8) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var from = Self.address(host, 0)
        var to = Self.address(1, UInt16(port))
        let size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withUnsafeBytes(of: &from) {
            bind(descriptor, $0.baseAddress?.assumingMemoryBound(to: sockaddr.self), size)
        }
        let connected = withUnsafeBytes(of: &to) {
            connect(descriptor, $0.baseAddress?.assumingMemoryBound(to: sockaddr.self), size)
        }
        guard bound == 0, connected == 0 else {
            let number = errno
            close(descriptor)
            throw EndToEndFailure("no connection from 127.0.0.\(host): error \(number)")
        }
        _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
    }

    deinit { close(descriptor) }

    private static func address(_ host: UInt8, _ port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = (0x7F00_0000 | UInt32(host)).bigEndian
        return address
    }

    /// Sends as much as the other end takes within a few seconds.
    ///
    /// - Returns: Whether it took everything.
    @discardableResult
    func say(_ bytes: [UInt8]) -> Bool {
        var sent = 0
        for _ in 0..<1000 where sent < bytes.count {
            let count = bytes.withUnsafeBytes {
                send(
                    descriptor,
                    $0.baseAddress?.advanced(by: sent),
                    bytes.count - sent,
                    Int32(MSG_NOSIGNAL)
                )
            }
            if count < 0, errno != EAGAIN { return false }
            if count < 0 { usleep(3000) } else { sent += count }
        }
        return sent == bytes.count
    }

    /// Whether the other end has closed; what it said before is thrown away.
    var isClosed: Bool {
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = read(descriptor, &buffer, buffer.count)
            if count > 0 { continue }
            return count == 0 || errno != EAGAIN
        }
    }
}
