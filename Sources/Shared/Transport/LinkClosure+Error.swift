internal import Glibc
internal import NIOCore
internal import NIOSSL

extension LinkClosure {
    /// What an error of the socket or of TLS says about the end of a link; nil if nothing.
    init?(_ error: any Error) {
        switch error {
        case let error as IOError:
            switch error.errnoCode {
            case ETIMEDOUT, EHOSTUNREACH, ENETUNREACH, ENETDOWN: self = .timedOut(.network)
            case EPIPE: self = .vanished
            default: self = .reset
            }
        case NIOSSLError.uncleanShutdown:
            self = .vanished
        case is NIOSSLError, is BoringSSLError:
            let text = TLSErrorText.of(error)
            self =
                TLSErrorText.aboutCertificates.contains(text)
                ? .certificateRefused(text) : .tlsFailed(text)
        default:
            return nil
        }
    }
}

/// TLS errors in words, without the library's source positions.
enum TLSErrorText {
    /// A short text such as `WRONG_VERSION_NUMBER`.
    static func of(_ error: any Error) -> String {
        switch error {
        case NIOSSLError.handshakeFailed(let inner): of(inner)
        case NIOSSLError.shutdownFailed(let inner): of(inner)
        case BoringSSLError.sslError(let stack), BoringSSLError.unknownError(let stack):
            stack.isEmpty ? "no detail" : stack.map(reason).joined(separator: ", ")
        case let error as IOError: systemMessage(error.errnoCode)
        default: "\(error)"
        }
    }

    /// What a peer says that does not accept a certificate.
    static let aboutCertificates: Set<String> = [
        "SSLV3_ALERT_BAD_CERTIFICATE", "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE",
        "SSLV3_ALERT_CERTIFICATE_REVOKED", "SSLV3_ALERT_CERTIFICATE_EXPIRED",
        "SSLV3_ALERT_CERTIFICATE_UNKNOWN", "TLSV1_ALERT_UNKNOWN_CA", "TLSV1_ALERT_ACCESS_DENIED",
        "TLSV1_ALERT_CERTIFICATE_REQUIRED",
    ]

    private static func reason(_ error: BoringSSLInternalError) -> String {
        let text = error.description.split(separator: " at ", maxSplits: 1)[0]
        let last = text.split(separator: ":").last ?? text
        return last.trimmingPrefix { $0 == " " }.description
    }
}
