/// The secret that the coordinator and its workers share.
///
/// Whoever holds it can take part in the run. It never appears in a description, a log or an error.
package struct Token: Equatable, Sendable, CustomStringConvertible, CustomReflectable {
    /// Fewest and most bytes of a token.
    package static let allowedByteCount = 16...128

    /// Length of the tokens that ``random()`` makes, in bytes.
    package static let createdByteCount = 32

    let bytes: [UInt8]

    /// Takes a token from its bytes; nil unless there are as many as ``allowedByteCount`` says.
    package init?(bytes: [UInt8]) {
        guard Self.allowedByteCount.contains(bytes.count) else { return nil }
        self.bytes = bytes
    }

    private init(generator: inout SystemRandomNumberGenerator) {
        bytes = (0..<Self.createdByteCount).map { _ in
            UInt8.random(in: .min ... .max, using: &generator)
        }
    }

    /// Makes a token from the operating system's random source.
    package static func random() -> Token {
        var generator = SystemRandomNumberGenerator()
        return Token(generator: &generator)
    }

    /// Hides the secret.
    package var description: String { "Token(hidden)" }

    /// Hides the secret.
    package var customMirror: Mirror { Mirror(self, children: []) }
}
