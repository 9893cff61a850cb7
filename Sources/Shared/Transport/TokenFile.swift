internal import Glibc

/// Files that hold a ``Token`` as hexadecimal digits.
package enum TokenFile {
    /// Longest file that can hold a token with white space around it, in bytes.
    private static let longestFile = 4096

    /// Reads a token.
    ///
    /// - Throws: ``TransportError`` when the file is missing, not regular, open to others than its
    ///   owner (mode wider than 0600), not hexadecimal, or holds too few or too many bytes.
    package static func load(path: String) throws(TransportError) -> Token {
        let text: [UInt8]
        do throws(SmallFile.Problem) {
            text = try SmallFile.read(path, mostBytes: longestFile, isSecret: true)
        } catch {
            switch error {
            case .system(let operation, let errno):
                throw .tokenFile(path: path, operation: operation, errno: errno)
            case .notAFile: throw .tokenNotAFile(path: path)
            case .tooOpen(let mode): throw .tokenTooOpen(path: path, mode: mode)
            }
        }
        let bytes = try decode(text[...], path: path)
        guard let token = Token(bytes: bytes) else {
            throw .tokenLength(path: path, bytes: bytes.count, allowed: Token.allowedByteCount)
        }
        return token
    }

    /// Reads a token from the first line of a stream, such as standard input, and leaves what follows.
    ///
    /// - Parameters:
    ///   - descriptor: An open stream.
    ///   - milliseconds: How long the line may take to come.
    /// - Returns: The token.
    /// - Throws: ``TransportError`` when the stream ends or stays silent before a line is whole, or
    ///   when the line is not hexadecimal or holds too few or too many bytes.
    package static func read(
        from descriptor: Int32,
        waitingAtMost milliseconds: Int32 = 30_000
    ) throws(TransportError) -> Token {
        let name = "on descriptor \(descriptor)"
        var text: [UInt8] = []
        // One byte at a time: what comes after the line belongs to somebody else.
        while text.count < longestFile, text.last != UInt8(ascii: "\n") {
            var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            let ready = poll(&waiting, 1, milliseconds)
            if ready < 0, errno == EINTR { continue }
            guard ready > 0 else {
                throw .tokenFile(path: name, operation: "read it", errno: ETIMEDOUT)
            }
            var byte: UInt8 = 0
            let count = Glibc.read(descriptor, &byte, 1)
            if count < 0, errno == EINTR || errno == EAGAIN { continue }
            guard count >= 0 else {
                throw .tokenFile(path: name, operation: "read it", errno: errno)
            }
            if count == 0 { break }
            text.append(byte)
        }
        let bytes = try decode(text[...], path: name)
        guard let token = Token(bytes: bytes) else {
            throw .tokenLength(path: name, bytes: bytes.count, allowed: Token.allowedByteCount)
        }
        return token
    }

    /// Reads the token of a file, which is made with a new one, mode 0600, when it is absent.
    ///
    /// - Returns: The token, and whether it is new.
    /// - Throws: ``TransportError`` as `load` and `create` do.
    package static func loadOrCreate(
        path: String
    ) throws(TransportError) -> (token: Token, isNew: Bool) {
        if access(path, F_OK) == 0 { return (try load(path: path), false) }
        // Written aside and linked, so that nobody ever finds half a token under the name.
        let aside = "\(path).\(getpid()).new"
        unlink(aside)
        let token = try create(path: aside)
        defer { unlink(aside) }
        if link(aside, path) == 0 { return (token, true) }
        guard errno == EEXIST else {
            throw .tokenFile(path: path, operation: "create it", errno: errno)
        }
        return (try load(path: path), false)
    }

    /// The line that `read(from:)` takes: the token's hexadecimal digits and a newline.
    ///
    /// For a stream that only its reader sees, never for a log, an argument or a variable.
    package static func line(of token: Token) -> [UInt8] { encode(token.bytes) }

    /// Makes a new token and writes it to a file that must not exist yet, with mode 0600.
    ///
    /// - Throws: ``TransportError/tokenFile(path:operation:errno:)``, also when the file exists.
    package static func create(path: String) throws(TransportError) -> Token {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw .tokenFile(path: path, operation: "create it", errno: errno)
        }
        defer { close(descriptor) }
        let token = Token.random()
        let text = encode(token.bytes)
        let written = text.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
        guard written == text.count, fsync(descriptor) == 0 else {
            let problem = written >= 0 && written < text.count ? ENOSPC : errno
            // A file with half a secret must not be found by the next start.
            unlink(path)
            throw .tokenFile(path: path, operation: "write it", errno: problem)
        }
        return token
    }

    private static func decode(
        _ text: ArraySlice<UInt8>,
        path: String
    ) throws(TransportError) -> [UInt8] {
        let space: Set<UInt8> = [0x20, 0x09, 0x0a, 0x0d]
        let start = text.firstIndex { !space.contains($0) } ?? text.endIndex
        let end = text.lastIndex { !space.contains($0) }.map { $0 + 1 } ?? start
        var bytes: [UInt8] = []
        for position in stride(from: start, to: end, by: 2) {
            guard
                position + 1 < end,
                let upper = digit(text[position]),
                let lower = digit(text[position + 1])
            else {
                throw .tokenNotHexadecimal(path: path, position: position + 1)
            }
            bytes.append(upper << 4 | lower)
        }
        return bytes
    }

    private static func digit(_ character: UInt8) -> UInt8? {
        switch character {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): character - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): character - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): character - UInt8(ascii: "A") + 10
        default: nil
        }
    }

    private static func encode(_ bytes: [UInt8]) -> [UInt8] {
        let digits = Array("0123456789abcdef".utf8)
        return bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
            + [UInt8(ascii: "\n")]
    }
}
