import AnnData
import Foundation
import Yams

/// A YAML file of options, checked against those of one command.
///
/// Keys are the long names of options without their dashes; `_` stands for `-`, as in the Python
/// package. A value is the text that would stand on the command line, whatever YAML takes it for, so
/// that a control label `no` or `1e3` stays what it is. Flags take true or false, options that may be
/// repeated take lists.
struct ConfigFile {
    /// One option of the file.
    struct Entry: Equatable {
        /// The key as it stands in the file.
        var key: String
        var line: Int
        var option: CommandOptions.Declared
        /// What it means on a command line.
        var words: [String]
    }

    private static let mostBytes = 1 << 20

    let path: String
    let entries: [Entry]

    /// Reads a file.
    ///
    /// - Parameters:
    ///   - path: Where it lies.
    ///   - options: The options of the command that is run.
    ///   - program: All commands, to say whose option a strange one is.
    /// - Throws: ``RunFailure`` naming the file, the line and the key.
    init(
        _ path: String,
        _ options: CommandOptions,
        of program: ProgramOptions
    ) throws(RunFailure) {
        guard let bytes = FileManager.default.contents(atPath: path) else {
            throw RunFailure(.noInput, "\(path): cannot read the configuration file")
        }
        guard bytes.count <= Self.mostBytes else {
            throw RunFailure(.usage, "\(path): a configuration file has at most 1 MiB")
        }
        guard let text = String(data: bytes, encoding: .utf8) else {
            throw RunFailure(.usage, "\(path): is no UTF-8 text")
        }
        self.path = path
        let reading = ConfigFileReading(path: path, options: options, program: program)
        entries = try reading.entries(text)
    }
}

/// The steps of reading a configuration file.
private struct ConfigFileReading {
    let path: String
    let options: CommandOptions
    let program: ProgramOptions

    func entries(_ text: String) throws(RunFailure) -> [ConfigFile.Entry] {
        guard let root = try parse(text) else { return [] }
        // A file of comments alone is a document with nothing in it.
        if case .scalar(let scalar) = root, scalar.string.isEmpty { return [] }
        guard case .mapping(let mapping) = root else {
            throw failure(line(of: root), "options are written 'name: value', one a line")
        }
        var found: [ConfigFile.Entry] = []
        for (key, value) in mapping {
            let entry = try entry(key, value)
            if let earlier = found.first(where: { $0.option == entry.option }) {
                throw failure(
                    entry.line,
                    "\(entry.key) is the same option as \(earlier.key) in line \(earlier.line)"
                )
            }
            found.append(entry)
        }
        return found
    }

    private func parse(_ text: String) throws(RunFailure) -> Node? {
        do {
            return try Parser(yaml: text, encoding: .utf8).singleRoot()
        } catch let error as YamlError {
            switch error {
            case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
                .composer(_, let problem, let mark, _):
                throw failure(mark.line, "is no YAML: \(problem)")
            case .duplicatedKeysInMapping(let keys, let context):
                throw failure(
                    context.mark.line,
                    "\(keys.first ?? "a key") is given twice"
                )
            default: throw RunFailure(.usage, "\(path): is no YAML: \(error)")
            }
        } catch {
            throw RunFailure(.usage, "\(path): is no YAML: \(error)")
        }
    }

    private func entry(_ key: Node, _ value: Node) throws(RunFailure) -> ConfigFile.Entry {
        guard case .scalar(let scalar) = key else {
            throw failure(line(of: key), "the name of an option is a word")
        }
        let written = scalar.string
        let name = written.replacing("_", with: "-")
        guard let option = options.keyed(name) else {
            throw failure(line(of: key), unknown(written, name))
        }
        var entry = ConfigFile.Entry(key: written, line: line(of: key), option: option, words: [])
        let place = "\(written): "
        switch option.kind {
        case .flag(let negation):
            let isOn = try truth(value, place)
            entry.words = isOn ? [option.name] : negation.map { [$0] } ?? []
        case .option:
            entry.words = try texts(value, option, place).map { "\(option.name)=\($0)" }
        case .argument:
            entry.words = try texts(value, option, place)
            if entry.words.contains(where: { $0.hasPrefix("-") }) {
                throw failure(entry.line, place + "a path that begins with - is written ./-...")
            }
        }
        return entry
    }

    private func unknown(_ written: String, _ name: String) -> String {
        if name == "config" { return "\(written): a configuration file cannot name another" }
        if let refusal = OptionsOfTheReference.refusal(of: ["--" + name]) { return refusal }
        if name.hasPrefix("no-"), let option = options.keyed(String(name.dropFirst(3))),
            case .flag = option.kind
        {
            return "\(written): write '\(name.dropFirst(3)): false'"
        }
        let near = NearestNames.of(name, in: options.keys)
        let others = program.commands.filter { $0.keyed(name) != nil }.map { "'\($0.command)'" }
        var text = "\(written) is no option of '\(options.command)'"
        if !others.isEmpty { text += ", but of \(others.joined(separator: ", "))" }
        if !near.isEmpty {
            text += "; did you mean \(near.map { "'\($0)'" }.joined(separator: ", "))?"
        }
        return text
    }

    /// The text of a value, or those of a list.
    private func texts(
        _ value: Node,
        _ option: CommandOptions.Declared,
        _ place: String
    ) throws(RunFailure) -> [String] {
        switch value {
        case .scalar(let scalar): return [try text(scalar, place)]
        case .sequence(let items):
            guard option.isRepeating else {
                throw failure(line(of: value), place + "takes one value, not a list")
            }
            guard !items.isEmpty else {
                throw failure(line(of: value), place + "the list is empty; leave the option out")
            }
            var texts: [String] = []
            for item in items {
                guard case .scalar(let scalar) = item else {
                    throw failure(line(of: item), place + "the items of a list are values")
                }
                texts.append(try text(scalar, place))
            }
            return texts
        case .mapping, .alias:
            throw failure(line(of: value), place + "takes a value, not a mapping")
        }
    }

    private func text(_ scalar: Node.Scalar, _ place: String) throws(RunFailure) -> String {
        let nothing = ["", "~", "null", "Null", "NULL"]
        guard scalar.style != .plain || !nothing.contains(scalar.string) else {
            throw failure(
                scalar.mark?.line ?? 1,
                place + "has no value; leave it out, or put the text in quotes"
            )
        }
        return scalar.string
    }

    private func truth(_ value: Node, _ place: String) throws(RunFailure) -> Bool {
        if case .scalar(let scalar) = value, scalar.style == .plain {
            switch scalar.string.lowercased() {
            case "true", "yes", "on": return true
            case "false", "no", "off": return false
            default: break
            }
        }
        throw failure(line(of: value), place + "takes true or false")
    }

    private func line(of node: Node) -> Int { node.mark?.line ?? 1 }

    private func failure(_ line: Int, _ text: String) -> RunFailure {
        RunFailure(.usage, "\(path):\(line): \(text)")
    }
}
