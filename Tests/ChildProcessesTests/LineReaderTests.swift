import ChildProcesses
import Foundation
import Synchronization
import Testing

@Suite("Lines that a child says")
struct LineReaderTests {
    private func lines(_ text: String, longest: Int = 100, step: Int = 1) -> [String] {
        var splitter = LineSplitter(longestLine: longest)
        var lines: [String] = []
        let bytes = Array(text.utf8)
        for start in stride(from: 0, to: bytes.count, by: step) {
            lines += splitter.take(bytes[start..<min(start + step, bytes.count)])
        }
        return lines + (splitter.finish().map { [$0] } ?? [])
    }

    @Test("lines are the same however the bytes arrive", arguments: [1, 2, 3, 7, 1000])
    func pieces(step: Int) {
        #expect(
            lines("one\r\ntwo\n\n\nthrée\nlast", step: step) == ["one", "two", "thrée", "last"]
        )
    }

    @Test("a long line is cut, the next one is whole")
    func cut() {
        #expect(lines("123456789\nabc\n", longest: 4) == ["1234 ...", "abc"])
        #expect(lines("1234\n", longest: 4) == ["1234"])
    }

    @Test("what could draw on a terminal is replaced")
    func harmless() {
        #expect(lines("a\u{1B}[2Jb\tc\u{7}\u{202E}d\u{9B}\n") == ["a�[2Jb\tc��d�"])
        var splitter = LineSplitter(longestLine: 10)
        #expect(splitter.take([0xFF, 0x41, 0x0A][...]) == ["\u{FFFD}A"])
    }

    @Test("a stream is read to its end and closed")
    func stream() async throws {
        let pair = try StreamPair()
        let seen = Mutex<[String]>([])
        let box = Box(seen)
        await withCheckedContinuation { continuation in
            do {
                try LineReader.start(
                    descriptor: pair.own,
                    onLine: { line in box.value.withLock { $0.append(line) } },
                    onEnd: { continuation.resume() }
                )
            } catch {
                Issue.record(error)
                continuation.resume()
            }
            #expect(StreamPair.write(Array("first\nsecond".utf8), to: pair.child))
            StreamPair.close(pair.child)
        }
        #expect(box.value.withLock { $0 } == ["first", "second"])
    }

    @Test("the end of a launcher's stream is noticed, bytes before it are not")
    func inputWatch() async throws {
        let pair = try StreamPair()
        let ended = Box(Mutex(false))
        try InputWatch.start(descriptor: pair.child) { ended.value.withLock { $0 = true } }
        #expect(StreamPair.write(Array("noise".utf8), to: pair.own))
        try await Task.sleep(for: .milliseconds(100))
        #expect(!ended.value.withLock { $0 })
        StreamPair.close(pair.own)
        for _ in 0..<400 where !ended.value.withLock({ $0 }) {
            try await Task.sleep(for: .milliseconds(5))
        }
        #expect(ended.value.withLock { $0 })
        StreamPair.close(pair.child)
    }

    @Test("a descriptor that is not open cannot be watched")
    func notOpen() {
        #expect(throws: ChildProcessError.self) { try InputWatch.start(descriptor: 250) {} }
    }
}

private final class Box<Value: ~Copyable & Sendable>: Sendable {
    let value: Value
    init(_ value: consuming Value) { self.value = value }
}
