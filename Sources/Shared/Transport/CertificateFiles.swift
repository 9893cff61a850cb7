internal import Glibc
internal import NIOCore
internal import NIOSSL

/// Paths of what one end of a connection proves itself with, all in PEM.
package struct CertificateFiles: Equatable, Sendable {
    /// Its own certificate, followed by intermediate ones if there are any.
    package var certificate: String
    /// The certificate's private key, mode 0600 or narrower, without a passphrase.
    package var key: String
    /// Certificates of the authorities whose peers are accepted; no others are.
    package var authority: String

    /// Names the three files.
    package init(certificate: String, key: String, authority: String) {
        self.certificate = certificate
        self.key = key
        self.authority = authority
    }

    /// Largest file that is read, bytes.
    private static let largestFile = 1 << 20

    /// Reads and checks the files.
    ///
    /// - Parameter now: Seconds since 1970, to tell expired certificates; nil for the clock's.
    /// - Returns: What connections are secured with.
    /// - Throws: ``TransportError/certificateFile(path:reason:)`` for the first file that cannot be
    ///   used.
    package func load(now: Int? = nil) throws(TransportError) -> CertificateIdentity {
        let now = now ?? time(nil)
        let chain = try certificates(certificate)
        let authorities = try certificates(authority)
        guard let own = chain.first else { throw unfit(certificate, "holds no certificate") }
        if now > own.notValidAfter { throw unfit(certificate, "the certificate has expired") }
        if now < own.notValidBefore {
            throw unfit(certificate, "the certificate is not valid yet; compare the clocks")
        }
        guard authorities.contains(where: { $0.notValidAfter >= now }) else {
            throw unfit(authority, "every certificate in it has expired")
        }
        let identity = CertificateIdentity(
            chain: chain,
            key: try privateKey(),
            authorities: authorities
        )
        do {
            _ = try NIOSSLContext(configuration: identity.configuration)
        } catch {
            throw unfit(
                key,
                "is not the key of \(certificate) (\(TLSErrorText.of(error)))"
            )
        }
        return identity
    }

    private func certificates(_ path: String) throws(TransportError) -> [NIOSSLCertificate] {
        let bytes = try contents(path, isSecret: false)
        do {
            return try NIOSSLCertificate.fromPEMBytes(bytes)
        } catch {
            throw unfit(path, "holds no certificates in PEM form")
        }
    }

    private func privateKey() throws(TransportError) -> NIOSSLPrivateKey {
        let bytes = try contents(key, isSecret: true)
        // The library would ask for the passphrase on the terminal.
        let text = String(decoding: bytes, as: UTF8.self)
        guard !text.contains("ENCRYPTED") else {
            throw unfit(key, "has a passphrase; a key without one is needed, mode 0600")
        }
        do {
            return try NIOSSLPrivateKey(bytes: bytes, format: .pem)
        } catch {
            throw unfit(key, "holds no private key in PEM form")
        }
    }

    private func contents(_ path: String, isSecret: Bool) throws(TransportError) -> [UInt8] {
        let bytes: [UInt8]
        do throws(SmallFile.Problem) {
            bytes = try SmallFile.read(
                path,
                mostBytes: Self.largestFile + 1,
                isSecret: isSecret
            )
        } catch {
            switch error {
            case .system(let operation, let errno):
                throw unfit(path, "cannot \(operation): \(systemMessage(errno))")
            case .notAFile:
                throw unfit(path, "is not a regular file")
            case .tooOpen(let mode):
                throw unfit(
                    path,
                    "has mode 0\(String(mode, radix: 8)), wider than 0600; run chmod 600 on it, and "
                        + "make a new key if others could read it"
                )
            }
        }
        guard bytes.count <= Self.largestFile else { throw unfit(path, "is larger than 1 MiB") }
        return bytes
    }

    private func unfit(_ path: String, _ reason: String) -> TransportError {
        .certificateFile(path: path, reason: reason)
    }
}

/// A certificate with its key, and whose certificates are accepted in return.
///
/// Never shows the key.
package struct CertificateIdentity: Sendable, CustomStringConvertible, CustomReflectable {
    let chain: [NIOSSLCertificate]
    let key: NIOSSLPrivateKey
    let authorities: [NIOSSLCertificate]

    /// Hides the secret.
    package var description: String { "CertificateIdentity(hidden)" }

    /// Hides the secret.
    package var customMirror: Mirror { Mirror(self, children: []) }

    /// TLS 1.3 in which both ends must show a certificate of the authorities.
    ///
    /// Names are not compared: workers come from anywhere, and a coordinator is wherever it was
    /// started. The authority alone decides, so it must be one that certifies nothing else.
    var configuration: TLSConfiguration {
        var configuration = TLSConfiguration.makeServerConfigurationWithMTLS(
            certificateChain: chain.map { .certificate($0) },
            privateKey: .privateKey(key),
            trustRoots: .certificates(authorities)
        )
        configuration.minimumTLSVersion = .tlsv13
        configuration.maximumTLSVersion = .tlsv13
        configuration.shutdownTimeout = .seconds(1)
        return configuration
    }
}
