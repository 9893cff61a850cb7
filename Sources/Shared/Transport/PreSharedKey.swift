internal import NIOCore
internal import NIOSSL

/// TLS with the token as pre-shared key: encrypted, authenticated both ways, no certificates.
enum PreSharedKey {
    /// The identity that every worker presents; the token alone decides.
    static let identity = "crispyx"

    /// The one cipher suite: forward secret, and authenticated by the key alone.
    static let cipherSuite = "ECDHE-PSK-CHACHA20-POLY1305"

    private struct UnknownIdentity: Error {}

    /// The listening side's context.
    static func serverContext(_ token: Token) throws(TransportError) -> NIOSSLContext {
        var configuration = common()
        configuration.pskServerProvider = { request in
            guard request.clientIdentity == identity else { throw UnknownIdentity() }
            return PSKServerIdentityResponse(key: secret(token))
        }
        return try context(configuration)
    }

    /// The connecting side's context.
    static func clientContext(_ token: Token) throws(TransportError) -> NIOSSLContext {
        var configuration = common()
        configuration.pskClientProvider = { _ in
            PSKClientIdentityResponse(key: secret(token), identity: identity)
        }
        return try context(configuration)
    }

    private static func common() -> TLSConfiguration {
        var configuration = TLSConfiguration.makePreSharedKeyConfiguration()
        // The library has pre-shared keys for TLS 1.2 only.
        configuration.minimumTLSVersion = .tlsv12
        configuration.maximumTLSVersion = .tlsv12
        configuration.cipherSuites = cipherSuite
        configuration.certificateVerification = .none
        configuration.shutdownTimeout = .seconds(1)
        return configuration
    }

    private static func secret(_ token: Token) -> NIOSSLSecureBytes {
        var key = NIOSSLSecureBytes()
        key.append(token.bytes)
        return key
    }

    private static func context(
        _ configuration: TLSConfiguration
    ) throws(TransportError) -> NIOSSLContext {
        do {
            return try NIOSSLContext(configuration: configuration)
        } catch {
            throw .tlsUnavailable(reason: TLSErrorText.of(error))
        }
    }
}
