import NIOCore
import TestSupport
import Testing
import WireProtocol

/// Whatever bytes come: a typed error, a wait for more, or a message that is valid.
@Suite struct HostileBytesTests {
    /// Feeds bytes; true if every message that came out may be sent again.
    private func isHarmless<Message: WireMessage>(
        _ bytes: [UInt8],
        _ decoder: FrameDecoder<Message>
    ) -> Bool {
        var decoder = decoder
        var input = ByteBuffer(bytes: bytes)
        do throws(WireProtocolError) {
            while let message = try decoder.next(from: &input) {
                guard (try? message.encoded()) != nil else { return false }
            }
            return decoder.heldBytes <= bytes.count
        } catch {
            return !error.description.isEmpty && decoder.heldBytes <= 5
        }
    }

    @Test(arguments: Sample.workerMessages)
    func everyFlippedBitOfAWorkerMessageIsHarmless(_ message: WorkerMessage) throws {
        let bytes = try Sample.bytes(of: message)
        let decoder =
            message.phase == .greeting ? FrameDecoder() : openDecoder(WorkerMessage.self)
        for position in 0..<bytes.count * 8 {
            var flipped = bytes
            flipped[position / 8] ^= 1 << (position % 8)
            #expect(isHarmless(flipped, decoder), "bit \(position)")
        }
    }

    @Test(arguments: Sample.coordinatorMessages)
    func everyFlippedBitOfACoordinatorMessageIsHarmless(_ message: CoordinatorMessage) throws {
        let bytes = try Sample.bytes(of: message)
        let decoder =
            message.phase == .greeting ? FrameDecoder() : openDecoder(CoordinatorMessage.self)
        for position in 0..<bytes.count * 8 {
            var flipped = bytes
            flipped[position / 8] ^= 1 << (position % 8)
            #expect(isHarmless(flipped, decoder), "bit \(position)")
        }
    }

    @Test func randomStreamsAreHarmless() {
        var generator = SeededGenerator(seed: 5)
        for round in 0..<5000 {
            let length = Int.random(in: 0...300, using: &generator)
            let bytes = (0..<length).map { _ in UInt8.random(in: 0...255, using: &generator) }
            #expect(isHarmless(bytes, FrameDecoder<WorkerMessage>()), "round \(round)")
            #expect(isHarmless(bytes, openDecoder(CoordinatorMessage.self)), "round \(round)")
        }
    }

    @Test(arguments: [
        "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "SSH-2.0-OpenSSH_9.9\r\n", "\u{0}\u{0}\u{0}\u{0}\u{0}",
    ])
    func otherProtocolsAreRefusedAtOnce(_ text: String) {
        var decoder = FrameDecoder<WorkerMessage>()
        #expect(throws: WireProtocolError.self) {
            try decodeAll(Array(text.utf8), with: &decoder)
        }
    }
}
