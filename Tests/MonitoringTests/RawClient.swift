import Foundation
import Glibc
import Testing

/// A client that sends exactly the bytes it is told, over a socket on loopback.
final class RawClient {
    private let descriptor: Int32

    /// Connects; reading gives up after 20 seconds.
    init(port: Int) throws {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        self.descriptor = descriptor
        var patience = timeval(tv_sec: 20, tv_usec: 0)
        setsockopt(
            descriptor,
            SOL_SOCKET,
            SO_RCVTIMEO,
            &patience,
            socklen_t(MemoryLayout<timeval>.size)
        )
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        try #require(result == 0)
    }

    deinit { close(descriptor) }

    /// Sends bytes; false when the other end does not want them any more.
    @discardableResult
    func send(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.send(
                    descriptor,
                    $0.baseAddress.map { $0 + done },
                    bytes.count - done,
                    Int32(MSG_NOSIGNAL)
                )
            }
            guard count > 0 else { return false }
            done += count
        }
        return true
    }

    /// Everything until the other end closes; nil when it does not within 20 seconds.
    func received() -> String? {
        var bytes: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = recv(descriptor, &part, part.count, 0)
            if count == 0 { return String(decoding: bytes, as: UTF8.self) }
            if count < 0 {
                return errno == ECONNRESET ? String(decoding: bytes, as: UTF8.self) : nil
            }
            bytes += part[..<count]
        }
    }
}

/// An answer taken apart.
struct RawAnswer {
    let status: Int
    let headers: [String: String]
    let body: String

    init(_ text: String) throws {
        let parts = try #require(text.range(of: "\r\n\r\n"))
        let lines = text[..<parts.lowerBound].split(separator: "\r\n")
        status = try #require(lines.first.flatMap { Int($0.split(separator: " ")[1]) })
        headers = Dictionary(
            lines.dropFirst().compactMap { line in
                line.firstIndex(of: ":").map {
                    (line[..<$0].lowercased(), String(line[$0...].dropFirst(2)))
                }
            },
            uniquingKeysWith: { $0 + "," + $1 }
        )
        body = String(text[parts.upperBound...])
    }
}
