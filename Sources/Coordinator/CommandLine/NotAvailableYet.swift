/// Names that the Python package or the plan know and this build does not do yet.
///
/// They are refused by name: a script that relies on one must not run with it ignored.
package enum NotAvailableYet {
    private static let subcommands: Set<String> = ["prepare", "merge"]

    private static let options: Set<String> = [
        "--data-plane"
    ]

    /// Looks for names that cannot be served.
    ///
    /// - Parameter arguments: The words after the program's name.
    /// - Returns: Why the command line is refused; nil when it is not.
    package static func refusal(of arguments: [String]) -> String? {
        if let first = arguments.first, subcommands.contains(first) {
            return "'\(first)' is not available yet"
        }
        for argument in arguments {
            if argument == "--" { break }
            guard argument.hasPrefix("--") else { continue }
            let name = String(argument.prefix { $0 != "=" })
            let positive = name.hasPrefix("--no-") ? "--" + name.dropFirst("--no-".count) : name
            if options.contains(positive) {
                return "option \(name) is not available yet; leave it out for the default"
            }
            if let reason = OptionsOfTheReference.refused[positive] { return "\(name): \(reason)" }
        }
        return nil
    }
}
