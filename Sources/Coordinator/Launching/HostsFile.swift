import NodeTopology

/// Reads the file that names the machines of a cluster.
///
/// One machine a line: `[user@]host[:port]` and then settings `key=value`. `node[01-16]` stands for
/// sixteen machines, `*` for all that follow, `#` begins a comment. The file may have been written
/// by somebody else: it is bounded in every way, nothing in it can be taken for an option of `ssh`
/// or run on this machine, and what goes to a remote shell has no character that ends a quotation.
package enum HostsFile {
    /// The largest file, bytes.
    package static let largestFile = 1 << 20
    /// Most machines of a file.
    package static let mostHosts = 4096
    private static let longestLine = 4096

    /// Reads the text of a hosts file.
    ///
    /// - Returns: At least one machine, in order, none twice.
    /// - Throws: ``HostsFileError`` for the first line that cannot be understood.
    package static func parse(_ text: String) throws(HostsFileError) -> [HostEntry] {
        guard text.utf8.count <= largestFile else {
            throw HostsFileError(line: 0, "more than \(largestFile) bytes")
        }
        var hosts: [HostEntry] = []
        var lineOfHost: [String: Int] = [:]
        var defaults = HostEntry(host: "*")
        let lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
        for (index, line) in lines.enumerated() {
            let number = index + 1
            guard line.utf8.count <= longestLine else {
                throw HostsFileError(line: number, "longer than \(longestLine) bytes")
            }
            let words = try HostLine.words(of: line, number)
            guard let first = words.first else { continue }
            var entry = defaults
            entry.line = number
            if first != "*" { try HostLine.readAddress(first, into: &entry) }
            for word in words.dropFirst() { try HostLine.readSetting(word, into: &entry) }
            guard first != "*" else {
                defaults = entry
                continue
            }
            let names = try HostRange.expand(entry.host, line: number, most: mostHosts)
            guard hosts.count + names.count <= mostHosts else {
                throw HostsFileError(line: number, "more than \(mostHosts) machines")
            }
            for name in names {
                var host = entry
                host.host = name
                if let earlier = lineOfHost.updateValue(number, forKey: host.identity) {
                    throw HostsFileError(
                        line: number,
                        "\(name) is on line \(earlier) already; slots=N starts several processes"
                    )
                }
                hosts.append(host)
            }
        }
        guard !hosts.isEmpty else { throw HostsFileError(line: 0, "no machine in it") }
        return hosts
    }
}

/// Machines that one name stands for, such as `node[01-03,7]-ib`.
enum HostRange {
    /// Expands every range of a name, the last one fastest.
    ///
    /// - Throws: ``HostsFileError`` for a damaged range and for more than `most` names, before they
    ///   are made.
    static func expand(_ name: String, line: Int, most: Int) throws(HostsFileError) -> [String] {
        if name.contains(":") { return [name] }
        var names = [""]
        var rest = name[...]
        while let open = rest.firstIndex(of: "[") {
            let literal = rest[..<open]
            guard let close = rest[open...].firstIndex(of: "]") else {
                throw HostsFileError(line: line, "\(name): a range is not closed")
            }
            let numbers = try numbers(
                rest[rest.index(after: open)..<close],
                of: name,
                line: line,
                most: most / names.count
            )
            names = names.flatMap { name in numbers.map { name + literal + $0 } }
            rest = rest[rest.index(after: close)...]
        }
        guard !rest.contains("]") else {
            throw HostsFileError(line: line, "\(name): a range is not opened")
        }
        return names.map { $0 + rest }
    }

    private static func numbers(
        _ list: Substring,
        of name: String,
        line: Int,
        most: Int
    ) throws(HostsFileError) -> [String] {
        var numbers: [String] = []
        for item in list.split(separator: ",", omittingEmptySubsequences: false) {
            let bounds = item.split(separator: "-", omittingEmptySubsequences: false)
            guard bounds.count <= 2, let low = bounds.first, let first = number(low),
                let last = bounds.count == 2 ? number(bounds[1]) : first, first <= last
            else {
                throw HostsFileError(
                    line: line,
                    "\(name): '\(item)' is no range; write node[01-16] or gpu[1-3,7]"
                )
            }
            guard numbers.count + (last - first) < most else {
                throw HostsFileError(line: line, "\(name) stands for too many machines")
            }
            // Leading zeros set the width of every number of the range.
            let width = low.first == "0" ? low.count : 0
            for number in first...last {
                let digits = String(number)
                numbers.append(
                    String(repeating: "0", count: max(0, width - digits.count)) + digits
                )
            }
        }
        return numbers
    }

    private static func number(_ text: Substring) -> Int? {
        guard (1...9).contains(text.utf8.count), text.utf8.allSatisfy({ (48...57).contains($0) })
        else { return nil }
        return Int(text)
    }
}
