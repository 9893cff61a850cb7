// How a configuration file takes effect: its options are put before those of the command line, as if
// they had been typed there, and the command line is parsed as ever. Types, ranges and combinations
// are thus checked by the same code and with the same messages; what the command line gives by
// itself is left out of the file's part, so that it wins, lists included.

/// A command line with the options of its configuration file in it.
package struct ConfiguredArguments {
    /// The words to parse.
    package let arguments: [String]
    private let file: ConfigFile?
    private let used: [ConfigFile.Entry]

    /// Reads the file that a command line names, if it does.
    ///
    /// - Parameters:
    ///   - arguments: The words after the program's name.
    ///   - program: The program's commands.
    /// - Throws: ``RunFailure`` when there is a mistake in the file, naming the line.
    package init(_ arguments: [String], _ program: ProgramOptions) throws(RunFailure) {
        let isNamed = program.commands.contains { $0.command == arguments.first }
        let words = arguments.dropFirst(isNamed ? 1 : 0)
        guard let options = program.command(of: arguments), options.named("--config") != nil,
            !words.contains(where: { $0 == "--help" || $0 == "-h" })
        else {
            self.arguments = arguments
            file = nil
            used = []
            return
        }
        let given = GivenOptions(words, options)
        guard let path = given.configFiles.first else {
            self.arguments = arguments
            file = nil
            used = []
            return
        }
        guard given.configFiles.count == 1 else {
            throw RunFailure(.usage, "--config is given twice; put all options into one file")
        }
        let file = try ConfigFile(path, options, of: program)
        used = file.entries.filter { entry in
            entry.option.kind == .argument
                ? !given.hasArgument : !given.names.contains(entry.option.name)
        }
        self.file = file
        self.arguments = arguments.prefix(isNamed ? 1 : 0) + used.flatMap(\.words) + words
    }

    /// The place in the file that a complaint about the command line is about.
    ///
    /// - Parameter message: The complaint, which calls options by their names.
    /// - Returns: The complaint with file, line and key before it; nil when it is about nothing that
    ///   stands in the file.
    package func explained(_ message: String) -> String? {
        guard let file else { return nil }
        let complaints = used.compactMap { entry in
            entry.option.names.compactMap { Self.place(of: $0, in: message) }.min()
                .map { (place: $0, entry: entry) }
        }
        guard let first = complaints.min(by: { $0.place < $1.place })?.entry else { return nil }
        return "\(file.path):\(first.line): \(first.key): \(message)"
    }

    /// Where an option's name stands in a text as a word of its own.
    private static func place(of name: String, in text: String) -> String.Index? {
        text.ranges(of: name).first { range in
            guard range.upperBound < text.endIndex else { return true }
            let next = text[range.upperBound]
            return !next.isLetter && !next.isNumber && next != "-"
        }?.lowerBound
    }
}
