import NIOCore
import TestSupport
import Testing
import WireProtocol

/// Damaged messages, as many as `CRISPYX_TEST_FUZZ_INPUTS` says, in both directions.
@Suite struct MutatedMessagesTests {
    /// What came of the inputs; all kinds must occur, or the damage is of no use.
    private struct Outcomes {
        var messages = 0
        var refusals = 0
        var waits = 0
    }

    /// Feeds a stream in two parts, and looks at every message that comes out.
    private func feed<Message: WireMessage>(
        _ bytes: [UInt8],
        _ decoder: FrameDecoder<Message>,
        _ outcomes: inout Outcomes,
        _ look: (Message) -> Void
    ) {
        var decoder = decoder
        let half = bytes.count / 2
        do throws(WireProtocolError) {
            for part in [bytes[..<half], bytes[half...]] {
                var input = ByteBuffer(bytes: part)
                while let message = try decoder.next(from: &input) {
                    outcomes.messages += 1
                    #expect((try? message.encoded()) != nil, "what is taken can be sent again")
                    look(message)
                }
                #expect(decoder.heldBytes <= bytes.count)
            }
            outcomes.waits += 1
        } catch {
            outcomes.refusals += 1
            #expect(!error.description.isEmpty && decoder.heldBytes <= 5)
        }
    }

    private func expectVariety(_ outcomes: Outcomes) {
        #expect(outcomes.messages > 0 && outcomes.refusals > 0 && outcomes.waits > 0)
    }

    @Test func messagesToTheCoordinator() throws {
        let samples = try Sample.workerMessages.map { try Sample.bytes(of: $0) }
        let streams = samples + zip(samples, samples.dropFirst()).map { $0 + $1 }
        var mutator = Mutator(seed: FuzzInputs.seed, words: ["../", "\u{1b}[0m", "\u{202e}"])
        var outcomes = Outcomes()
        for round in 0..<FuzzInputs.count() {
            let bytes = mutator.next(from: streams)
            var assembler = RowAssembler(rowBytes: 100, creditBytes: 300)
            let decoder =
                round % 3 == 0 ? FrameDecoder() : openDecoder(WorkerMessage.self)
            feed(bytes, decoder, &outcomes) { message in
                guard case .row(let chunk) = message else { return }
                _ = try? assembler.add(chunk)
            }
        }
        expectVariety(outcomes)
    }

    @Test func messagesToTheWorker() throws {
        let samples = try Sample.coordinatorMessages.map { try Sample.bytes(of: $0) }
        let streams = samples + zip(samples, samples.dropFirst()).map { $0 + $1 }
        var mutator = Mutator(seed: FuzzInputs.seed &+ 1, words: ["../", "\u{1b}[0m", "\u{202e}"])
        var outcomes = Outcomes()
        for round in 0..<FuzzInputs.count() {
            let bytes = mutator.next(from: streams)
            let decoder =
                round % 3 == 0 ? FrameDecoder() : openDecoder(CoordinatorMessage.self)
            feed(bytes, decoder, &outcomes) { _ in }
        }
        expectVariety(outcomes)
    }

    @Test func noiseInValidFrames() throws {
        var mutator = Mutator(seed: FuzzInputs.seed &+ 2)
        let bodies = try
            (Sample.workerMessages.map { try Sample.bytes(of: $0) }
            + Sample.coordinatorMessages.map { try Sample.bytes(of: $0) }).map {
                Array($0.dropFirst(5))
            }
        var outcomes = Outcomes()
        for round in 0..<FuzzInputs.count() {
            let body = mutator.next(from: bodies, mostBytes: 60_000)
            let kind: UInt8 = round % 5 == 0 ? 3 : 1
            feed(Sample.frame(kind: kind, body: body), openDecoder(WorkerMessage.self), &outcomes) {
                _ in
            }
            let downward = Sample.frame(kind: kind == 3 ? 2 : 1, body: body)
            feed(downward, openDecoder(CoordinatorMessage.self), &outcomes) { _ in }
        }
        #expect(outcomes.messages > 0 && outcomes.refusals > 0)
    }
}
