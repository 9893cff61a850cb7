import Glibc

/// The addresses of this machine that others may reach it at.
package enum NetworkAddresses {
    /// Addresses of interfaces that are up: those of the default route's interface first, then IPv4
    /// before IPv6; loopback and link-local ones are left out.
    package static func all() -> [String] {
        var first: UnsafeMutablePointer<ifaddrs>?
        guard getifaddrs(&first) == 0 else { return [] }
        defer { freeifaddrs(first) }
        var found: [String] = []
        var entry = first
        while let current = entry {
            entry = current.pointee.ifa_next
            let flags = Int32(bitPattern: current.pointee.ifa_flags)
            guard flags & Int32(IFF_UP) != 0, flags & Int32(IFF_LOOPBACK) == 0,
                let address = current.pointee.ifa_addr, let text = text(address),
                !isLocal(text), !found.contains(text)
            else { continue }
            found.append(text)
        }
        let chosen = source(towards: "192.0.2.1")
        return found.sorted { left, right in rank(left, chosen) < rank(right, chosen) }
    }

    /// The address this machine would use to reach another, from its routes; nothing is sent.
    ///
    /// - Parameter destination: A numeric address; a name is not looked up.
    /// - Returns: nil when there is no route or `destination` is no numeric address.
    package static func source(towards destination: String) -> String? {
        var hints = addrinfo()
        hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV
        hints.ai_socktype = Int32(SOCK_DGRAM.rawValue)
        var result: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(destination, "9", &hints, &result) == 0, let info = result else {
            return nil
        }
        defer { freeaddrinfo(result) }
        let type = Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue)
        let descriptor = socket(info.pointee.ai_family, type, 0)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        // A datagram socket only looks up the route when it is connected.
        guard connect(descriptor, info.pointee.ai_addr, info.pointee.ai_addrlen) == 0 else {
            return nil
        }
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        return withUnsafeMutablePointer(to: &storage) { storage in
            storage.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                getsockname(descriptor, address, &length) == 0 ? text(address) : nil
            }
        }
    }

    /// Whether an address, or a name for one, means this machine to whoever uses it.
    package static func isLoopback(_ host: String) -> Bool {
        host == "localhost" || host == "::1" || host.hasPrefix("127.")
    }

    private static func isLocal(_ text: String) -> Bool {
        isLoopback(text) || text.hasPrefix("169.254.") || text.hasPrefix("fe80:")
    }

    private static func rank(_ text: String, _ chosen: String?) -> Int {
        text == chosen ? 0 : text.contains(":") ? 2 : 1
    }

    private static func text(_ address: UnsafePointer<sockaddr>) -> String? {
        let length: Int
        switch Int32(address.pointee.sa_family) {
        case AF_INET: length = MemoryLayout<sockaddr_in>.size
        case AF_INET6: length = MemoryLayout<sockaddr_in6>.size
        default: return nil
        }
        var name = [CChar](repeating: 0, count: 128)
        guard
            getnameinfo(
                address,
                socklen_t(length),
                &name,
                socklen_t(name.count),
                nil,
                0,
                NI_NUMERICHOST
            ) == 0
        else { return nil }
        let end = name.firstIndex(of: 0) ?? name.endIndex
        return String(decoding: name[..<end].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
