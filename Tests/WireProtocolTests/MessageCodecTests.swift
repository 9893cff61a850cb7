import NIOCore
import Testing
import WireProtocol

@Suite struct MessageCodecTests {
    @Test(arguments: Sample.workerMessages)
    func everyWorkerMessageSurvivesTheWire(_ message: WorkerMessage) throws {
        var decoder = message.phase == .greeting ? FrameDecoder() : openDecoder(WorkerMessage.self)
        #expect(try decodeAll(Sample.bytes(of: message), with: &decoder) == [message])
    }

    @Test(arguments: Sample.coordinatorMessages)
    func everyCoordinatorMessageSurvivesTheWire(_ message: CoordinatorMessage) throws {
        var decoder =
            message.phase == .greeting ? FrameDecoder() : openDecoder(CoordinatorMessage.self)
        #expect(try decodeAll(Sample.bytes(of: message), with: &decoder) == [message])
    }

    @Test func aControlFrameHasTheBytesOfTheSpecification() throws {
        let message = WorkerMessage.started(lease: 300, perturbation: 7)
        #expect(
            try Sample.bytes(of: message) == [
                7, 0, 0, 0, 1,  // body length, kind
                0x1a, 5,  // field 3 of WorkerControl, 5 bytes
                0x08, 0xac, 0x02,  // lease 300
                0x10, 7,  // perturbation 7
            ]
        )
    }

    @Test func bulkFramesHaveTheBytesOfTheSpecification() throws {
        let chunk = ResourceChunk(request: 2, offset: 3, payload: ByteBuffer(bytes: [0xaa, 0xbb]))
        #expect(
            try Sample.bytes(of: CoordinatorMessage.resourceChunk(chunk)) == [
                18, 0, 0, 0, 2,
                2, 0, 0, 0, 0, 0, 0, 0,
                3, 0, 0, 0, 0, 0, 0, 0,
                0xaa, 0xbb,
            ]
        )
        let row = RowChunk(
            lease: 1,
            perturbation: 2,
            totalBytes: 5,
            offset: 4,
            digest: Sample.digest,
            payload: ByteBuffer(bytes: [0xcc])
        )
        #expect(
            try Sample.bytes(of: WorkerMessage.row(row)) == [
                45, 0, 0, 0, 3,
                1, 0, 0, 0, 0, 0, 0, 0,
                2, 0, 0, 0,
                5, 0, 0, 0, 0, 0, 0, 0,
                4, 0, 0, 0, 0, 0, 0, 0,
                0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
                0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff,
                0xcc,
            ]
        )
    }

    @Test func theLargestValidMessagesFitIntoTheirFrames() throws {
        let name = String(repeating: "n", count: ProtocolLimits.resourceNameBytes - 5)
        let resources = (0..<ProtocolLimits.resources).map {
            ResourceDescription(
                name: "\(name)\(10_000 + $0)",
                bytes: ProtocolLimits.resourceBytes,
                digest: Sample.digest
            )
        }
        var welcome = Sample.welcome
        welcome.optionsJSON = [UInt8](repeating: 0x20, count: ProtocolLimits.optionsBytes)
        welcome.method = String(repeating: "m", count: ProtocolLimits.methodBytes)
        welcome.resources = resources
        let lease = LeaseGrant(
            lease: .max,
            solo: false,
            perturbations: (0..<ProtocolLimits.leasedPerturbations).map {
                LeasedPerturbation(
                    index: .max - UInt32($0),
                    cells: .max,
                    block: resources[$0 % resources.count]
                )
            }
        )
        let durable = [UInt32](repeating: .max, count: ProtocolLimits.durablePerturbations)
        let messages: [CoordinatorMessage] = [
            .welcome(welcome), .lease(lease),
            .rowsDurable(perturbations: durable, creditBytes: ProtocolLimits.rowCreditBytes),
        ]
        let everyone = (0..<UInt32(ProtocolLimits.offeredRows)).map { .max - $0 }
        let others = everyone.map { $0 - 5000 }
        let answer = OfferAnswer(lease: .max, wanted: everyone, unneeded: others)
        for message in messages + [.offerAnswer(answer)] {
            let frame = try message.encoded()
            #expect(frame.byteCount <= ProtocolLimits.controlBodyBytes + 5, "\(message.name)")
        }
        let heartbeat = WorkerHeartbeat(
            finishedPerturbations: .max,
            runningPerturbations: [UInt32](
                repeating: .max,
                count: ProtocolLimits.runningPerturbations
            ),
            residentBytes: .max
        )
        let offer = everyone.map { OfferedRow(perturbation: $0, digest: Sample.digest) }
        for message in [WorkerMessage.heartbeat(heartbeat), .rowsOffered(offer)] {
            let frame = try message.encoded()
            #expect(frame.byteCount <= ProtocolLimits.controlBodyBytes + 5)
        }
    }

    @Test func theLargestGreetingFitsIntoItsFrame() throws {
        var hello = Sample.hello
        hello.build = String(repeating: "b", count: ProtocolLimits.buildBytes)
        hello.host = String(repeating: "h", count: ProtocolLimits.hostBytes)
        let frame = try WorkerMessage.hello(hello).encoded()
        #expect(frame.byteCount <= ProtocolLimits.greetingBodyBytes + 5)
    }

    @Test func freeTextsAreCutAndCleanedBySenders() throws {
        let reason = "bell\u{7}, line\nbreak, " + String(repeating: "β", count: 5000)
        let message = WorkerMessage.goodbye(reason: reason)
        var decoder = openDecoder(WorkerMessage.self)
        let decoded = try decodeAll(Sample.bytes(of: message), with: &decoder)
        guard case .goodbye(let received) = try #require(decoded.first) else {
            Issue.record("not a goodbye")
            return
        }
        #expect(received.hasPrefix("bell , line break, ββ"))
        #expect((2046...2048).contains(received.utf8.count))
    }

    @Test func aHelloOfAnotherMajorVersionIsReadAsFarAsItsMeaningIsFixed() throws {
        let body: [UInt8] = [0x0a, 11, 0x08, 9, 0x10, 4, 0x1a, 1, 0x78, 0x20, 99, 0x50, 1]
        var decoder = FrameDecoder<WorkerMessage>()
        let messages = try decodeAll(Sample.frame(kind: 1, body: body), with: &decoder)
        guard case .hello(let hello) = try #require(messages.first) else {
            Issue.record("not a hello")
            return
        }
        #expect(hello.protocolMajor == 9)
        #expect(hello.protocolMinor == 4)
        #expect(hello.build == "x")
    }

    @Test func unknownFieldsAreIgnoredAndUnknownMessagesRefused() throws {
        var decoder = openDecoder(CoordinatorMessage.self)
        // Heartbeat with an unknown field 9 inside, then field 15 beside it.
        let known: [UInt8] = [0x32, 2, 0x48, 1, 0x78, 5]
        #expect(try decodeAll(Sample.frame(kind: 1, body: known), with: &decoder) == [.heartbeat])
        #expect(throws: WireProtocolError.unknownMessage) {
            try decodeAll(Sample.frame(kind: 1, body: [0x7a, 0]), with: &decoder)
        }
    }

    @Test func aRowIsCutIntoChunksThatCoverItInOrder() {
        let row = Sample.payload(2 * ProtocolLimits.chunkPayloadBytes + 17)
        let chunks = RowChunk.chunks(lease: 4, perturbation: 5, digest: Sample.digest, row: row)
        #expect(chunks.map(\.offset) == [0, 1 << 20, 2 << 20])
        #expect(chunks.map(\.payload.readableBytes) == [1 << 20, 1 << 20, 17])
        #expect(chunks.allSatisfy { $0.totalBytes == UInt64(row.readableBytes) })
        var joined = ByteBuffer()
        for chunk in chunks {
            joined.writeImmutableBuffer(chunk.payload)
        }
        #expect(joined == row)
        #expect(
            RowChunk.chunks(lease: 4, perturbation: 5, digest: Sample.digest, row: ByteBuffer())
                .isEmpty
        )
    }
}
