internal import NIOHTTP1

/// The page that people look at: one file that needs nothing else, made into the program when it is
/// built.
enum StatusPage {
    /// The page, with a new nonce for its script and style.
    ///
    /// Whatever the page shows, only what carries the nonce is run, nothing is loaded from elsewhere,
    /// and nobody may put the page into a frame.
    static func answer() -> StatusRoutes.Answer {
        var random = SystemRandomNumberGenerator()
        let nonce = String(random.next(), radix: 36) + String(random.next(), radix: 36)
        let policy = [
            "default-src 'none'", "script-src 'nonce-\(nonce)'", "style-src 'nonce-\(nonce)'",
            "connect-src 'self'", "img-src data:", "base-uri 'none'", "form-action 'none'",
            "frame-ancestors 'none'",
        ]
        return StatusRoutes.Answer(
            status: .ok,
            contentType: "text/html; charset=utf-8",
            body: Array(html.replacing("{nonce}", with: nonce).utf8),
            headers: [("Content-Security-Policy", policy.joined(separator: "; "))]
        )
    }

    private static let html = String(decoding: PackageResources.status_html, as: UTF8.self)
}
