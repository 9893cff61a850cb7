/// The command line that finishes a run, for people to copy.
package struct ResumeCommand: Equatable {
    /// The command line, quoted for a shell.
    package let text: String

    /// - Parameters:
    ///   - words: The words of the command line that the run was started with.
    ///   - isForced: Whether the run began by forgetting an earlier one, which a resumed run must not.
    package init(words: [String], isForced: Bool) {
        var kept = words.filter { $0 != "--force" && $0 != "--resume" }
        kept.insert("--resume", at: kept.firstIndex(of: "--") ?? kept.endIndex)
        var text = kept.map(Self.quoted).joined(separator: " ")
        if isForced, !words.contains("--force") {
            text += "   # without 'force' in the configuration file"
        }
        self.text = text
    }

    /// A word as a shell reads it back, in quotes only where it needs them.
    private static func quoted(_ word: String) -> String {
        let isPlain =
            !word.isEmpty
            && word.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"):
                    true
                default: "-_./:,=+@%".utf8.contains(byte)
                }
            }
        return isPlain ? word : RemoteCommand.quoted(word)
    }
}
