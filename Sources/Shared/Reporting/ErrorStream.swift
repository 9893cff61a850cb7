import Glibc
import Synchronization

/// Standard error, shared by the log and a progress bar that is drawn over in place.
package enum ErrorStream {
    private static let bar = Mutex<String>("")

    /// Whether standard error is a terminal that can be drawn on.
    package static var isTerminal: Bool { isatty(2) == 1 }

    /// Writes text, moving a progress bar out of its way.
    package static func write(_ text: String) {
        bar.withLock { bar in
            if bar.isEmpty {
                put(text)
            } else {
                put("\r\u{1B}[K" + text + bar)
            }
        }
    }

    /// Draws a line that the next one replaces; an empty one removes it.
    package static func draw(bar line: String) {
        bar.withLock { bar in
            put("\r\u{1B}[K" + line)
            bar = line
        }
    }

    private static func put(_ text: String) {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let written = bytes.withUnsafeBytes { Glibc.write(2, $0.baseAddress, $0.count) }
            if written < 0 {
                // Nobody reads standard error any more: there is nobody left to tell.
                if errno == EINTR { continue }
                return
            }
            bytes = bytes.dropFirst(written)
        }
    }
}
