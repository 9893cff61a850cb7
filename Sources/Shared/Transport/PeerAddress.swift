internal import Glibc
internal import NIOCore

/// Whom a connection is counted against: an IPv4 address, or the network of an IPv6 address.
///
/// One machine commonly has 2^64 IPv6 addresses, so that counting each would count nothing.
package enum PeerAddress: Hashable, Sendable {
    /// An IPv4 address, also when it came in IPv6 form.
    case version4(UInt32)
    /// The upper half of an IPv6 address.
    case version6(network: UInt64)
    /// What has no address.
    case other

    init(_ address: SocketAddress?) {
        let text = address?.ipAddress ?? ""
        var bytes = [UInt8](repeating: 0, count: 16)
        if inet_pton(AF_INET, text, &bytes) == 1 {
            self = .version4(Self.number(bytes[0..<4]))
        } else if inet_pton(AF_INET6, text, &bytes) == 1 {
            self = Self(version6: bytes)
        } else {
            self = .other
        }
    }

    /// Takes the 16 bytes of an IPv6 address.
    package init(version6 bytes: [UInt8]) {
        guard bytes.count == 16 else {
            self = .other
            return
        }
        let isMapped = bytes[0..<10].allSatisfy { $0 == 0 } && bytes[10] == 255 && bytes[11] == 255
        if isMapped {
            self = .version4(Self.number(bytes[12...]))
        } else {
            self = .version6(network: bytes[0..<8].reduce(0) { $0 << 8 | UInt64($1) })
        }
    }

    private static func number(_ bytes: ArraySlice<UInt8>) -> UInt32 {
        bytes.reduce(0) { $0 << 8 | UInt32($1) }
    }
}
