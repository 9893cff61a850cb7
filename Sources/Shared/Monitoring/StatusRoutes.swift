internal import NIOHTTP1

/// What the status endpoint says to a request: a function of the request and the run's status.
///
/// It only reads: `GET` and `HEAD` of four paths. There is nothing secret in a status and nothing to
/// be changed here, so nobody has to authenticate; what has to be kept out are pages of other sites
/// in the user's browser, which reach loopback by names of their own (DNS rebinding). Such requests
/// name another host than this machine, and are refused.
struct StatusRoutes: Sendable {
    /// An answer, whole.
    struct Answer: Equatable {
        var status: HTTPResponseStatus
        var contentType: String
        var body: [UInt8]
        /// Further headers.
        var headers: [(name: String, value: String)] = []

        static func == (left: Answer, right: Answer) -> Bool {
            left.status == right.status && left.contentType == right.contentType
                && left.body == right.body
                && left.headers.map(\.name) == right.headers.map(\.name)
                && left.headers.map(\.value) == right.headers.map(\.value)
        }
    }

    /// Whether requests may name any host: the endpoint is open to other machines, whose names for
    /// this one are not known.
    let allowsAnyHost: Bool
    /// The run's status at this moment.
    let status: @Sendable () -> RunStatus

    /// Answers a request by its head; a body is never looked at.
    func answer(_ head: HTTPRequestHead) -> Answer {
        let hosts = head.headers["Host"]
        guard hosts.count == 1, let host = hosts.first else {
            return Self.plain(.badRequest, "a request names one host\n")
        }
        guard allowsAnyHost || Self.isThisMachine(host) else {
            return Self.plain(
                .misdirectedRequest,
                "this address answers to localhost, 127.0.0.1 and [::1] only\n"
            )
        }
        guard head.method == .GET || head.method == .HEAD else {
            var answer = Self.plain(.methodNotAllowed, "only GET and HEAD\n")
            answer.headers.append(("Allow", "GET, HEAD"))
            return answer
        }
        return page(String(head.uri.prefix { $0 != "?" }))
    }

    private func page(_ path: String) -> Answer {
        switch path {
        case "/": return StatusPage.answer()
        case "/healthz": return Self.plain(.ok, "ok\n")
        case "/metrics":
            return Answer(
                status: .ok,
                contentType: MetricsText.contentType,
                body: Array(MetricsText(status()).text.utf8)
            )
        case "/status.json":
            guard let json = try? status().json() else {
                return Self.plain(.internalServerError, "the status cannot be written\n")
            }
            return Answer(status: .ok, contentType: "application/json", body: json)
        default:
            return Self.plain(.notFound, "there are /, /status.json, /metrics and /healthz\n")
        }
    }

    /// A short answer in plain text.
    static func plain(_ status: HTTPResponseStatus, _ text: String) -> Answer {
        Answer(status: status, contentType: "text/plain; charset=utf-8", body: Array(text.utf8))
    }

    /// Whether a `Host` header means this machine to whoever sent it; the port does not matter,
    /// because it may be forwarded.
    static func isThisMachine(_ header: String) -> Bool {
        var host = header[...]
        if host.first == "[" {
            guard let end = host.firstIndex(of: "]") else { return false }
            return host[host.startIndex...end] == "[::1]" && isPort(host[end...].dropFirst())
        }
        if let colon = host.firstIndex(of: ":") {
            guard isPort(host[colon...]) else { return false }
            host = host[..<colon]
        }
        let name = host.lowercased()
        if name == "localhost" { return true }
        let numbers = name.split(separator: ".", omittingEmptySubsequences: false)
        return numbers.count == 4 && numbers[0] == "127" && numbers.allSatisfy { UInt8($0) != nil }
    }

    private static func isPort(_ text: Substring) -> Bool {
        text.isEmpty || text.first == ":" && UInt16(text.dropFirst()) != nil
    }
}
