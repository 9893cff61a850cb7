/// Checks the fields of one message, for the sender and the receiver alike.
struct FieldRules {
    /// The message's name in error texts.
    let message: String

    /// Refuses a number outside a range.
    func number<Number: FixedWidthInteger>(
        _ value: Number,
        _ field: String,
        in range: ClosedRange<Number>
    ) throws(WireProtocolError) {
        guard !range.contains(value) else { return }
        throw invalid(field, "\(value) is outside \(range.lowerBound)...\(range.upperBound)")
    }

    /// Refuses more elements than a list may have.
    func count(_ count: Int, _ field: String, atMost limit: Int) throws(WireProtocolError) {
        guard count > limit else { return }
        throw invalid(field, "\(count) elements, at most \(limit) are allowed")
    }

    /// Refuses an empty label, one that is too long or one with control characters.
    func label(_ value: String, _ field: String, atMost limit: Int) throws(WireProtocolError) {
        guard !value.isEmpty else { throw invalid(field, "empty") }
        try text(value, field, atMost: limit)
    }

    /// Refuses a text that is too long or has control characters.
    func text(
        _ value: String,
        _ field: String,
        atMost limit: Int = ProtocolLimits.textBytes
    ) throws(WireProtocolError) {
        guard value.utf8.count <= limit else {
            throw invalid(field, "\(value.utf8.count) bytes, at most \(limit) are allowed")
        }
        guard !value.unicodeScalars.contains(where: FreeText.isControl) else {
            throw invalid(field, "contains a control character")
        }
    }

    /// Refuses a resource name that is not made of ASCII letters, digits, `.`, `_`, `-` and single
    /// inner slashes, or that has a part beginning with a dot.
    ///
    /// Names are keys, not paths; the rule keeps a careless user of one from leaving a folder.
    func resourceName(_ value: String, _ field: String) throws(WireProtocolError) {
        try label(value, field, atMost: ProtocolLimits.resourceNameBytes)
        var startsPart = true
        for byte in value.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
                startsPart = false
            case UInt8(ascii: ".") where !startsPart:
                break
            case UInt8(ascii: "/") where !startsPart:
                startsPart = true
            default:
                throw invalid(field, "not a resource name")
            }
        }
        guard !startsPart else { throw invalid(field, "not a resource name") }
    }

    /// Takes sixteen bytes or refuses.
    func bytes16(
        _ value: some Collection<UInt8>,
        _ field: String
    ) throws(WireProtocolError)
        -> Bytes16
    {
        guard let result = Bytes16(bytes: value) else {
            throw invalid(field, "\(value.count) bytes, need \(Bytes16.byteCount)")
        }
        return result
    }

    /// Refuses a list with an element that occurs twice.
    func distinct<Element: Hashable>(
        _ elements: [Element],
        _ field: String
    )
        throws(WireProtocolError)
    {
        guard Set(elements).count != elements.count else { return }
        throw invalid(field, "an element occurs twice")
    }

    /// The error for a field of this message.
    func invalid(_ field: String, _ reason: String) -> WireProtocolError {
        .invalidField(message: message, field: field, reason: reason)
    }
}

/// Makes texts for people fit for the wire.
enum FreeText {
    /// Whether a character could disturb a terminal, a log line or a file name.
    static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .lineSeparator, .paragraphSeparator: true
        default: 0x202a...0x202e ~= scalar.value || 0x2066...0x2069 ~= scalar.value
        }
    }

    /// The text with control characters replaced by spaces, cut to the limit between characters.
    static func clipped(_ text: String) -> String {
        var result = String.UnicodeScalarView()
        var bytes = 0
        for scalar in text.unicodeScalars {
            let kept = isControl(scalar) ? " " : scalar
            bytes += UTF8.width(kept)
            guard bytes <= ProtocolLimits.textBytes else { break }
            result.append(kept)
        }
        return String(result)
    }
}
