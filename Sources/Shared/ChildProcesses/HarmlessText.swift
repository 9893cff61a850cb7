/// Text from elsewhere, made fit for a terminal.
package enum HarmlessText {
    /// The text with everything replaced that moves the cursor or reorders its neighbours.
    ///
    /// - Parameters:
    ///   - text: Text of any origin.
    ///   - longest: Most characters that are kept; a longer text ends in `...`.
    /// - Returns: Text that a terminal shows as it stands.
    package static func cleaned(_ text: String, longest: Int = .max) -> String {
        var scalars = String.UnicodeScalarView()
        for scalar in text.prefix(longest).unicodeScalars {
            scalars.append(isHarmless(scalar) ? scalar : "\u{FFFD}")
        }
        return String(scalars) + (text.dropFirst(longest).isEmpty ? "" : "...")
    }

    /// Whether a character neither moves the cursor nor reorders its neighbours.
    private static func isHarmless(_ scalar: Unicode.Scalar) -> Bool {
        if scalar == "\t" { return true }
        switch scalar.properties.generalCategory {
        case .control, .lineSeparator, .paragraphSeparator: return false
        default: break
        }
        return !(0x202A...0x202E).contains(scalar.value)
            && !(0x2066...0x2069).contains(scalar.value)
    }
}
