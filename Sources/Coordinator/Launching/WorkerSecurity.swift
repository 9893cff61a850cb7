import Transport

/// How workers that come over TCP and this process prove themselves to each other.
enum WorkerSecurity: Sendable {
    /// By the token of a file, made when it is absent; nil makes one in the run directory.
    case token(file: String?)
    /// By certificates, read before the run began.
    case certificates(CertificateFiles, CertificateIdentity)

    /// The file of the token, when one was named.
    var tokenFile: String? {
        if case .token(let file) = self { file } else { nil }
    }
}
