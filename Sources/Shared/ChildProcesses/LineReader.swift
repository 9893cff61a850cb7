internal import Glibc

/// Reads lines from a stream on a thread of its own, such as what a child says.
///
/// The other end is not trusted: lines are cut at a limit, bytes that are no UTF-8 and control
/// characters are replaced, so that a line can neither fill memory nor draw on a terminal.
package enum LineReader {
    /// The longest line passed on, in bytes; the rest of a longer one is dropped.
    package static let longestLine = 4096

    /// Reads until the stream ends, then closes it.
    ///
    /// - Parameters:
    ///   - descriptor: An open stream, which belongs to the reader from now on.
    ///   - onLine: Runs on the reading thread for each line, without its newline.
    ///   - onEnd: Runs once on the reading thread after the last line.
    /// - Throws: `ChildProcessError.cannotStartThread`; the stream is open then.
    package static func start(
        descriptor: Int32,
        onLine: @escaping @Sendable (String) -> Void,
        onEnd: @escaping @Sendable () -> Void = {}
    ) throws(ChildProcessError) {
        try PlainThread.start(purpose: "reads what a child says") {
            var splitter = LineSplitter(longestLine: longestLine)
            var part = [UInt8](repeating: 0, count: 16384)
            while true {
                let count = read(descriptor, &part, part.count)
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { break }
                for line in splitter.take(part[..<count]) { onLine(line) }
            }
            close(descriptor)
            if let last = splitter.finish() { onLine(last) }
            onEnd()
        }
    }
}

/// Cuts a stream of bytes into lines that are fit to be shown.
package struct LineSplitter: Sendable {
    private let longestLine: Int
    private var line: [UInt8] = []
    private var isCut = false

    /// Cuts lines at so many bytes.
    package init(longestLine: Int) { self.longestLine = longestLine }

    /// Takes in bytes.
    ///
    /// - Returns: The lines they complete; empty lines are left out.
    package mutating func take(_ bytes: ArraySlice<UInt8>) -> [String] {
        var lines: [String] = []
        for byte in bytes {
            if byte == UInt8(ascii: "\n") {
                if let line = finish() { lines.append(line) }
            } else if line.count < longestLine {
                line.append(byte)
            } else {
                isCut = true
            }
        }
        return lines
    }

    /// Ends the line that was begun.
    ///
    /// - Returns: nil when there is none or it is empty.
    package mutating func finish() -> String? {
        defer {
            line = []
            isCut = false
        }
        if line.last == UInt8(ascii: "\r") { line.removeLast() }
        guard !line.isEmpty else { return nil }
        return HarmlessText.cleaned(String(decoding: line, as: UTF8.self)) + (isCut ? " ..." : "")
    }
}
