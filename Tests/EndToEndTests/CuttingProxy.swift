import Foundation
import Glibc
import Synchronization

/// A relay in front of a port of this machine, whose connections a test can cut.
///
/// Each direction of a connection has a thread of its own; `stop` ends them all.
final class CuttingProxy: Sendable {
    /// Where it listens.
    let port: UInt16
    private let listener: Int32
    private let target: UInt16
    private let open = Mutex<[Int32]>([])
    private let isStopped = Atomic(false)

    /// Listens at a port the system chooses.
    init(to target: UInt16) throws {
        self.target = target
        let (descriptor, port) = try Self.listen()
        listener = descriptor
        self.port = port
        let thread = Thread { [self] in acceptAll() }
        thread.start()
    }

    /// A port that was free a moment ago.
    static func freePort() throws -> UInt16 {
        let (descriptor, port) = try listen()
        Glibc.close(descriptor)
        return port
    }

    /// Resets every connection that goes through; new ones are welcome.
    ///
    /// - Returns: How many connections were cut.
    func cut() -> Int {
        let descriptors = open.withLock { descriptors in
            defer { descriptors = [] }
            return descriptors
        }
        for descriptor in descriptors {
            // Closing with unread time makes the other end see a reset, as when a cable is cut and
            // a router says so.
            var linger = linger(l_onoff: 1, l_linger: 0)
            setsockopt(
                descriptor,
                SOL_SOCKET,
                SO_LINGER,
                &linger,
                socklen_t(MemoryLayout.size(ofValue: linger))
            )
            shutdown(descriptor, Int32(SHUT_RDWR))
        }
        return descriptors.count / 2
    }

    /// Ends the relay and everything that goes through it.
    func stop() {
        isStopped.store(true, ordering: .relaxed)
        shutdown(listener, Int32(SHUT_RDWR))
        _ = cut()
    }

    private static func address(_ port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return address
    }

    private static func listen() throws -> (Int32, UInt16) {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        var address = address(0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) == 0 && getsockname(descriptor, $0, &length) == 0
            }
        }
        guard isBound, Glibc.listen(descriptor, 16) == 0 else {
            Glibc.close(descriptor)
            throw EndToEndFailure("no port for a relay")
        }
        return (descriptor, UInt16(bigEndian: address.sin_port))
    }

    private func acceptAll() {
        while true {
            let client = accept(listener, nil, nil)
            guard client >= 0 else { break }
            _ = fcntl(client, F_SETFD, FD_CLOEXEC)
            let server = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            _ = fcntl(server, F_SETFD, FD_CLOEXEC)
            var address = Self.address(target)
            let isConnected = withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    connect(server, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
                }
            }
            guard isConnected, !isStopped.load(ordering: .relaxed) else {
                Glibc.close(client)
                Glibc.close(server)
                continue
            }
            open.withLock { $0 += [client, server] }
            // Whichever direction ends last closes both sockets.
            let ended = Counter()
            for (from, to) in [(client, server), (server, client)] {
                Thread { [self] in
                    relay(from, to)
                    guard ended.next() == 2 else { return }
                    open.withLock { $0.removeAll { $0 == client || $0 == server } }
                    Glibc.close(client)
                    Glibc.close(server)
                }.start()
            }
        }
        Glibc.close(listener)
    }

    private func relay(_ from: Int32, _ to: Int32) {
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = read(from, &buffer, buffer.count)
            guard count > 0 else { break }
            var sent = 0
            while sent < count {
                let step = buffer[sent..<count].withUnsafeBytes {
                    send(to, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
                }
                guard step > 0 else { break }
                sent += step
            }
            guard sent == count else { break }
        }
        shutdown(to, Int32(SHUT_WR))
        shutdown(from, Int32(SHUT_RD))
    }
}

private final class Counter: Sendable {
    private let count = Atomic(0)

    func next() -> Int { count.wrappingAdd(1, ordering: .relaxed).newValue }
}
