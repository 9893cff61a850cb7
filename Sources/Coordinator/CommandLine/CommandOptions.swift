/// A command as the argument parser describes itself: the parts that matter here of what
/// `--experimental-dump-help` prints.
package struct CommandDescription: Decodable {
    /// One option, flag or argument.
    package struct Argument: Decodable {
        /// How it is given.
        package enum Kind: String, Decodable {
            case positional
            case option
            case flag
        }

        /// A name without dashes, and what dashes it has: `long`, `short`, `longWithSingleDash`.
        package struct Name: Decodable {
            var kind: String
            var name: String
        }

        var kind: Kind
        var isRepeating: Bool
        var names: [Name]?
        var valueName: String?
    }

    var commandName: String
    var defaultSubcommand: String?
    var subcommands: [CommandDescription]?
    var arguments: [Argument]?
}

/// The options of one command, as the command line declares them.
package struct CommandOptions {
    /// One option, flag or argument.
    package struct Declared: Equatable {
        /// How it is given.
        package enum Kind: Equatable {
            /// By its place.
            case argument
            /// By name, with a value.
            case option
            /// By name alone; `negation` is the name that turns it off.
            case flag(negation: String?)
        }

        /// Names with their dashes, the first one being its own; of an argument, the key of a file.
        package let names: [String]
        /// How it is given.
        package let kind: Kind
        /// Whether it may be given several times.
        package let isRepeating: Bool

        /// The name it is known by.
        package var name: String { names[0] }
    }

    /// The command's name.
    package let command: String
    /// Its options, flags and arguments.
    package let all: [Declared]

    /// The options of a command.
    package init(_ info: CommandDescription) {
        command = info.commandName
        let arguments = info.arguments ?? []
        let flags = Set(arguments.filter { $0.kind == .flag }.flatMap(Self.names))
        all = arguments.compactMap { argument in
            let names = Self.names(argument)
            switch argument.kind {
            case .positional:
                // `input.h5ad` is given as `input`.
                let key = argument.valueName.map { String($0.prefix { $0 != "." }) } ?? ""
                return Declared(names: [key], kind: .argument, isRepeating: argument.isRepeating)
            case .option:
                return Declared(names: names, kind: .option, isRepeating: argument.isRepeating)
            case .flag:
                guard let name = names.first, !Self.isNegation(name, flags) else { return nil }
                let negation = "--no-" + name.dropFirst(2)
                return Declared(
                    names: names,
                    kind: .flag(negation: flags.contains(negation) ? negation : nil),
                    isRepeating: false
                )
            }
        }
    }

    /// The option of a name with its dashes, or of the name that turns it off.
    package func named(_ name: String) -> Declared? {
        all.first { declared in
            declared.kind != .argument && declared.names.contains(name)
                || declared.kind == .flag(negation: name)
        }
    }

    /// What a configuration file may name, by key: long options and the argument.
    package func keyed(_ key: String) -> Declared? {
        guard !["help", "version", "config"].contains(key) else { return nil }
        if let option = named("--" + key), option.kind != .flag(negation: "--" + key) {
            return option
        }
        return all.first { $0.kind == .argument && $0.names == [key] }
    }

    /// Every key that a configuration file may have.
    package var keys: [String] {
        all.flatMap(\.names).filter { $0.hasPrefix("--") || !$0.hasPrefix("-") }
            .map { String($0.trimmingPrefix("--")) }
            .filter { keyed($0) != nil }
    }

    private static func isNegation(_ name: String, _ flags: Set<String>) -> Bool {
        name.hasPrefix("--no-") && flags.contains("--" + name.dropFirst("--no-".count))
    }

    /// Names with dashes, long ones first.
    private static func names(_ argument: CommandDescription.Argument) -> [String] {
        let names = argument.names ?? []
        return names.filter { $0.kind == "long" }.map { "--" + $0.name }
            + names.filter { $0.kind != "long" }.map { "-" + $0.name }
    }
}

/// The commands of the program.
package struct ProgramOptions {
    /// The commands, each with its options.
    package let commands: [CommandOptions]
    /// The command that is meant when none is named.
    package let standard: String?

    /// The commands of a program.
    package init(_ info: CommandDescription) {
        commands = (info.subcommands ?? []).map { CommandOptions($0) }
        standard = info.defaultSubcommand
    }

    /// The command that a command line names or means.
    package func command(of arguments: [String]) -> CommandOptions? {
        commands.first { $0.command == arguments.first }
            ?? commands.first { $0.command == standard }
    }
}
