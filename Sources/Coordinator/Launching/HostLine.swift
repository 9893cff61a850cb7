import NodeTopology

/// Reads the words of one line of a hosts file.
enum HostLine {
    /// Options of `ssh` that a hosts file may set.
    ///
    /// None of them runs a program on this machine, as `ProxyCommand` and others would; what is not
    /// here belongs into `~/.ssh/config`.
    static let sshOptions = [
        "AddressFamily", "BindAddress", "BindInterface", "CertificateFile", "Ciphers",
        "Compression", "ConnectTimeout", "GSSAPIAuthentication", "GlobalKnownHostsFile",
        "HostKeyAlgorithms", "HostKeyAlias", "HostName", "IdentitiesOnly", "IdentityFile",
        "KexAlgorithms", "LogLevel", "MACs", "PreferredAuthentications", "ProxyJump",
        "PubkeyAuthentication", "StrictHostKeyChecking", "UserKnownHostsFile",
    ]

    /// Splits a line at spaces and tabs; double quotes keep spaces, `#` begins a comment.
    static func words(of line: Substring, _ number: Int) throws(HostsFileError) -> [String] {
        var words: [String] = []
        var word: String?
        var isQuoted = false
        for character in line {
            if isQuoted {
                if character == "\"" { isQuoted = false } else { word?.append(character) }
            } else if character == "\"" {
                isQuoted = true
                word = word ?? ""
            } else if character == " " || character == "\t" {
                if let word { words.append(word) }
                word = nil
            } else if character == "#", word == nil {
                break
            } else {
                word = (word ?? "") + String(character)
            }
            let isControl = character.unicodeScalars.contains {
                $0.properties.generalCategory == .control
            }
            if isControl, character != "\t" {
                throw HostsFileError(line: number, "a control character")
            }
        }
        guard !isQuoted else { throw HostsFileError(line: number, "a quotation is not closed") }
        if let word { words.append(word) }
        return words
    }

    /// Reads `[user@]host[:port]`; the host may hold ranges.
    static func readAddress(
        _ word: String,
        into entry: inout HostEntry
    ) throws(HostsFileError) {
        var rest = word[...]
        if let at = rest.lastIndex(of: "@") {
            entry.user = try name(rest[..<at], "user", entry.line)
            rest = rest[rest.index(after: at)...]
        }
        if rest.hasPrefix("["), let close = rest.firstIndex(of: "]"),
            rest[..<close].contains(":")
        {
            let address = rest[rest.index(after: rest.startIndex)..<close]
            guard address.utf8.allSatisfy({ isNameByte($0) || $0 == 0x3A || $0 == 0x25 }) else {
                throw HostsFileError(line: entry.line, "[\(address)] is no IPv6 address")
            }
            entry.host = String(address)
            rest = rest[rest.index(after: close)...]
            guard rest.isEmpty || rest.hasPrefix(":") else {
                throw HostsFileError(line: entry.line, "'\(word)' is no machine")
            }
        } else {
            let end = rest.firstIndex(of: ":") ?? rest.endIndex
            let host = rest[..<end]
            // Ranges are looked at when they are expanded.
            let plain = host.filter { !"[],".contains($0) }
            guard host.first != "-", host.last != "-", !plain.isEmpty,
                plain.utf8.allSatisfy(isNameByte)
            else {
                throw HostsFileError(
                    line: entry.line,
                    "'\(word)' is no machine; write [user@]host[:port], then key=value settings"
                )
            }
            entry.host = String(host)
            rest = rest[end...]
        }
        if rest.hasPrefix(":") {
            entry.port = try number(rest.dropFirst(), "port", 1...65535, entry.line)
        }
    }

    /// Reads one `key=value`.
    static func readSetting(
        _ word: String,
        into entry: inout HostEntry
    ) throws(HostsFileError) {
        let sides = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard sides.count == 2, !sides[1].isEmpty else {
            throw HostsFileError(line: entry.line, "'\(word)' is no setting; write key=value")
        }
        let value = sides[1]
        let line = entry.line
        switch sides[0] {
        case "user": entry.user = try name(value, "user", line)
        case "port": entry.port = try number(value, "port", 1...65535, line)
        case "slots": entry.slots = try number(value, "slots", 1...1024, line)
        case "threads": entry.threads = try number(value, "threads", 1...65535, line)
        case "numa":
            guard let selection = try? NodeSelection(parsing: String(value)) else {
                throw HostsFileError(line: line, "numa=\(value): write auto, off or 0-1,3")
            }
            entry.numa = selection
        case "memory":
            guard let size = try? MemorySize(parsing: String(value)), size.bytes >= 64 << 20 else {
                throw HostsFileError(line: line, "memory=\(value): write 8G; at least 64M")
            }
            entry.memory = size
        case "worker": entry.worker = try path(value, "worker", line)
        case "tls-cert": entry.certificate = try path(value, "tls-cert", line)
        case "tls-key": entry.key = try path(value, "tls-key", line)
        case "tls-ca": entry.authority = try path(value, "tls-ca", line)
        case "ssh": entry.sshOptions.append(try sshOption(value, line))
        default:
            throw HostsFileError(
                line: line,
                "'\(sides[0])' is no setting; there are slots, threads, numa, memory, worker, "
                    + "tls-cert, tls-key, tls-ca, user, port and ssh"
            )
        }
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"),
            UInt8(ascii: "-"):
            true
        default: false
        }
    }

    private static func name(
        _ text: Substring,
        _ what: String,
        _ line: Int
    ) throws(HostsFileError) -> String {
        guard !text.isEmpty, text.first != "-", text.utf8.allSatisfy(isNameByte) else {
            throw HostsFileError(line: line, "'\(text)' is no \(what)")
        }
        return String(text)
    }

    private static func number(
        _ text: Substring,
        _ what: String,
        _ range: ClosedRange<Int>,
        _ line: Int
    ) throws(HostsFileError) -> Int {
        guard text.utf8.count <= 9, text.utf8.allSatisfy({ (48...57).contains($0) }),
            let number = Int(text), range.contains(number)
        else {
            throw HostsFileError(
                line: line,
                "\(what) '\(text)' is not from \(range.lowerBound) to \(range.upperBound)"
            )
        }
        return number
    }

    /// A path that means the same inside single quotes in every shell.
    private static func path(
        _ text: Substring,
        _ key: String,
        _ line: Int
    ) throws(HostsFileError) -> String {
        guard !text.hasPrefix("-"), !text.contains(where: { "'\\\"`$!~".contains($0) }) else {
            throw HostsFileError(
                line: line,
                "\(key)=\(text): an absolute path, or one from the home directory, without any of "
                    + "' \" \\ ` $ ! ~"
            )
        }
        return String(text)
    }

    private static func sshOption(_ text: Substring, _ line: Int) throws(HostsFileError) -> String {
        let sides = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard sides.count == 2, !sides[1].isEmpty else {
            throw HostsFileError(line: line, "ssh=\(text): write ssh=Name=value")
        }
        let key = sides[0].lowercased()
        guard let option = sshOptions.first(where: { $0.lowercased() == key }) else {
            throw HostsFileError(
                line: line,
                "ssh option \(sides[0]) cannot be set here; put it into ~/.ssh/config"
            )
        }
        // These name machines, which ssh passes on to a program.
        if option == "ProxyJump" || option == "HostName" || option == "HostKeyAlias" {
            let isPlain = sides[1].utf8.allSatisfy { byte in
                isNameByte(byte) || "@:,[]%".utf8.contains(byte)
            }
            guard isPlain, sides[1].first != "-" else {
                throw HostsFileError(line: line, "\(option) '\(sides[1])' is no machine")
            }
        }
        return "\(option)=\(sides[1])"
    }
}
