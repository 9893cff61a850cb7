/// What can go wrong before a link exists: with tokens, sockets, addresses and TLS.
package enum TransportError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The token file cannot be opened, read or written; `errno` is the operating system's number.
    case tokenFile(path: String, operation: String, errno: Int32)
    /// The token's path is no regular file.
    case tokenNotAFile(path: String)
    /// Others may read or write the token file.
    case tokenTooOpen(path: String, mode: UInt32)
    /// The token file holds something that is no pair of hexadecimal digits.
    case tokenNotHexadecimal(path: String, position: Int)
    /// The token has too few or too many bytes.
    case tokenLength(path: String, bytes: Int, allowed: ClosedRange<Int>)
    /// A certificate, its key or the authority's certificate cannot be used.
    case certificateFile(path: String, reason: String)
    /// The operating system refused a pair of sockets.
    case socketPair(errno: Int32)
    /// An inherited descriptor is no connected stream socket.
    case notAConnectedSocket(descriptor: Int32)
    /// The address cannot be listened on.
    case cannotListen(endpoint: String, reason: String)
    /// Nobody answers at the address.
    case cannotConnect(endpoint: String, reason: String)
    /// The other end does not know the token, has no certificate of the authority, or does not speak
    /// TLS.
    case notAuthenticated(endpoint: String, reason: String)
    /// The other end did not finish the TLS handshake in time.
    case handshakeTimedOut(endpoint: String, milliseconds: Int64)
    /// TLS itself cannot be set up.
    case tlsUnavailable(reason: String)
    /// The event loops did not stop.
    case eventLoopsFailed(reason: String)

    package var description: String {
        switch self {
        case .tokenFile(let path, let operation, let errno):
            "token file \(path): cannot \(operation): \(systemMessage(errno))"
        case .tokenNotAFile(let path):
            "token file \(path) is not a regular file"
        case .tokenTooOpen(let path, let mode):
            "token file \(path) has mode 0\(String(mode, radix: 8)), wider than 0600; "
                + "run chmod 600 on it, and make a new token if others could read it"
        case .tokenNotHexadecimal(let path, let position):
            "token file \(path): no hexadecimal digit pair at character \(position)"
        case .tokenLength(let path, let bytes, let allowed):
            "token file \(path) holds \(bytes) bytes, need \(allowed.lowerBound) to "
                + "\(allowed.upperBound)"
        case .certificateFile(let path, let reason):
            "\(path): \(reason)"
        case .socketPair(let errno):
            "cannot make a socket pair: \(systemMessage(errno))"
        case .notAConnectedSocket(let descriptor):
            "descriptor \(descriptor) is not a connected stream socket; it must be inherited from "
                + "the process that started this one"
        default:
            networkDescription
        }
    }

    private var networkDescription: String {
        switch self {
        case .cannotListen(let endpoint, let reason):
            "cannot listen on \(endpoint): \(reason)"
        case .cannotConnect(let endpoint, let reason):
            "cannot connect to \(endpoint): \(reason)"
        case .notAuthenticated(let endpoint, let reason):
            "TLS handshake with \(endpoint) failed (\(reason)); check that both ends have the same "
                + "token file, or certificates of the same authority, and that the address is a "
                + "coordinator's"
        case .handshakeTimedOut(let endpoint, let milliseconds):
            "\(endpoint) did not finish the TLS handshake within \(milliseconds) ms"
        case .tlsUnavailable(let reason):
            "TLS cannot be set up: \(reason)"
        case .eventLoopsFailed(let reason):
            "the event loops did not stop: \(reason)"
        default:
            "transport error"
        }
    }
}
