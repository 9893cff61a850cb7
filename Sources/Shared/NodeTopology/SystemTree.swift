internal import Glibc

/// Reads the kernel's text files under `/proc` and `/sys`, or under a directory that stands for
/// `/`.
package struct SystemTree: Equatable, Sendable {
    /// The directory that stands for `/`, without a trailing slash; empty for the real one.
    package let root: String

    /// Reads below `root`, which holds `proc` and `sys`.
    package init(root: String = "/") {
        var trimmed = Substring(root)
        while trimmed.last == "/" {
            trimmed.removeLast()
        }
        self.root = String(trimmed)
    }

    /// Reads a file of text.
    ///
    /// - Parameter path: Absolute, as on the real machine.
    /// - Returns: At most the first 4 MiB; nil when the file cannot be opened or read.
    package func text(_ path: String) -> String? {
        let descriptor = open(root + path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 16384)
        while bytes.count < 4 << 20 {
            let count = read(descriptor, &part, part.count)
            if count < 0 {
                guard errno == EINTR else { return nil }
                continue
            }
            guard count > 0 else { break }
            bytes.append(contentsOf: part[..<count])
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The number after `name` in a file of lines such as `MemTotal:  123 kB` or `oom_kill 0`.
    ///
    /// - Returns: The number as written, in bytes when `kB` follows; nil when file or line is
    ///   absent.
    package func value(of name: String, in path: String) -> Int? {
        guard let text = text(path) else { return nil }
        for line in text.split(separator: "\n") {
            let words = line.split { $0 == " " || $0 == "\t" || $0 == ":" }
            guard let position = words.firstIndex(of: Substring(name)) else { continue }
            guard position + 1 < words.count, let value = Int(words[position + 1]) else { continue }
            guard words.last == "kB" else { return value }
            let (bytes, overflow) = value.multipliedReportingOverflow(by: 1024)
            return overflow ? nil : bytes
        }
        return nil
    }

    /// The single number a file holds, or nil when it is absent or says something else, such as
    /// `max`.
    package func number(_ path: String) -> Int? {
        guard let text = text(path) else { return nil }
        return Int(text.filter { !$0.isWhitespace })
    }
}
