import ArgumentParser
import Foundation
import Transport

/// The three files of mutual TLS; all are given or none is.
struct CertificateArguments: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "In place of a token: this machine's certificate, in PEM form. Both ends must show one "
                + "of the authority in --tls-ca; host names are not compared.",
            valueName: "file"
        )
    )
    var tlsCert: String?

    @Option(
        help: ArgumentHelp("The certificate's private key, mode 0600.", valueName: "file")
    )
    var tlsKey: String?

    @Option(
        help: ArgumentHelp(
            "Certificate of the authority whose workers are accepted, and no others.",
            valueName: "file"
        )
    )
    var tlsCa: String?

    func validate() throws {
        let count = [tlsCert, tlsKey, tlsCa].count { $0 != nil }
        if count != 0, count != 3 {
            throw ValidationError("--tls-cert, --tls-key and --tls-ca go together")
        }
    }

    /// Absolute paths, because workers on other machines may be told the same ones; nil when no
    /// certificates are wanted.
    var files: CertificateFiles? {
        guard let tlsCert, let tlsKey, let tlsCa else { return nil }
        return CertificateFiles(
            certificate: URL(filePath: tlsCert).path,
            key: URL(filePath: tlsKey).path,
            authority: URL(filePath: tlsCa).path
        )
    }
}
