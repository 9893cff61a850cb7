/// Where the status of a run is shown, as given on the command line.
package struct StatusAddress: Equatable, Sendable {
    /// Host name or address; empty for every interface.
    package var host: String
    /// Port; 0 for any free one.
    package var port: Int

    /// Reads `PORT` on loopback, `ADDR:PORT`, `[ADDR6]:PORT` or `:PORT`; nil for anything else.
    package init?(_ text: String) {
        if !text.isEmpty, text.allSatisfy(\.isNumber) {
            guard let port = UInt16(text) else { return nil }
            host = "127.0.0.1"
            self.port = Int(port)
            return
        }
        // No port is meant by default: two runs of one machine would get in each other's way.
        let afterAddress = text.lastIndex(of: "]").map { text[$0...] } ?? text[...]
        guard afterAddress.contains(":"), let address = ListenAddress(text) else { return nil }
        host = address.host
        port = address.port
    }

    /// Whether only this machine can reach it.
    package var isLoopback: Bool { NetworkAddresses.isLoopback(host) }
}
