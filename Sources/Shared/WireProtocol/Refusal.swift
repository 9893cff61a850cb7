/// Why a coordinator does not take a worker.
package enum RefusalCode: Equatable, Sendable, CaseIterable {
    /// The major versions of the protocol differ.
    case protocolVersion
    /// The worker is of another build, whose rows could differ.
    case build
    /// The worker was started for another run.
    case run
    /// The worker may not take part.
    case notAuthorised
    /// There are enough workers for now.
    case busy
    /// The run is ending.
    case draining

    /// Whether asking again later can help.
    package var isTemporary: Bool { self == .busy }
}

/// The coordinator's answer to a worker that it does not take.
package struct Refusal: Error, Equatable, Sendable, CustomStringConvertible {
    /// The kind of reason.
    package var code: RefusalCode
    /// What to tell the person who started the worker.
    package var text: String

    /// Makes a refusal.
    package init(code: RefusalCode, text: String) {
        self.code = code
        self.text = text
    }

    package var description: String { text }

    func validate() throws(WireProtocolError) {
        try FieldRules(message: "refused").text(text, "text")
    }
}
