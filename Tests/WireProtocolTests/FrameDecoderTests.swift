import NIOCore
import TestSupport
import Testing
import WireProtocol

@Suite struct FrameDecoderTests {
    @Test func bytesMayArriveOneByOne() throws {
        var stream: [UInt8] = []
        for message in Sample.workerMessages {
            stream += try Sample.bytes(of: message)
        }
        var decoder = FrameDecoder<WorkerMessage>()
        var messages: [WorkerMessage] = []
        for byte in stream {
            let new = try decodeAll([byte], with: &decoder)
            if messages.isEmpty, !new.isEmpty {
                decoder.open()
            }
            messages += new
        }
        #expect(messages == Sample.workerMessages)
        #expect(decoder.heldBytes == 0)
    }

    @Test func anyCutOfTheStreamGivesTheSameMessages() throws {
        var generator = SeededGenerator(seed: 11)
        var stream: [UInt8] = []
        let expected = Sample.coordinatorMessages.filter { $0.phase != .greeting }
        for message in expected {
            stream += try Sample.bytes(of: message)
        }
        for _ in 0..<500 {
            var decoder = openDecoder(CoordinatorMessage.self)
            var messages: [CoordinatorMessage] = []
            var rest = stream[...]
            while !rest.isEmpty {
                let length = Int.random(in: 1...min(400, rest.count), using: &generator)
                messages += try decodeAll(Array(rest.prefix(length)), with: &decoder)
                rest = rest.dropFirst(length)
            }
            #expect(messages == expected)
        }
    }

    @Test func aTruncatedFrameYieldsNothing() throws {
        for message in Sample.workerMessages where message.phase != .greeting {
            let bytes = try Sample.bytes(of: message)
            for length in 0..<bytes.count {
                var decoder = openDecoder(WorkerMessage.self)
                #expect(try decodeAll(Array(bytes.prefix(length)), with: &decoder).isEmpty)
                #expect(decoder.heldBytes == length)
            }
        }
    }

    @Test(arguments: [UInt8(1): 64 << 10, 3: (1 << 20) + 44])
    func lengthsAreJudgedBeforeAnythingIsHeld(_ limits: (kind: UInt8, limit: Int)) throws {
        var atLimit = openDecoder(WorkerMessage.self)
        let allowed = Sample.frame(kind: limits.kind, body: [], length: UInt32(limits.limit))
        #expect(try decodeAll(allowed, with: &atLimit).isEmpty)
        for length in [UInt32(limits.limit) + 1, .max] {
            var decoder = openDecoder(WorkerMessage.self)
            let error = #expect(throws: WireProtocolError.self) {
                try decodeAll(
                    Sample.frame(kind: limits.kind, body: [], length: length),
                    with: &decoder
                )
            }
            guard case .frameTooLarge(_, Int(length), limits.limit) = error else {
                Issue.record("\(String(describing: error))")
                return
            }
            #expect(decoder.heldBytes <= ProtocolLimits.frameHeaderBytes)
        }
    }

    @Test func aBulkFrameWithoutPayloadIsRefused() {
        for length in [UInt32(0), 43, 44] {
            var decoder = openDecoder(WorkerMessage.self)
            #expect(
                throws: WireProtocolError.frameTooShort(
                    kind: .rowChunk,
                    bytes: Int(length),
                    minimum: 45
                )
            ) {
                try decodeAll(Sample.frame(kind: 3, body: [], length: length), with: &decoder)
            }
        }
    }

    @Test func unknownKindsAndWrongDirectionsAreRefused() {
        for kind in UInt8.min...UInt8.max where !(1...3).contains(kind) {
            var decoder = openDecoder(WorkerMessage.self)
            #expect(throws: WireProtocolError.unknownFrameKind(kind)) {
                try decodeAll(Sample.frame(kind: kind, body: []), with: &decoder)
            }
        }
        var coordinator = openDecoder(WorkerMessage.self)
        #expect(throws: WireProtocolError.unexpectedFrameKind(.resourceChunk)) {
            try decodeAll(Sample.frame(kind: 2, body: []), with: &coordinator)
        }
        var worker = openDecoder(CoordinatorMessage.self)
        #expect(throws: WireProtocolError.unexpectedFrameKind(.rowChunk)) {
            try decodeAll(Sample.frame(kind: 3, body: []), with: &worker)
        }
    }

    @Test func beforeTheGreetingOnlySmallControlFramesMayCome() throws {
        var large = FrameDecoder<WorkerMessage>()
        #expect(
            throws: WireProtocolError.frameTooLarge(kind: .control, bytes: 4097, limit: 4096)
        ) {
            try decodeAll(Sample.frame(kind: 1, body: [], length: 4097), with: &large)
        }
        var bulk = FrameDecoder<WorkerMessage>()
        #expect(throws: WireProtocolError.messageBeforeGreeting(message: "row chunk")) {
            try decodeAll(Sample.frame(kind: 3, body: [], length: 100), with: &bulk)
        }
        for message in Sample.workerMessages where message.phase != .greeting {
            var decoder = FrameDecoder<WorkerMessage>()
            #expect(throws: WireProtocolError.self, "\(message.name)") {
                try decodeAll(Sample.bytes(of: message), with: &decoder)
            }
        }
    }

    @Test func betweenHelloAndWelcomeAWorkerMayOnlyLiveOrLeave() throws {
        for message in Sample.workerMessages {
            var decoder = FrameDecoder<WorkerMessage>()
            _ = try decodeAll(Sample.bytes(of: WorkerMessage.hello(Sample.hello)), with: &decoder)
            if message.phase == .anyTime {
                #expect(try decodeAll(Sample.bytes(of: message), with: &decoder) == [message])
            } else {
                #expect(throws: WireProtocolError.self, "\(message.name)") {
                    try decodeAll(Sample.bytes(of: message), with: &decoder)
                }
            }
        }
    }

    @Test func aCoordinatorMayLiveBeforeItAnswers() throws {
        let heartbeat = try Sample.bytes(of: CoordinatorMessage.heartbeat)
        let welcome = try Sample.bytes(of: CoordinatorMessage.welcome(Sample.welcome))
        let lease = try Sample.bytes(of: CoordinatorMessage.lease(Sample.lease))
        var decoder = FrameDecoder<CoordinatorMessage>()
        #expect(try decodeAll(heartbeat + welcome + lease, with: &decoder).count == 3)
        var early = FrameDecoder<CoordinatorMessage>()
        #expect(throws: WireProtocolError.messageBeforeGreeting(message: "lease")) {
            try decodeAll(heartbeat + lease, with: &early)
        }
    }

    @Test func nothingFollowsARefusal() throws {
        let refused = CoordinatorMessage.refused(Refusal(code: .busy, text: "later"))
        var decoder = FrameDecoder<CoordinatorMessage>()
        _ = try decodeAll(Sample.bytes(of: refused), with: &decoder)
        #expect(throws: WireProtocolError.messageBeforeGreeting(message: "lease")) {
            try decodeAll(
                Sample.bytes(of: CoordinatorMessage.lease(Sample.lease)),
                with: &decoder
            )
        }
    }

    @Test func aGreetingComesOnce() throws {
        let hello = try Sample.bytes(of: WorkerMessage.hello(Sample.hello))
        var decoder = openDecoder(WorkerMessage.self)
        #expect(throws: WireProtocolError.repeatedGreeting(message: "hello")) {
            try decodeAll(hello, with: &decoder)
        }
    }

    @Test func aFailedDecoderStaysFailed() throws {
        var decoder = openDecoder(WorkerMessage.self)
        #expect(throws: WireProtocolError.unknownFrameKind(9)) {
            try decodeAll(Sample.frame(kind: 9, body: []), with: &decoder)
        }
        #expect(throws: WireProtocolError.unknownFrameKind(9)) {
            try decodeAll(
                Sample.bytes(of: WorkerMessage.goodbye(reason: "")),
                with: &decoder
            )
        }
    }
}
