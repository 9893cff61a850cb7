internal import NIOSSL

/// How both ends of a TCP connection prove that they belong to the run.
package enum Credentials: Sendable {
    /// By a secret that they share.
    case token(Token)
    /// By certificates of one authority.
    case certificates(CertificateIdentity)

    /// The listening side's context.
    func serverContext() throws(TransportError) -> NIOSSLContext {
        switch self {
        case .token(let token): try PreSharedKey.serverContext(token)
        case .certificates(let identity): try Self.context(identity)
        }
    }

    /// The connecting side's context.
    func clientContext() throws(TransportError) -> NIOSSLContext {
        switch self {
        case .token(let token): try PreSharedKey.clientContext(token)
        case .certificates(let identity): try Self.context(identity)
        }
    }

    private static func context(
        _ identity: CertificateIdentity
    ) throws(TransportError) -> NIOSSLContext {
        do {
            return try NIOSSLContext(configuration: identity.configuration)
        } catch {
            throw .tlsUnavailable(reason: TLSErrorText.of(error))
        }
    }
}
