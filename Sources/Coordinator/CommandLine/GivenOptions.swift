/// Which options a command line gives, without checking any of them.
struct GivenOptions {
    /// Own names of the options given.
    private(set) var names: Set<String> = []
    /// Whether there is anything that is no option and no option's value.
    private(set) var hasArgument = false
    /// Values of `--config`.
    private(set) var configFiles: [String] = []

    /// Looks through the words after the command's name.
    init(_ words: some Sequence<String>, _ options: CommandOptions) {
        var valueOf: CommandOptions.Declared?
        var isOver = false
        for word in words {
            if let option = valueOf.take() {
                note(option, value: word)
            } else if isOver || !word.hasPrefix("-") || word == "-" {
                hasArgument = true
            } else if word == "--" {
                isOver = true
            } else if word.hasPrefix("--") {
                let name = word.prefix { $0 != "=" }
                guard let option = options.named(String(name)) else { continue }
                if option.kind == .option, name.count == word.count {
                    valueOf = option
                } else {
                    note(option, value: String(word.dropFirst(name.count + 1)))
                }
            } else {
                // Short ones may stand together; the last may take a value.
                for letter in word.dropFirst().prefix(while: { $0 != "=" }) {
                    guard let option = options.named("-\(letter)") else { continue }
                    note(option, value: nil)
                    if option.kind == .option, !word.contains("=") { valueOf = option }
                }
            }
        }
    }

    private mutating func note(_ option: CommandOptions.Declared, value: String?) {
        names.insert(option.name)
        if option.name == "--config", let value { configFiles.append(value) }
    }
}
